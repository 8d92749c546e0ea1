//! Files and tests that pages name: who follows one finds it, and a claim has the test that it leans on.
//!
//! Only whole names are looked at: `folder/file`, from the root or below `host`, `folder/{file,another}`, and
//! `folder/file::function`. What is cut short, has a placeholder in it or is no path is left alone, and so is what the named
//! thing says.

use std::path::Path;

use anyhow::{Context as _, Result};

/// Pages that name files in full.
const PAGES: [&str; 6] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/ARCHITECTURE.md",
    "docs/comparison.md",
    "docs/security.md",
    "docs/seed.md",
];

/// What a page names and is not there, one line each.
///
/// # Errors
/// If a page cannot be read.
pub(super) fn broken(root: &Path) -> Result<Vec<String>> {
    let below =
        |name: &str| [root.join(name), root.join("host").join(name)].into_iter().find(|path| path.exists());
    let mut broken = Vec::new();
    for page in PAGES {
        let text = std::fs::read_to_string(root.join(page)).with_context(|| page.to_owned())?;
        for (file, function) in named(&text, |top| below(top).is_some()) {
            let Some(there) = below(&file) else {
                broken.push(format!("{page}: there is no {file}"));
                continue;
            };
            if let Some(function) = function {
                let text = std::fs::read_to_string(&there).with_context(|| file.clone())?;
                if !text.contains(&format!("fn {function}(")) {
                    broken.push(format!("{page}: {file} has no {function}"));
                }
            }
        }
    }
    Ok(broken)
}

/// Files, and perhaps a function in each, that stand between backquotes and begin with one of the tops.
fn named(text: &str, is_top: impl Fn(&str) -> bool) -> Vec<(String, Option<&str>)> {
    let mut found = Vec::new();
    let mut code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            code = !code;
        } else if !code {
            for name in line.split('`').skip(1).step_by(2) {
                let (files, function) = match name.split_once("::") {
                    Some((files, path)) => (files, path.rsplit("::").next()),
                    None => (name, None),
                };
                for file in each(files) {
                    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
                    let top = file.split_once('/').map(|(top, _)| top).filter(|top| !top.is_empty());
                    if file.chars().all(plain) && top.is_some_and(&is_top) {
                        found.push((file, function));
                    }
                }
            }
        }
    }
    found
}

/// `a/{b,c}.rs` names two.
fn each(files: &str) -> Vec<String> {
    match files.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (among, after))) => {
            among.split(',').map(|one| format!("{before}{}{after}", one.trim())).collect()
        }
        None => vec![files.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_found_and_nothing_else() {
        let text = "See `host/a.rs`, `host/b.rs::Type::test` and `c.rs`; `host/<name>.rs`, `host/{c,d/}`, `/readyz`.\n\
                    ```\n`host/code.rs`\n```\n`reconcile.io/managed` `POST host/x` `host/d/`";
        let found = named(text, |top| top == "host");
        let found: Vec<_> = found.iter().map(|(file, function)| (file.as_str(), *function)).collect();
        let expected = ["host/c", "host/d/", "host/d/"].map(|file| (file, None));
        assert_eq!(found[..2], [("host/a.rs", None), ("host/b.rs", Some("test"))]);
        assert_eq!(found[2..], expected);
    }
}
