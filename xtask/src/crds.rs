//! crds/generated: the CustomResourceDefinitions as YAML, for people who install without the binary.
//!
//! What they say is the crds crate's business; here they are only written, or compared.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use claviger_testenv::{Progress, workspace_root};

fn folder() -> PathBuf {
    workspace_root().join("crds/generated")
}

/// Writes every definition, and removes files that none is written to any more.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write(progress: &Progress) -> Result<()> {
    let folder = folder();
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let definitions = claviger_crds::generate::all();
    for path in existing()? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !definitions.iter().any(|(file, _)| *file == name) {
            std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    for (name, yaml) in &definitions {
        let path = folder.join(name);
        std::fs::write(&path, yaml).with_context(|| path.display().to_string())?;
    }
    progress.say(format_args!("{} definitions in {}", definitions.len(), folder.display()));
    Ok(())
}

/// The files that are not what the API types say, by name.
///
/// # Errors
/// If the folder cannot be read.
pub(crate) fn drift() -> Result<Vec<String>> {
    let definitions = claviger_crds::generate::all();
    let mut differing: Vec<String> = definitions
        .iter()
        .filter(|(name, yaml)| std::fs::read_to_string(folder().join(name)).ok().as_ref() != Some(yaml))
        .map(|(name, _)| name.clone())
        .collect();
    for path in existing()? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !definitions.iter().any(|(file, _)| *file == name) {
            differing.push(name);
        }
    }
    Ok(differing)
}

fn existing() -> Result<Vec<PathBuf>> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect())
}
