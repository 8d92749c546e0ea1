//! Building: guests for wasm32-wasip2, the host binary, and the folder that is shipped.
//!
//! Tests and demos use the development build of the host, which takes a third of the time, and always
//! the release build of the guests, since an unoptimised guest is ten times as large and is compiled
//! again by the host at its first load.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use claviger_testenv::{Progress, workspace_root};
use serde_json::Value;

use crate::exec::{cargo, run};
use crate::place::Place;
use crate::{paths, toolchain};

/// Folders of guests that are built and not shipped: those that exist for tests only, and the examples for
/// authors of plugins.
const NOT_SHIPPED: [&str; 2] = ["fixtures", "examples"];

/// Builds every guest, puts the shipped ones into `dist/plugins` and all of them into `test-plugins`. A
/// guest's file is named after its folder in `plugins/`. Returns `dist/plugins`.
///
/// # Errors
/// If there is no compiler for them, or one does not build.
pub(crate) fn plugins(progress: &Progress) -> Result<PathBuf> {
    progress.say("building the plugins");
    let place = Place::here()?;
    guests(progress, &place, &[])?;
    let (shipped, all) = (paths::dist().join("plugins"), paths::test_plugins());
    for folder in [&shipped, &all] {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    for guest in components()? {
        let from = place.built(&guest);
        let name = format!("{}.wasm", guest.name);
        copy(&from, &all.join(&name))?;
        if guest.shipped {
            copy(&from, &shipped.join(&name))?;
        }
    }
    Ok(shipped)
}

/// Builds these packages of the guests' workspace, or all of it, in that place.
///
/// # Errors
/// If there is no compiler for them, or one does not build.
pub(crate) fn guests(progress: &Progress, place: &Place, packages: &[&str]) -> Result<()> {
    let compiler = toolchain::for_guests(progress)?;
    let mut command = cargo();
    let set = std::env::vars_os().map(|(name, _)| name);
    set.filter(|name| name.to_str().is_some_and(alters)).for_each(|name| {
        command.env_remove(name);
    });
    command
        .current_dir(place.root.join("plugins"))
        .args(["build", "--locked", "--release", "--target", toolchain::TARGET])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .env("CARGO_HOME", &place.cargo_home)
        .env("CARGO_TARGET_DIR", &place.target)
        // In place of what a user may have there: whoever builds them makes the same ones.
        .env("CARGO_ENCODED_RUSTFLAGS", place.flags(&compiler)?)
        .envs(compiler)
        // cargo run puts the active toolchain's libraries there; the guests' compiler has its own.
        .env_remove("LD_LIBRARY_PATH");
    run("building the plugins", &mut command)
}

/// Whether cargo compiles otherwise for such a variable: guests are built by their manifests alone.
fn alters(variable: &str) -> bool {
    variable.starts_with("CARGO_PROFILE_")
        || ["CARGO_INCREMENTAL", "CARGO_BUILD_INCREMENTAL"].contains(&variable)
}

/// Builds the host binary for development and returns its path.
///
/// # Errors
/// If it does not build.
pub(crate) fn claviger(progress: &Progress) -> Result<PathBuf> {
    progress.say("building claviger (development build; the first takes minutes)");
    let mut command = cargo();
    command.current_dir(workspace_root()).args([
        "build",
        "--locked",
        "--package",
        "claviger",
        "--bin",
        "claviger",
    ]);
    run("building claviger", &mut command)?;
    Ok(paths::target().join("debug/claviger"))
}

/// `dist/bin/claviger`, built for release, and `dist/plugins`.
///
/// # Errors
/// If something does not build.
pub(crate) fn dist(progress: &Progress) -> Result<()> {
    plugins(progress)?;
    progress.say("building claviger for release (the first takes 5 to 10 minutes)");
    let mut command = cargo();
    command.current_dir(workspace_root()).args(["build", "--locked", "--release", "--package", "claviger"]);
    run("building claviger", &mut command)?;
    let bin = paths::dist().join("bin");
    std::fs::create_dir_all(&bin).with_context(|| bin.display().to_string())?;
    copy(&paths::target().join("release/claviger"), &bin.join("claviger"))?;
    progress.say(format_args!("done: {}", paths::dist().display()));
    Ok(())
}

/// cargo in the plugins' workspace.
pub(crate) fn guests_cargo(subcommand: &str) -> Command {
    let mut command = cargo();
    command.current_dir(paths::guests()).args([subcommand, "--locked"]);
    command
}

/// A guest that becomes a component.
pub(crate) struct Guest {
    /// Its folder's name, which is its file's name.
    pub(crate) name: String,
    /// Its package's name.
    pub(crate) package: String,
    /// Its library's name, as rustc writes it.
    pub(crate) library: String,
    pub(crate) shipped: bool,
}

/// Every guest of the workspace.
///
/// # Errors
/// If cargo does not say what is in it.
pub(crate) fn components() -> Result<Vec<Guest>> {
    let output = guests_cargo("metadata")
        .args(["--no-deps", "--format-version", "1"])
        .output()
        .context("cargo metadata")?;
    if !output.status.success() {
        anyhow::bail!("cargo metadata in plugins/: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let empty = Vec::new();
    let list = |value: &Value, field: &str| value[field].as_array().unwrap_or(&empty).clone();
    let mut guests = Vec::new();
    for package in list(&metadata, "packages") {
        let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap_or_default());
        let folder = manifest.parent().unwrap_or(Path::new(""));
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        for target in list(&package, "targets") {
            if list(&target, "crate_types").iter().any(|kind| kind == "cdylib") {
                guests.push(Guest {
                    name: name(folder).unwrap_or_default(),
                    package: package["name"].as_str().unwrap_or_default().to_owned(),
                    library: target["name"].as_str().unwrap_or_default().replace('-', "_"),
                    shipped: !folder
                        .parent()
                        .and_then(name)
                        .is_some_and(|parent| NOT_SHIPPED.contains(&parent.as_str())),
                });
            }
        }
    }
    Ok(guests)
}

/// Copies by way of a new name, so that a program that runs from there keeps its file.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let new = to.with_extension("new");
    std::fs::copy(from, &new).with_context(|| format!("copy {} to {}", from.display(), new.display()))?;
    std::fs::rename(&new, to).with_context(|| to.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_alters_a_profile_is_left_out_and_the_rest_stays() {
        for (variable, altered) in [
            ("CARGO_PROFILE_RELEASE_LTO", true),
            ("CARGO_PROFILE_RELEASE_PACKAGE_serde_OPT_LEVEL", true),
            ("CARGO_INCREMENTAL", true),
            ("CARGO_HOME", false),
            ("CARGO_NET_OFFLINE", false),
            ("PATH", false),
        ] {
            assert_eq!(alters(variable), altered, "{variable}");
        }
    }
}
