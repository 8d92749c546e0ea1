//! Builds the guests, the binary, the distribution, the definitions.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use claviger_testenv::{Progress, workspace_root};

use crate::toolchain;

/// Guests and the names their files get: (package's library, file).
const PLUGINS: &[(&str, &str)] =
    &[("fake", "fake"), ("misbehaving", "misbehaving"), ("template_go", "template-go"), ("vault", "vault")];

/// Only for tests.
const FIXTURES: &[&str] = &["misbehaving"];

/// Where cargo puts things.
pub(crate) fn target_dir() -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    set.unwrap_or_else(|| workspace_root().join("target"))
}

/// A command that must succeed, its output on this terminal.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{what}: cannot be started"))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// Builds all guests; the folder with their components.
pub(crate) fn plugins(progress: &Progress) -> Result<PathBuf> {
    let env = toolchain::prepare(progress)?;
    progress.say("building the plugins");
    let root = workspace_root().join("plugins");
    let target = target_dir().join("plugins");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&root).args(["build", "--release", "--locked", "--workspace", "--target", toolchain::TARGET]);
    cargo.env("CARGO_TARGET_DIR", &target).envs(env);
    run("building the plugins", &mut cargo)?;
    let out = target_dir().join("test-plugins");
    std::fs::create_dir_all(&out)?;
    for (library, file) in PLUGINS {
        let from = target.join(toolchain::TARGET).join("release").join(format!("{library}.wasm"));
        std::fs::copy(&from, out.join(format!("{file}.wasm"))).with_context(|| from.display().to_string())?;
    }
    Ok(out)
}

/// Builds the binary for this machine's own use: quick to build, not optimised.
pub(crate) fn binary(progress: &Progress) -> Result<PathBuf> {
    progress.say("building claviger");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace_root()).args(["build", "--locked", "--package", "claviger"]);
    run("building claviger", &mut cargo)?;
    Ok(target_dir().join("debug/claviger"))
}

/// `dist/bin/claviger` and `dist/plugins/*.wasm`.
pub(crate) fn dist(progress: &Progress) -> Result<()> {
    let plugins = plugins(progress)?;
    progress.say("building claviger for release");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace_root()).args(["build", "--locked", "--release", "--package", "claviger"]);
    run("building claviger for release", &mut cargo)?;
    let dist = target_dir().join("dist");
    let (bin, out) = (dist.join("bin"), dist.join("plugins"));
    std::fs::create_dir_all(&bin)?;
    std::fs::create_dir_all(&out)?;
    std::fs::copy(target_dir().join("release/claviger"), bin.join("claviger"))?;
    for (_, file) in PLUGINS.iter().filter(|(_, file)| !FIXTURES.contains(file)) {
        let name = format!("{file}.wasm");
        std::fs::copy(plugins.join(&name), out.join(&name))?;
    }
    println!("{}", dist.display());
    Ok(())
}

/// Writes the definitions.
pub(crate) fn crds() -> Result<()> {
    for (path, text) in definitions() {
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The files of `crds/generated`, as they should be.
pub(crate) fn definitions() -> Vec<(PathBuf, String)> {
    let dir: PathBuf = workspace_root().join(Path::new("crds/generated"));
    claviger_crds::generate::all().into_iter().map(|(name, text)| (dir.join(name), text)).collect()
}
