//! Where guests are built, and how that does not show in them.
//!
//! Components hold the names of source files, for the messages of panics. Those of the workspace are relative to it,
//! those of dependencies begin with cargo's home, and what build scripts write with the target folder: the compiler is
//! told other names for those. `twice.rs` shows that nothing else of a machine gets in.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use claviger_testenv::workspace_root;

use crate::build::Guest;
use crate::exec::{cargo, run};
use crate::{paths, toolchain};

/// The folders that a build of guests has to do with.
pub(crate) struct Place {
    /// The work tree, with `plugins` and `wit` in it.
    pub(crate) root: PathBuf,
    /// The target folder.
    pub(crate) target: PathBuf,
    /// Where cargo keeps the sources of packages.
    pub(crate) cargo_home: PathBuf,
}

impl Place {
    /// The ordinary one.
    ///
    /// # Errors
    /// If the packages of the lock file have to be fetched and cannot be.
    pub(crate) fn here() -> Result<Self> {
        let home = || paths::variable("HOME").map(|home| PathBuf::from(home).join(".cargo"));
        let cargo_home = paths::variable("CARGO_HOME").map(PathBuf::from).or_else(home);
        let place = Self {
            root: workspace_root(),
            target: paths::guests_target(),
            cargo_home: cargo_home.context("neither CARGO_HOME nor HOME is set")?,
        };
        // The flags name the folders of registries, so there has to be one.
        if place.registries().is_empty() {
            let mut fetch = cargo();
            fetch.current_dir(paths::guests()).args(["fetch", "--locked", "--target", toolchain::TARGET]);
            run("fetching the packages of the plugins", &mut fetch)?;
        }
        Ok(place)
    }

    /// Where a guest is that was built there.
    pub(crate) fn built(&self, guest: &Guest) -> PathBuf {
        self.target.join(toolchain::TARGET).join("release").join(format!("{}.wasm", guest.library))
    }

    /// What no component may name.
    pub(crate) fn folders(&self) -> [&Path; 3] {
        [&self.root, &self.target, &self.cargo_home]
    }

    /// cargo's folders of unpacked packages: one for each registry or mirror, whose name tells which.
    fn registries(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.cargo_home.join("registry/src"));
        folders.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }

    /// Arguments for rustc as `CARGO_ENCODED_RUSTFLAGS` has them. cargo leaves `--remap-path-prefix` out of what symbols
    /// are named after. The work tree is not in it: nothing names it, and clones that share a target folder would build
    /// everything again in turns.
    ///
    /// # Errors
    /// If the compiler does not say where it lies.
    pub(crate) fn flags(&self, compiler: &[(String, String)]) -> Result<String> {
        let ask = |arguments: &[&str]| toolchain::ask(compiler, arguments);
        Ok(self.renamed(&ask(&["--print", "sysroot"])?, &ask(&["-vV"])?).join("\u{1f}"))
    }

    /// `version` is what `rustc -vV` says.
    fn renamed(&self, sysroot: &str, version: &str) -> Vec<String> {
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
        let mut renamed: Vec<(PathBuf, String)> =
            self.registries().into_iter().map(|folder| (folder, "/registry".to_owned())).collect();
        renamed.push((self.target.clone(), "/target".to_owned()));
        // A compiler whose standard library has its sources beside it may name those.
        renamed.push((Path::new(sysroot).join("lib/rustlib/src/rust"), format!("/rustc/{commit}")));
        renamed.sort();
        let flag = |(from, to): (PathBuf, String)| format!("--remap-path-prefix={}={to}", from.display());
        renamed.into_iter().map(flag).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_folder_of_the_machine_has_another_name() {
        let dir = tempfile::tempdir().unwrap();
        let cargo_home = dir.path().join("cargo");
        std::fs::create_dir_all(cargo_home.join("registry/src/mirror-1a2b")).unwrap();
        let place = Place { root: "/src".into(), target: "/src/target/plugins".into(), cargo_home };
        let flags = place.renamed("/opt/rust", "rustc 1.95.0\ncommit-hash: f00\n");
        let expected = [
            "--remap-path-prefix=/opt/rust/lib/rustlib/src/rust=/rustc/f00".to_owned(),
            "--remap-path-prefix=/src/target/plugins=/target".to_owned(),
            format!("--remap-path-prefix={}/registry/src/mirror-1a2b=/registry", place.cargo_home.display()),
        ];
        for flag in &expected {
            assert!(flags.contains(flag), "{flag} is not in {flags:?}");
        }
        assert_eq!(flags.len(), expected.len());
    }
}
