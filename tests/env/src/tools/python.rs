//! A Python environment for the servers of `tests/servers`, with every package pinned.
//!
//! Named by a hash of the list of packages and the interpreter, so that another of either is another environment. Only its
//! `bin/python` may be used: the scripts beside it name the folder that it was made in.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::{fresh_beside, lock, require, tools_dir};
use crate::cache::workspace_root;
use crate::error::{Error, Missing, Result};
use crate::progress::Progress;

pub(super) fn prepare(progress: &Progress) -> Result<PathBuf> {
    let packages = workspace_root().join("tests/servers/requirements.txt");
    let list = std::fs::read(&packages).map_err(Error::file("read", &packages))?;
    require("python3", "--version", missing)?;
    // An environment is of one interpreter: another's would not find the packages.
    let version = Command::new("python3")
        .arg("--version")
        .output()
        .map_err(|source| Error::Spawn { program: "python3".to_owned(), source })?;
    let name = Sha256::new().chain_update(&list).chain_update(&version.stdout).finalize();
    let finished = tools_dir()?.join(format!("python-{}", hex::encode(&name[..8])));
    let python = finished.join("bin/python");
    if python.exists() {
        return Ok(python);
    }
    let _lock = lock(progress, "python")?;
    if python.exists() {
        return Ok(python);
    }
    progress.say("fetching the Python packages of the test servers (about 50 MB)");
    let new = fresh_beside(&finished)?;
    let log = tools_dir()?.join("python.log");
    venv(progress, &new, &log)?;
    let mut pip = Command::new(new.join("bin/python"));
    // Everything that is needed is on the list; nothing may come along in a version of its own choice.
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--no-input", "-r"]);
    progress.run("pip install", pip.arg(&packages), &log)?;
    std::fs::rename(&new, &finished).map_err(Error::file("rename", &new))?;
    Ok(python)
}

/// Makes a virtual environment in `dir`.
pub(super) fn venv(progress: &Progress, dir: &Path, log: &Path) -> Result<()> {
    progress
        .run("python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(dir), log)
        // Debian splits ensurepip off into python3-venv: the module is there, but fails.
        .map_err(|error| match error {
            Error::Failed { .. } => Error::Missing(missing()),
            other => other,
        })
}

/// Python's absence, as a person would want to hear it.
pub(super) fn missing() -> Missing {
    Missing {
        what: "Python 3.11 or newer with venv".to_owned(),
        why: "OpenBao and the packages of the test servers cannot be fetched".to_owned(),
        how_to_get: "install it (Debian: apt-get install python3-venv)".to_owned(),
    }
}
