//! Direct dependencies: each has its row in `docs/dependencies.md`, each row its dependency, and each is used where it is
//! named.
//!
//! Manifests are read as text, as in `rules`. Our own crates are no dependencies here; starters are authors' projects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};

const PAGE: &str = "docs/dependencies.md";

/// The page's sections, and whose dependencies stand there: folders whose crates are in it, and whether what is for tests
/// counts. What stands in a section before needs no row in the last.
const SECTIONS: [(&str, &[&str]); 3] = [
    ("The binary", &["crds", "host"]),
    ("The plugins", &["plugins"]),
    ("Tests and `xtask`", &["tests", "xtask", "fuzz", "plugins/fixtures", "plugins/examples"]),
];

/// Folders of crates that are not shipped, and those that are no crates of ours.
const NOT_SHIPPED: [&str; 3] = ["fixtures", "examples", "starters"];

/// Packages whose library is called otherwise.
const LIBRARIES: [(&str, &str); 1] = [("rustls-webpki", "webpki")];

/// Named for what they switch on or off in other crates, and not used.
const SWITCHES: [(&str, &str); 1] = [("plugins/aws-credentials", "tracing")];

/// What is wrong, one line each.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn broken(root: &Path) -> Result<Vec<String>> {
    let page = std::fs::read_to_string(root.join(PAGE)).with_context(|| PAGE.to_owned())?;
    let mut broken = Vec::new();
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (section, folders) in SECTIONS {
        for folder in folders {
            for manifest in manifests(root, folder)? {
                let text = std::fs::read_to_string(root.join(&manifest).join("Cargo.toml"));
                let found = dependencies(&text.with_context(|| manifest.clone())?);
                broken.extend(unused(root, &manifest, &found)?);
                for (name, for_tests) in found {
                    let section = if for_tests { SECTIONS[2].0 } else { section };
                    named.entry(section).or_default().insert(name);
                }
            }
        }
    }
    let workspace = std::fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml")?;
    let all: BTreeSet<&String> = named.values().flatten().collect();
    let idle = dependencies(&workspace).into_iter().filter(|(name, _)| !all.contains(name));
    broken.extend(idle.map(|(name, _)| format!("Cargo.toml: no crate takes {name}")));
    broken.extend(differences(&page, named));
    Ok(broken)
}

/// Rows that are missing, and rows of what nobody names.
fn differences(page: &str, mut named: BTreeMap<&str, BTreeSet<String>>) -> Vec<String> {
    let shipped: BTreeSet<String> = SECTIONS[..2]
        .iter()
        .flat_map(|(section, _)| named.get(section).into_iter().flatten().cloned())
        .collect();
    named.entry(SECTIONS[2].0).or_default().retain(|name| !shipped.contains(name));
    let mut broken = Vec::new();
    for (section, _) in SECTIONS {
        let named = named.get(section).cloned().unwrap_or_default();
        let rows = rows(page, section);
        let without = named.difference(&rows).map(|name| format!("{PAGE}: {section}: {name} has no row"));
        broken.extend(without);
        let stale = rows.difference(&named).map(|name| format!("{PAGE}: {section}: nobody names {name}"));
        broken.extend(stale);
    }
    broken
}

