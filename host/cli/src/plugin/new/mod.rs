//! `claviger plugin new`: a project that builds a plugin, from a starter that lies in the program. It writes files into
//! an empty folder and prints what to run next; it runs no toolchain, and reaches no network.

#[cfg(test)]
mod ignored;
mod names;
mod project;
#[cfg(test)]
mod tests;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::args::NewArgs;
use names::Names;
use project::Written;

/// Writes the project.
///
/// # Errors
/// If the name cannot be one, the folder is not empty or cannot be written, or there is no such starter.
pub(crate) fn new(args: &NewArgs) -> anyhow::Result<ExitCode> {
    let names = Names::of(&args.name)?;
    let files = project::files(project::FILES, args.lang, args.kind, &names)?;
    let folder = args.into.clone().unwrap_or_else(|| PathBuf::from(names.plain()));
    let shown = folder.display();
    empty(&folder)?;
    for file in &files {
        write(&folder, file).with_context(|| format!("cannot write {} in {shown}", file.path))?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}: {} in {}, {} files in {shown}", names.plain(), args.kind, args.lang, files.len())?;
    writeln!(out, "next, as its README.md explains:\n\n  cd {shown}")?;
    for command in project::commands(&files) {
        writeln!(out, "  {command}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the folder, if it is not there; nothing may be in it.
fn empty(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => bail!("{shown} is not empty: give another folder with --into, or empty it"),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {shown}"))
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => bail!("{shown} is no folder"),
        Err(error) => Err(error).with_context(|| format!("cannot look into {shown}")),
    }
}

/// One file, which nobody put there meanwhile.
fn write(folder: &Path, file: &Written) -> std::io::Result<()> {
    let path = folder.join(&file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mode = if file.executable { 0o777 } else { 0o666 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(&file.content)
}
