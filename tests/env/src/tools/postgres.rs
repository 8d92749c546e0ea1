//! PostgreSQL's server programs, as a distribution installs them.
//!
//! Nothing is fetched: unlike the other servers it is a package of every distribution. Its programs
//! refuse to run as root, so a root caller runs them as another user; which one is settled here.

use std::path::PathBuf;
use std::process::Command;

use crate::error::{Error, Missing, Result};

/// The newest installed server's folder, or the one on PATH.
pub(super) fn find() -> Option<PathBuf> {
    // Debian and its children keep the server programs of each major version off PATH.
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .collect();
    debian.sort();
    if let Some((_, bin)) = debian.pop() {
        return Some(bin);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file())
}

pub(super) fn missing() -> Missing {
    Missing {
        what: "the PostgreSQL server".to_owned(),
        why: "nothing can be tested with a database behind Vault".to_owned(),
        how_to_get: "install it (Debian: apt-get install postgresql)".to_owned(),
    }
}

/// The user to run the server as: nobody special, or, for a root caller, `postgres` or else `nobody`.
pub(crate) fn server_user() -> Result<Option<&'static str>> {
    if id(&["-u"])? != "0" {
        return Ok(None);
    }
    Ok(Some(if id(&["-u", "postgres"]).is_ok() { "postgres" } else { "nobody" }))
}

fn id(arguments: &[&str]) -> Result<String> {
    let output = Command::new("id")
        .args(arguments)
        .output()
        .map_err(|source| Error::Spawn { program: "id".to_owned(), source })?;
    if !output.status.success() {
        return Err(Error::Failed {
            what: format!("id {}", arguments.join(" ")),
            status: output.status.to_string(),
            detail: String::new(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
