//! Files and tests that pages name, and what they link to: who follows one finds it, and a claim has the test that it leans on.
//!
//! Of names only whole ones are looked at: `folder/file`, from the root or below `host`, `folder/{file,another}`, and
//! `folder/file::function`. What is cut short, has a placeholder in it or is no path is left alone, and so is what the named
//! thing says. Of links those within the tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Pages beside those of [`FOLDER`].
const PAGES: [&str; 2] = ["README.md", "CONTRIBUTING.md"];

/// Pages, at any depth.
const FOLDER: &str = "docs";

/// Pages whose paths are of the project that an author has.
const OF_AUTHORS: [&str; 3] = ["docs/plugins/go.md", "docs/plugins/javascript.md", "docs/plugins/python.md"];

/// What a page names or links to and is not there, one line each.
///
/// # Errors
/// If a page cannot be read.
pub(super) fn broken(root: &Path) -> Result<Vec<String>> {
    let mut pages: Vec<PathBuf> = PAGES.iter().map(PathBuf::from).collect();
    collect(root, Path::new(FOLDER), &mut pages)?;
    pages.sort();
    let below =
        |name: &str| [root.join(name), root.join("host").join(name)].into_iter().find(|path| path.exists());
    let mut broken = Vec::new();
    for page in pages {
        let (place, text) = (page.display().to_string(), read(&root.join(&page))?);
        if !OF_AUTHORS.contains(&place.as_str()) {
            for (file, function) in named(&text, |top| below(top).is_some()) {
                let Some(there) = below(&file) else {
                    broken.push(format!("{place}: there is no {file}"));
                    continue;
                };
                if let Some(function) = function
                    && !read(&there)?.contains(&format!("fn {function}("))
                {
                    broken.push(format!("{place}: {file} has no {function}"));
                }
            }
        }
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let there = match file {
                "" => root.join(&page),
                file => root.join(page.parent().unwrap_or(Path::new(""))).join(file),
            };
            if !there.exists() {
                broken.push(format!("{place}: the link {link} leads nowhere"));
            } else if !anchor.is_empty() && !anchors(&read(&there)?).contains(anchor) {
                broken.push(format!("{place}: the link {link} leads to no heading"));
            }
        }
    }
    Ok(broken)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}

/// Pages below a folder.
fn collect(root: &Path, folder: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    let place = || folder.display().to_string();
    for entry in std::fs::read_dir(root.join(folder)).with_context(place)? {
        let entry = entry.with_context(place)?;
        let path = folder.join(entry.file_name());
        if entry.file_type().with_context(place)?.is_dir() {
            collect(root, &path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}

/// Lines that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        code ^= fence;
        !fence && !code
    })
}

/// Where links lead that stay in the tree.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in prose(text) {
        // A link's own text may be code; what stands between backquotes is none.
        for (index, part) in line.split("](").enumerate().skip(1) {
            let before: usize = line.split("](").take(index).map(|part| part.matches('`').count()).sum();
            let target = part.split_once(')').map(|(target, _)| target);
            let Some(target) = target.filter(|_| before.is_multiple_of(2)) else { continue };
            if !target.contains("://") && !target.starts_with("mailto:") && !target.contains(' ') {
                found.push(target);
            }
        }
    }
    found
}

/// What headings are called in links: as GitHub has it.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(text).filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let name: String =
            kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(again).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// Files, and perhaps a function in each, that stand between backquotes and begin with one of the tops.
fn named(text: &str, is_top: impl Fn(&str) -> bool) -> Vec<(String, Option<&str>)> {
    let mut found = Vec::new();
    for line in prose(text) {
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

    #[test]
    fn links_and_what_they_lead_to() {
        let text = "[a](b.md#c-d), [`e`](#f) and [g](https://h.example/#i); `[j](k)`\n```\n[l](m)\n```\n[n](../o.rs)";
        assert_eq!(links(text), ["b.md#c-d", "#f", "../o.rs"]);
        let page = "# What `is` here\n```\n# no heading\n```\n## Two, twice\n### Two, twice\n## A_b-c: 1.2";
        let found: Vec<String> = anchors(page).into_iter().collect();
        assert_eq!(found, ["a_b-c-12", "two-twice", "two-twice-1", "what-is-here"]);
    }
}