/// The folders of the crates below a folder, or that one itself.
fn manifests(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        let path = root.join(&folder);
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
        if manifest.contains("\n[package]\n") || manifest.starts_with("[package]\n") {
            found.push(folder.clone());
        }
        for entry in std::fs::read_dir(&path).with_context(|| folder.clone())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let passed = ["src", "target", "tests"].contains(&&*name) || NOT_SHIPPED.contains(&&*name);
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !passed {
                next.push(format!("{folder}/{name}"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Others' packages that a manifest names, and whether for tests.
fn dependencies(manifest: &str) -> BTreeSet<(String, bool)> {
    let (mut counts, mut for_tests) = (false, false);
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            counts = line.ends_with("dependencies]");
            for_tests = line.ends_with("dev-dependencies]");
            continue;
        }
        let name: String =
            line.chars().take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
        let rest = &line[name.len()..];
        let of_ours = rest.contains("path = ");
        if counts
            && !name.is_empty()
            && !of_ours
            && (rest.starts_with('.') || rest.trim_start().starts_with('='))
        {
            found.insert((name, for_tests));
        }
    }
    found.retain(|(name, _)| !name.starts_with("claviger"));
    found
}

/// Those of a crate that none of its files names.
fn unused(root: &Path, folder: &str, named: &BTreeSet<(String, bool)>) -> Result<Vec<String>> {
    let mut text = String::new();
    let mut next = vec![root.join(folder)];
    while let Some(path) = next.pop() {
        for entry in std::fs::read_dir(&path).with_context(|| path.display().to_string())?.flatten() {
            let path = entry.path();
            let crate_of_its_own = path.join("Cargo.toml").is_file();
            if path.is_dir() && !crate_of_its_own && !path.ends_with("target") {
                next.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let code = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                // A module whose file is elsewhere.
                let elsewhere = code.split("#[path = \"").skip(1).filter_map(|rest| rest.split_once('"'));
                for (file, _) in elsewhere.filter(|(file, _)| file.starts_with("..")) {
                    let file = path.with_file_name(file);
                    text += &std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
                }
                text.extend(
                    code.lines()
                        .filter(|line| !line.trim_start().starts_with("//"))
                        .flat_map(|line| [line, "\n"]),
                );
            }
        }
    }
    let library = |name: &str| {
        let known = LIBRARIES.iter().find(|(package, _)| *package == name);
        known.map_or_else(|| name.replace('-', "_"), |(_, library)| (*library).to_owned())
    };
    let idle = named.iter().filter(|(name, _)| !SWITCHES.contains(&(folder, name.as_str())));
    let idle = idle.filter(|(name, _)| !names(&text, &library(name)));
    Ok(idle.map(|(name, _)| format!("{folder}/Cargo.toml: {name} is named, and not used")).collect())
}

/// Whether a text has that word.
fn names(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

/// First cells of the tables in a section, that stand between backquotes.
fn rows(page: &str, section: &str) -> BTreeSet<String> {
    let lines = page.lines().skip_while(|line| line.strip_prefix("## ") != Some(section)).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("## "));
    lines.filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn manifests_are_read_however_they_are_written() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\na.workspace = true\nb-c = { workspace = true }\nclaviger-core.workspace = true\n# d = \"1\"\n\
                        \n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n\n[dev-dependencies]\nf = \"1\"\nour = { path = \"../our\" }\n\n[workspace.lints]\ng = \"warn\"\n";
        let found: Vec<(String, bool)> = dependencies(manifest).into_iter().collect();
        let expected = [("a", false), ("b-c", false), ("e", false), ("f", true)];
        assert_eq!(found, expected.map(|(name, for_tests)| (name.to_owned(), for_tests)));
    }

    #[test]
    fn a_row_that_is_missing_and_one_too_many_are_told() {
        let page =
            "## The binary\n| `a` | x |\n| `old` | x |\n## The plugins\n## Tests and `xtask`\n| `t` | y |\n";
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let named = BTreeMap::from([
            ("The binary", set(&["a"])),
            ("The plugins", set(&["p"])),
            // What is shipped has its row there.
            ("Tests and `xtask`", set(&["a", "t"])),
        ]);
        let broken = differences(page, named);
        let expected = [
            "docs/dependencies.md: The binary: nobody names old",
            "docs/dependencies.md: The plugins: p has no row",
        ];
        assert_eq!(broken, expected);
    }

    #[test]
    fn each_workspace_has_its_section() {
        let root = claviger_testenv::workspace_root();
        let folders = SECTIONS.iter().flat_map(|(_, folders)| folders.iter());
        let found: BTreeSet<String> = folders.flat_map(|folder| manifests(&root, folder).unwrap()).collect();
        for one in [
            "crds",
            "host/cli",
            "plugins/fake",
            "tests",
            "tests/env",
            "xtask",
            "fuzz",
            "plugins/fixtures/misbehaving",
        ] {
            assert!(found.contains(one), "{one} is not in {found:?}");
        }
    }

    #[test]
    fn a_word_is_a_whole_one() {
        assert!(names("use http::Uri;", "http") && names("hyper_util::x", "hyper_util"));
        assert!(!names("use http_body::Body;", "http") && !names("xhttp", "http"));
    }
}
