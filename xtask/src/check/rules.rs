//! Rules that the compiler does not know: who may depend on whom, and what every file looks like.
//!
//! They are the layout's promises (docs/ARCHITECTURE.md): the pure crates stay pure, the plugin host
//! knows no Kubernetes. Read as text, without a manifest parser: a rule looks for a dependency's line.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A longer file has more than one job.
const MAX_LINES: usize = 800;

/// Manifest, what must not stand in its dependencies, and why.
const BOUNDARIES: &[(&str, &[&str], &str)] = &[
    (
        "crds/Cargo.toml",
        &["claviger-core", "claviger-plugins", "tokio", "wasmtime", "reqwest"],
        "API types have no logic",
    ),
    (
        "host/core/Cargo.toml",
        &[
            "kube",
            "tokio",
            "wasmtime",
            "reqwest",
            "claviger-plugins",
            "claviger-conformance",
            "claviger-operator",
        ],
        "core is pure",
    ),
    (
        "host/plugins/Cargo.toml",
        &["kube", "k8s-openapi", "claviger-crds", "claviger-conformance", "claviger-operator"],
        "the plugin host knows no Kubernetes",
    ),
    (
        "host/conformance/Cargo.toml",
        &["kube", "k8s-openapi", "claviger-crds", "claviger-operator"],
        "the suite needs a backend and no Kubernetes",
    ),
    ("host/operator/Cargo.toml", &["claviger-conformance"], "the operator runs no tests"),
    (
        "tests/env/Cargo.toml",
        &["claviger-core", "claviger-crds", "claviger-plugins", "claviger-conformance", "claviger-operator"],
        "the test servers judge the product from outside",
    ),
];

/// Words that stand for a finished thing that is not.
const UNFINISHED: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Where all that is compiled lies.
pub(super) const FOLDERS: [&str; 6] = ["crds", "fuzz", "host", "plugins", "tests", "xtask"];

/// Every rule that is broken, one line each.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn broken(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for (manifest, forbidden, why) in BOUNDARIES {
        let path = root.join(manifest);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for name in *forbidden {
            if depends_on(&text, name) {
                broken.push(format!("{manifest}: depends on {name}, but {why}"));
            }
        }
        if *manifest == "crds/Cargo.toml" && text.contains("\"client\"") {
            broken.push(format!("{manifest}: takes kube's client, but {why}"));
        }
    }
    for path in rust_files(root)? {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        broken.extend(file_rules(&name, &text));
    }
    Ok(broken)
}

/// Whether `name` is a dependency for use or for building; what tests use is their own affair.
fn depends_on(manifest: &str, name: &str) -> bool {
    let mut counts = false;
    manifest.lines().any(|line| {
        if line.starts_with('[') {
            counts = line.contains("dependencies") && !line.contains("dev-dependencies");
        }
        let key = line.split(['=', '.', ' ']).next().unwrap_or_default();
        counts && key == name
    })
}

fn file_rules(name: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let mut rule = |holds: bool, what: String| {
        if !holds {
            broken.push(format!("{name}: {what}"));
        }
    };
    rule(text.starts_with("//!"), "does not open with //! saying what it is for".to_owned());
    let lines = text.lines().count();
    rule(lines <= MAX_LINES, format!("{lines} lines, more than {MAX_LINES}"));
    for word in UNFINISHED {
        rule(!text.contains(word), format!("says {word}"));
    }
    rule(!text.contains(concat!("#[ign", "ore")), "leaves a test out".to_owned());
    broken
}

fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    below(FOLDERS.map(|name| root.join(name)).into(), |path| {
        path.extension().is_some_and(|extension| extension == "rs")
    })
}

/// Files in these folders and all below, in order.
///
/// # Errors
/// If a folder cannot be read.
pub(super) fn below(mut folders: Vec<PathBuf>, is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() && name != "target" {
                folders.push(path);
            } else if is_wanted(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn a_dependency_is_found_however_it_is_written_but_not_for_tests() {
        let manifest = "[dependencies]\nkube.workspace = true\ntokio = \"1\"\nkube-extra = \"1\"\n\n[dev-dependencies]\nreqwest = \"1\"\n";
        let cases = [("kube", true), ("tokio", true), ("reqwest", false), ("wasmtime", false)];
        for (name, expected) in cases {
            assert_eq!(depends_on(manifest, name), expected, "{name}");
        }
    }

    #[test]
    fn each_rule_of_a_file_is_named() {
        assert!(file_rules("good.rs", "//! Good.\n").is_empty());
        let bad = format!("fn main() {{}} // {}\n{}", UNFINISHED[0], "\n".repeat(MAX_LINES));
        let broken = file_rules("bad.rs", &bad);
        assert_eq!(broken.len(), 3, "{broken:?}");
    }
}
