//! Which version the sources are, and whether they are what git has.
//!
//! The manifests of both workspaces and the chart say the version; a release whose parts name different ones would be
//! three releases.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// What a release is made of.
pub(crate) struct Sources {
    pub(crate) version: String,
    /// The commit, if they are in git.
    pub(crate) commit: Option<String>,
    /// When that was made, as ISO 8601 in UTC.
    pub(crate) time: Option<String>,
    /// What differs from it, a line each as `git status --porcelain` has them; none, if git says nothing.
    changed: Option<Vec<String>>,
}

impl Sources {
    /// Reads them.
    ///
    /// # Errors
    /// If the manifests and the chart do not agree on the version.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let read = |name: &str| std::fs::read_to_string(root.join(name)).with_context(|| name.to_owned());
        let version = version(&[
            ("Cargo.toml", "version = ", &read("Cargo.toml")?),
            ("plugins/Cargo.toml", "version = ", &read("plugins/Cargo.toml")?),
            (
                "appVersion of charts/claviger/Chart.yaml",
                "appVersion: ",
                &read("charts/claviger/Chart.yaml")?,
            ),
        ])?;
        let git = |arguments: &[&str]| {
            let output =
                Command::new("git").args(arguments).current_dir(root).env("TZ", "UTC").output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| text.trim_end().to_owned())
        };
        let changed = git(&["status", "--porcelain"]);
        Ok(Self {
            version,
            commit: git(&["rev-parse", "HEAD"]),
            time: git(&["log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"]),
            changed: changed.map(|text| text.lines().map(ToOwned::to_owned).collect()),
        })
    }

    /// Whether anybody can have the same sources by the commit alone.
    ///
    /// # Errors
    /// If not, with what differs.
    pub(crate) fn be_clean(&self) -> Result<()> {
        match &self.changed {
            None => bail!(
                "the work tree is not in git, so nobody can tell what was released; --allow-dirty goes on"
            ),
            Some(changed) if !changed.is_empty() => bail!(
                "the work tree is not what git has ({}); commit that, or go on with --allow-dirty",
                changed.join(", ")
            ),
            Some(_) => Ok(()),
        }
    }
}

/// The one version that all of these name: place, how its line begins, text.
fn version(texts: &[(&str, &str, &str)]) -> Result<String> {
    let mut named: Option<(&str, &str)> = None;
    for &(place, begin, text) in texts {
        let line = text.lines().find_map(|line| line.strip_prefix(begin));
        let version = line.with_context(|| format!("{place} names no version"))?.trim_matches('"');
        match named {
            Some((first, known)) if known != version => {
                bail!("{place} says {version}, and {first} says {known}: a release is one version")
            }
            _ => named = Some((place, version)),
        }
    }
    Ok(named.context("no version")?.1.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_parts_name_one_version() {
        let manifest = "[workspace.package]\nversion = \"0.2.0\"\nrust-version = \"1.95\"\n";
        let chart = |version: &str| format!("version: 9.9.9\nappVersion: {version}\n");
        let both = |chart: &str| {
            version(&[("Cargo.toml", "version = ", manifest), ("the chart", "appVersion: ", chart)])
        };
        assert_eq!(both(&chart("0.2.0")).unwrap(), "0.2.0");
        assert_eq!(both(&chart("\"0.2.0\"")).unwrap(), "0.2.0");
        let error = both(&chart("0.1.0")).unwrap_err().to_string();
        assert_eq!(error, "the chart says 0.1.0, and Cargo.toml says 0.2.0: a release is one version");
        assert!(both("version: 1.0.0\n").is_err());
    }

    #[test]
    fn what_git_does_not_have_is_no_release() {
        let sources = |changed: Option<&[&str]>| Sources {
            version: "1.0.0".to_owned(),
            commit: None,
            time: None,
            changed: changed.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect()),
        };
        assert!(sources(Some(&[])).be_clean().is_ok());
        let error = sources(Some(&[" M Cargo.toml", "?? new"])).be_clean().unwrap_err().to_string();
        assert!(error.contains(" M Cargo.toml, ?? new"), "{error}");
        assert!(sources(None).be_clean().is_err());
    }

    #[test]
    fn these_sources_are_one_version() {
        let sources = Sources::read(&claviger_testenv::workspace_root()).unwrap();
        assert_eq!(sources.version, env!("CARGO_PKG_VERSION"));
    }
}
