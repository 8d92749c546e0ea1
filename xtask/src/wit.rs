//! `cargo xtask wit`: the frozen interface as one file, a WIT package in its binary form, as registries hold it.
//!
//! It is pushed by `claviger plugin push`. Nothing is published here.

use std::path::Path;

use anyhow::{Context, Result};
use claviger_testenv::{Progress, workspace_root};
use wit_parser::Resolve;

/// Writes the package of `wit/v1` to a file.
///
/// # Errors
/// If the folder does not parse, or the file cannot be written.
pub(crate) fn write(progress: &Progress, output: &Path) -> Result<()> {
    let folder = workspace_root().join("wit/v1");
    let place = || folder.display().to_string();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&folder).with_context(place)?;
    let bytes = wit_component::encode(&resolve, package).with_context(place)?;
    std::fs::write(output, &bytes).with_context(|| format!("cannot write {}", output.display()))?;
    let name = resolve.packages.get(package).map(|package| package.name.to_string()).unwrap_or_default();
    progress.say(format_args!("{name}: {} bytes in {}", bytes.len(), output.display()));
    Ok(())
}
