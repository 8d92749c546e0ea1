//! Files and tests that pages name: who follows one finds it, and a claim has the test that it leans on.
//!
//! Only whole names are looked at: `folder/file`, from the root, and `folder/file::function`. What is cut short, has a
//! placeholder in it or is no path is left alone, and so is what the named thing says.

use std::path::Path;

use anyhow::{Context as _, Result};

/// Pages that name files in full.
const PAGES: [&str; 6] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/comparison.md",
    "docs/faults.md",
    "docs/security.md",
    "docs/seed.md",
];

/// What a page names and is not there, one line each.
///
/// # Errors
/// If a page cannot be read.
pub(super) fn broken(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for page in PAGES {
        let text = std::fs::read_to_string(root.join(page)).with_context(|| page.to_owned())?;
        for (file, function) in named(&text, |top| root.join(top).exists()) {
            let there = root.join(file);
            if !there.exists() {
                broken.push(format!("{page}: there is no {file}"));
            } else if let Some(function) = function {
                let text = std::fs::read_to_string(&there).with_context(|| file.to_owned())?;
                if !text.contains(&format!("fn {function}(")) {
                    broken.push(format!("{page}: {file} has no {function}"));
                }
            }
        }
    }
    Ok(broken)
}

/// Files, and perhaps a function in each, that stand between backquotes and begin at the root.
fn named(text: &str, is_top: impl Fn(&str) -> bool) -> Vec<(&str, Option<&str>)> {
    let mut found = Vec::new();
    let mut code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            code = !code;
        } else if !code {
            for name in line.split('`').skip(1).step_by(2) {
                let (file, function) = match name.split_once("::") {
                    Some((file, path)) => (file, path.rsplit("::").next()),
                    None => (name, None),
                };
                let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
                let top = file.split_once('/').map(|(top, _)| top).filter(|top| !top.is_empty());
                if file.chars().all(plain) && top.is_some_and(&is_top) {
                    found.push((file, function));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_found_and_nothing_else() {
        let text = "See `host/a.rs`, `host/b.rs::Type::test` and `c.rs`; `host/<name>.rs`, `host/{a,b}.rs`, `/readyz`.\n\
                    ```\n`host/code.rs`\n```\n`reconcile.io/managed` `POST host/x` `host/d/`";
        let found = named(text, |top| top == "host");
        assert_eq!(found, [("host/a.rs", None), ("host/b.rs", Some("test")), ("host/d/", None)]);
    }
}
