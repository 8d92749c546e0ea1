//! What holds of the sources, besides that they work: formatting, lints, boundaries between crates, file
//! sizes, generated files.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use claviger_testenv::{Progress, workspace_root};

use crate::build;

/// No source file is longer: two rooms in one.
const MAX_LINES: usize = 800;

/// What a crate must not depend on: (manifest, dependencies).
const BOUNDARIES: &[(&str, &[&str])] = &[
    ("crds/Cargo.toml", &["claviger-core", "claviger-plugins", "claviger-operator", "tokio", "wasmtime", "reqwest"]),
    ("host/core/Cargo.toml", &["kube", "k8s-openapi", "tokio", "wasmtime", "reqwest", "claviger-plugins", "claviger-operator"]),
    ("host/plugins/Cargo.toml", &["kube", "k8s-openapi", "claviger-crds", "claviger-operator"]),
    ("host/operator/Cargo.toml", &["wasmtime", "reqwest", "claviger"]),
    ("tests/env/Cargo.toml", &["claviger-core", "claviger-plugins", "claviger-operator", "claviger-crds", "claviger"]),
];

/// Everything, lints included.
pub(crate) fn all(progress: &Progress) -> Result<()> {
    quick(progress)?;
    progress.say("clippy");
    for dir in [workspace_root(), workspace_root().join("plugins")] {
        let mut clippy = Command::new("cargo");
        clippy.current_dir(&dir).args(["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]);
        if dir.ends_with("plugins") {
            clippy.env("CARGO_TARGET_DIR", build::target_dir().join("plugins"));
        }
        build::run("clippy", &mut clippy)?;
    }
    Ok(())
}

/// What needs no compiler.
pub(crate) fn quick(progress: &Progress) -> Result<()> {
    let mut problems = Vec::new();
    for file in sources(&workspace_root()) {
        let text = std::fs::read_to_string(&file)?;
        let name = file.strip_prefix(workspace_root()).unwrap_or(&file).display().to_string();
        if !text.starts_with("//!") {
            problems.push(format!("{name} does not say in its first line what it is for (//!)"));
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            problems.push(format!("{name} has {lines} lines, more than {MAX_LINES}"));
        }
    }
    for (manifest, forbidden) in BOUNDARIES {
        let text = std::fs::read_to_string(workspace_root().join(manifest))?;
        let dependencies = text.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if forbidden.contains(&name) {
                problems.push(format!("{manifest} must not depend on {name} (docs/ARCHITECTURE.md)"));
            }
        }
    }
    for (path, wanted) in build::definitions() {
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&wanted) {
            problems.push(format!("{} is not what the types say: cargo xtask crds", path.display()));
        }
    }
    for dir in [workspace_root(), workspace_root().join("plugins")] {
        let mut format = Command::new("cargo");
        if !format.current_dir(&dir).args(["fmt", "--all", "--check", "--", "-l"]).output()?.status.success() {
            problems.push(format!("{} is not formatted: cargo fmt --all", dir.display()));
        }
    }
    if problems.is_empty() {
        progress.say("formatting, headers, sizes, boundaries and generated files are as they should be");
        return Ok(());
    }
    bail!("{}", problems.join("\n"));
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                files.extend(sources(&path));
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    files
}
