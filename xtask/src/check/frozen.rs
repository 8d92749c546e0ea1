//! What is released does not change any more: the interface of a frozen version word for word, and the components that were
//! built when it was frozen, byte for byte. Comments may still become better. And docs/wit.md says something of each function.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// Folders that are frozen, and the sum of what is in them. A sum is changed by nobody: what is wanted anew goes into
/// another folder.
const FROZEN: &[(&str, &str)] = &[
    ("wit/v1", "cf3d59d779c16553a2f5bce7b3d1a787da7280493ffdf6c7c25778775f79eb99"),
    ("wit/events/v1", "77b304c9af6dabd60ab7a288de2c7947773848cf38b3fb829a3dc6ec6b6fa476"),
    ("host/plugins/tests/v1", "cd2049ccb130b5901404b2d91dee5661e5ab827a99cc72400604d9e77ff8ab54"),
    ("host/plugins/tests/events-v1", "26b3cb56493e324156538e9d20357fb4ec0cec3a5a00e8ff79faf1b0f05e7b21"),
];

/// What the page is about.
const INTERFACES: [&str; 2] = ["wit/v1", "wit/events/v1"];
const PAGE: &str = "docs/wit.md";

/// Every folder that is not what it was, one line each.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn broken(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for (folder, expected) in FROZEN {
        let mut files = BTreeMap::new();
        collect(&root.join(folder), folder, &mut files)?;
        let found = sum(&files);
        if found != *expected {
            broken.push(format!(
                "{folder}: it is frozen, and its sum is {found}, not {expected}: what plugins were built for must stay; \
                 put what is new into a folder beside it"
            ));
        }
    }
    let page = std::fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    for interface in INTERFACES {
        for name in std::fs::read_dir(root.join(interface)).context(interface)? {
            let path = name.context(interface)?.path();
            if path.extension().is_some_and(|extension| extension == "wit") {
                let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                broken.extend(
                    undocumented(&text, &page).into_iter().map(|name| format!("{PAGE}: nothing of {name}")),
                );
            }
        }
    }
    Ok(broken)
}

/// Functions of an interface file that have no heading in the page.
fn undocumented(text: &str, page: &str) -> Vec<String> {
    let (mut interface, mut resource, mut missing) = ("", None, Vec::new());
    for line in text.lines().map(str::trim) {
        let name_after = |word: &str| line.strip_prefix(word).and_then(|rest| rest.split([' ', '{']).next());
        if let Some(name) = name_after("interface ") {
            interface = name;
        } else if let Some(name) = name_after("resource ") {
            resource = Some(name);
        } else if line == "}" {
            resource = None;
        } else if let Some((name, _)) = line.split_once(": func(") {
            let name = match resource {
                Some(resource) => format!("{interface}.{resource}.{name}"),
                None => format!("{interface}.{name}"),
            };
            if !page.contains(&format!("\n### `{name}`\n")) {
                missing.push(name);
            }
        }
    }
    missing
}

fn collect(at: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let place = || at.display().to_string();
    for entry in std::fs::read_dir(at).with_context(place)? {
        let entry = entry.with_context(place)?;
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().with_context(place)?.is_dir() {
            collect(&entry.path(), &name, files)?;
        } else {
            let bytes = std::fs::read(entry.path()).with_context(|| name.clone())?;
            files.insert(name, bytes);
        }
    }
    Ok(())
}

/// Of all files with their names; of the interface only its words.
fn sum(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut sum = Sha256::new();
    for (name, bytes) in files {
        let words =
            if name.ends_with(".wit") { words(&String::from_utf8_lossy(bytes)) } else { bytes.clone() };
        for part in [name.as_bytes(), &words] {
            sum.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            sum.update(part);
        }
    }
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Without comments and white space. The interface's files have line comments only.
fn words(text: &str) -> Vec<u8> {
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(words, _)| words));
    lines.flat_map(str::split_whitespace).flat_map(|word| [word.as_bytes(), b" "].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        sum(&BTreeMap::from([("a.wit".to_owned(), text.as_bytes().to_vec())]))
    }

    #[test]
    fn every_function_has_a_heading() {
        let text =
            "interface memo {\n  resource ticket {\n    put: func(a: u8);\n  }\n  begin: func(b: u8);\n}\n";
        assert_eq!(undocumented(text, "\n### `memo.begin`\n"), ["memo.ticket.put"]);
        assert_eq!(undocumented(text, "\n### `memo.ticket.put`\n"), ["memo.begin"]);
    }

    #[test]
    fn comments_are_free_and_words_are_not() {
        let was = of("/// Reads.\nget: func(s: session);\n");
        assert_eq!(of("// It reads.\n  get:   func(s:\n session); // well\n"), was);
        for other in ["get: func(s: session, t: u8);", "got: func(s: session);", "get: func(ss: ession);"] {
            assert_ne!(of(other), was, "{other}");
        }
        let renamed = BTreeMap::from([("b.wit".to_owned(), b"get: func(s: session);".to_vec())]);
        assert_ne!(sum(&renamed), was);
    }
}
