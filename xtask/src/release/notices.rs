//! The texts of licences that have to be passed on with what is built of the packages.
//!
//! They are read from the packages as they were fetched, and of what comes with a compiler from `xtask/licences`. A text
//! that several have stands once. What a package does not bring is named with its terms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::graph::{About, Key};
use super::standard::Part;

/// How files with such texts begin, in capitals.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

const RULE: &str = "\n--------------------------------------------------------------------------------\n\n";

/// One text for what comes with the compilers and for all of these packages.
///
/// # Errors
/// If a file of one cannot be read.
pub(crate) fn notices<'a>(
    standard: &BTreeSet<Part>,
    packages: impl Iterator<Item = (&'a Key, &'a About)>,
) -> Result<String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut without = Vec::new();
    let mut list = String::new();
    for part in standard {
        list.push_str(&format!("{part}: {}\n", part.license));
        texts.entry(part.text.to_owned()).or_default().push(part.to_string());
    }
    for (key, about) in packages.filter(|(_, about)| about.fetched) {
        let terms = about.license.as_deref().unwrap_or("terms of its own");
        list.push_str(&format!("{} {}: {terms}\n", key.name, key.version));
        let found = files(&about.folder)?;
        if found.is_empty() {
            without.push(format!("{} {}: {terms}", key.name, key.version));
        }
        for text in found {
            texts.entry(text).or_default().push(format!("{} {}", key.name, key.version));
        }
    }
    let mut all =
        "Claviger contains these packages under these terms. The texts follow, each with those that it \
                   belongs to.\n\n"
            .to_owned();
    all.push_str(&list);
    if !without.is_empty() {
        all.push_str("\nWithout a text in the package:\n\n");
        without.iter().for_each(|line| all.push_str(&format!("{line}\n")));
    }
    for (text, mut owners) in texts {
        owners.dedup();
        all.push_str(RULE);
        all.push_str(&format!("{}\n\n{}\n", owners.join(", "), text.trim_end()));
    }
    Ok(all)
}

/// The texts in a package's folder.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if NAMES.iter().any(|begin| name.starts_with(begin)) && !name.ends_with(".RS") {
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            texts.push(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim_end().to_owned());
        }
    }
    texts.sort();
    Ok(texts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_text_stands_once_and_what_has_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let package = |name: &str, files: &[(&str, &str)], fetched: bool| {
            let folder = dir.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            files.iter().for_each(|(file, text)| std::fs::write(folder.join(file), text).unwrap());
            let key = Key { name: name.to_owned(), version: "1.0.0".to_owned() };
            (key, About { license: Some("MIT".to_owned()), fetched, folder, ..About::default() })
        };
        let packages = [
            package("a", &[("LICENSE-MIT", "terms\r\nof all\n"), ("license.rs", "code")], true),
            package("b", &[("Licence.md", "terms\nof all")], true),
            package("c", &[("README.md", "")], true),
            package("own", &[("LICENSE", "own")], false),
        ];
        let std = |version: &str| Part {
            name: "rust-std",
            version: Some(version.to_owned()),
            description: "",
            license: "MIT",
            text: "terms of the compiler",
        };
        let standard = BTreeSet::from([std("1.95.0"), std("1.94.0")]);
        let text = notices(&standard, packages.iter().map(|(key, about)| (key, about))).unwrap();
        assert!(text.contains("rust-std 1.94.0, rust-std 1.95.0\n\nterms of the compiler\n"), "{text}");
        assert!(text.contains("\nrust-std 1.95.0: MIT\n"), "{text}");
        assert_eq!(text.matches("terms\nof all").count(), 1, "{text}");
        assert!(text.contains("a 1.0.0, b 1.0.0\n\nterms"), "{text}");
        assert!(text.contains("Without a text in the package:\n\nc 1.0.0: MIT\n"), "{text}");
        assert!(!text.contains("own") && !text.contains("code"), "{text}");
    }
}
