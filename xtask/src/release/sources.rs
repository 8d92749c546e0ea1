//! Which version the sources are, and whether they are what git has.
//!
//! The manifests of both workspaces and the chart say the version; a release whose parts name different ones would be
//! three releases. git is asked before everything is built and once more after it; a change that is taken back between the
//! two stays unseen.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::sbom::Origin;

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
        let chart = read("charts/claviger/Chart.yaml")?;
        let version = version(&[
            ("Cargo.toml", "version = ", &read("Cargo.toml")?),
            ("plugins/Cargo.toml", "version = ", &read("plugins/Cargo.toml")?),
            ("appVersion of charts/claviger/Chart.yaml", "appVersion: ", &chart),
            // Its file is named by it, and a registry's tag.
            ("version of charts/claviger/Chart.yaml", "version: ", &chart),
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

    /// What bills say of where the product comes from: what is not quite a commit is none, and has no commit's time.
    pub(crate) fn origin(&self) -> Origin {
        let clean = self.be_clean().is_ok();
        Origin { commit: self.commit.clone().filter(|_| clean), time: self.time.clone().filter(|_| clean) }
    }

    /// Whether they still are, at the end, the commit that they were in the beginning; if they were none, there is nothing
    /// to be true to.
    ///
    /// # Errors
    /// If not, with what is another.
    pub(crate) fn be_still(&self, now: &Self) -> Result<()> {
        if self.be_clean().is_err() {
            return Ok(());
        }
        now.be_clean().context("the sources changed while they were built")?;
        if self.commit != now.commit {
            let name = |commit: &Option<String>| commit.clone().unwrap_or_else(|| "no commit".to_owned());
            bail!(
                "the sources changed while they were built: from {} to {}",
                name(&self.commit),
                name(&now.commit)
            );
        }
        Ok(())
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

    fn sources(changed: Option<&[&str]>) -> Sources {
        Sources {
            version: "1.0.0".to_owned(),
            commit: Some("c0ffee".to_owned()),
            time: Some("2026-01-01T00:00:00Z".to_owned()),
            changed: changed.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect()),
        }
    }

    #[test]
    fn what_changed_while_it_was_built_is_no_release() {
        let (clean, other) =
            (sources(Some(&[])), Sources { commit: Some("f00".to_owned()), ..sources(Some(&[])) });
        assert!(clean.be_still(&sources(Some(&[]))).is_ok());
        let error = format!("{:#}", clean.be_still(&sources(Some(&[" M Cargo.toml"]))).unwrap_err());
        assert!(error.contains("while they were built: ") && error.contains(" M Cargo.toml"), "{error}");
        let error = clean.be_still(&other).unwrap_err().to_string();
        assert!(error.ends_with("from c0ffee to f00"), "{error}");
        // For trying, and then its bills name no commit.
        assert!(sources(Some(&[" M Cargo.toml"])).be_still(&other).is_ok());
        for (changed, named) in [(Some(&[][..]), true), (Some(&["?? new"][..]), false), (None, false)] {
            let origin = sources(changed).origin();
            assert_eq!((origin.commit.is_some(), origin.time.is_some()), (named, named));
        }
    }

    #[test]
    fn what_git_does_not_have_is_no_release() {
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
