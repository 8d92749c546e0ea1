//! What a build is made of, as `cargo tree` tells it: the packages that are linked, those that only take part in the
//! build, and who asked for whom.
//!
//! `cargo tree` unites features as the build of the same packages does; `cargo metadata`, which unites those of the
//! whole workspace with its tests, would name more than is there. What a package says of itself is metadata's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::standard::Standard;
use crate::exec::cargo;
use crate::{paths, toolchain};

/// A package: its name and version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// Packages, and what each of them uses.
#[derive(Default)]
pub(crate) struct Graph(BTreeMap<Key, BTreeSet<Key>>);

impl Graph {
    /// Reads what `cargo tree --prefix depth --format {p}` printed. Where a package was shown before, it stands without
    /// what it uses; the first time had that.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut graph = BTreeMap::<Key, BTreeSet<Key>>::new();
        let mut above: Vec<Key> = Vec::new();
        // Lines without a depth are headings and what stands between trees.
        for line in text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
            let end = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
            let (depth, rest) = line.split_at(end);
            let depth: usize = depth.parse().with_context(|| line.to_owned())?;
            let mut words = rest.split_whitespace();
            let (name, version) = (words.next(), words.next().and_then(|word| word.strip_prefix('v')));
            let (Some(name), Some(version)) = (name, version) else {
                bail!("cargo tree: cannot read {line:?}")
            };
            let key = Key { name: name.to_owned(), version: version.to_owned() };
            if depth > above.len() {
                bail!("cargo tree: {line:?} is below nothing");
            }
            above.truncate(depth);
            if let Some(parent) = above.last() {
                graph.entry(parent.clone()).or_default().insert(key.clone());
            }
            graph.entry(key.clone()).or_default();
            above.push(key);
        }
        Ok(Self(graph))
    }

    /// What a package uses itself.
    pub(crate) fn uses(&self, key: &Key) -> impl Iterator<Item = &Key> {
        self.0.get(key).into_iter().flatten()
    }

    /// A package, and all that it uses, directly or not.
    pub(crate) fn below(&self, root: &Key) -> BTreeSet<Key> {
        let mut found = BTreeSet::new();
        let mut next = vec![root.clone()];
        while let Some(key) = next.pop() {
            if self.0.contains_key(&key) && found.insert(key.clone()) {
                next.extend(self.uses(&key).cloned());
            }
        }
        found
    }

    /// The one package of that name that is in the work tree.
    pub(crate) fn root(&self, name: &str) -> Result<Key> {
        self.0.keys().find(|key| key.name == name).cloned().with_context(|| format!("no package {name}"))
    }
}

/// A workspace, seen as what is built of it for release.
pub(crate) struct Built {
    /// For which target.
    pub(crate) target: String,
    /// Its compiler, and what is linked into the product with it.
    pub(crate) standard: Standard,
    /// What ends up in the product.
    pub(crate) linked: Graph,
    /// The same, and what runs while it is built.
    pub(crate) all: Graph,
    /// What packages say of themselves.
    pub(crate) about: BTreeMap<Key, About>,
}

/// What a package says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// Terms of its licence, as SPDX spells them.
    pub(crate) license: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) repository: Option<String>,
    /// Whether it comes from a registry.
    pub(crate) fetched: bool,
    /// SHA-256 of the package as it was fetched, from the lock file.
    pub(crate) checksum: Option<String>,
    pub(crate) folder: PathBuf,
}

impl Built {
    /// The binary.
    pub(crate) fn host() -> Result<Self> {
        let text = toolchain::ask(&[], &["-vV"])?;
        let host =
            text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
        let standard = Standard::of(&[], host)?;
        Self::of(claviger_testenv::workspace_root(), host, (host, standard), &["--package", "claviger"])
    }

    /// The plugins, all of them, as they are built: by the compiler of that environment.
    pub(crate) fn guests(host: &str, compiler: &[(String, String)]) -> Result<Self> {
        let standard = Standard::of(compiler, toolchain::TARGET)?;
        Self::of(paths::guests(), host, (toolchain::TARGET, standard), &[])
    }

    fn of(
        folder: PathBuf,
        host: &str,
        (target, standard): (&str, Standard),
        selection: &[&str],
    ) -> Result<Self> {
        let ask = |arguments: &[&str]| {
            let output = cargo().current_dir(&folder).args(arguments).arg("--locked").output();
            let output = output.with_context(|| format!("cargo {}", arguments.join(" ")))?;
            if !output.status.success() {
                bail!("cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
            }
            String::from_utf8(output.stdout).with_context(|| format!("cargo {}", arguments.join(" ")))
        };
        let tree = |edges: &str| {
            let fixed =
                ["tree", "--prefix", "depth", "--format", "{p}", "--target", target, "--edges", edges];
            Graph::read(&ask(&[&fixed[..], selection].concat())?)
        };
        let mut metadata = vec!["metadata", "--format-version", "1", "--filter-platform", target];
        if target != host {
            metadata.extend(["--filter-platform", host]);
        }
        let lock = folder.join("Cargo.lock");
        let lock = std::fs::read_to_string(&lock).with_context(|| lock.display().to_string())?;
        let metadata = serde_json::from_str(&ask(&metadata)?).context("cargo metadata")?;
        Ok(Self {
            target: target.to_owned(),
            standard,
            linked: tree("normal,no-proc-macro")?,
            all: tree("normal,build")?,
            about: about(&metadata, &checksums(&lock)),
        })
    }
}

fn about(metadata: &Value, checksums: &BTreeMap<Key, String>) -> BTreeMap<Key, About> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter_map(|package| {
            let key = Key { name: text(&package["name"])?, version: text(&package["version"])? };
            let manifest = PathBuf::from(text(&package["manifest_path"])?);
            let about = About {
                // Old packages write a slash for OR.
                license: text(&package["license"]).map(|terms| terms.replace('/', " OR ").replace("  ", " ")),
                description: text(&package["description"]).map(|text| text.trim().to_owned()),
                repository: text(&package["repository"]),
                fetched: package["source"].is_string(),
                checksum: checksums.get(&key).cloned(),
                folder: manifest.parent()?.to_owned(),
            };
            Some((key, about))
        })
        .collect()
}

/// The checksums of a lock file. It is made by cargo, line by line.
fn checksums(lock: &str) -> BTreeMap<Key, String> {
    let value = |block: &str, field: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(" = \""))?;
        line.strip_suffix('"').map(ToOwned::to_owned)
    };
    let entry = |block: &str| {
        let key = Key { name: value(block, "name")?, version: value(block, "version")? };
        Some((key, value(block, "checksum")?))
    };
    lock.split("[[package]]").filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key(text: &str) -> Key {
        let (name, version) = text.split_once('@').unwrap();
        Key { name: name.to_owned(), version: version.to_owned() }
    }

    fn names(keys: impl IntoIterator<Item = impl std::fmt::Display>) -> Vec<String> {
        keys.into_iter().map(|key| key.to_string()).collect()
    }

    #[test]
    fn a_tree_becomes_a_graph() {
        let text = "0a v0.1.0 (/src/a)\n1b v1.0.0\n2c v2.0.0+x.1\n2d v1.0.0 (proc-macro)\n1e v1.0.0\n2b v1.0.0 (*)\n\
                    [build-dependencies]\n1f v3.0.0\n\n0g v0.1.0 (/src/g)\n1e v1.0.0 (*)\n";
        let graph = Graph::read(text).unwrap();
        assert_eq!(names(graph.uses(&key("a@0.1.0"))), ["b@1.0.0", "e@1.0.0", "f@3.0.0"]);
        assert_eq!(names(graph.uses(&key("b@1.0.0"))), ["c@2.0.0+x.1", "d@1.0.0"]);
        // What was left out the second time was said the first time.
        let below = graph.below(&graph.root("g").unwrap());
        assert_eq!(names(below), ["b@1.0.0", "c@2.0.0+x.1", "d@1.0.0", "e@1.0.0", "g@0.1.0"]);
        assert!(Graph::read("3a v1.0.0\n").is_err() && Graph::read("0a\n").is_err());
    }

    #[test]
    fn checksums_are_those_of_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry\"\nchecksum = \"00ff\"\n\
                    dependencies = [\n \"b\",\n]\n\n[[package]]\nname = \"b\"\nversion = \"0.1.0\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(key("a@1.0.0"), "00ff".to_owned())]));
    }

    #[test]
    fn an_old_spelling_of_terms_is_brought_up_to_date() {
        let metadata = serde_json::json!({"packages": [
            {"name": "a", "version": "1.0.0", "license": "MIT/Apache-2.0", "manifest_path": "/r/a/Cargo.toml", "source": "r"},
            {"name": "b", "version": "1.0.0", "license": "MIT / Zlib", "manifest_path": "/r/b/Cargo.toml", "source": null},
        ]});
        let about = about(&metadata, &BTreeMap::new());
        assert_eq!(about[&key("a@1.0.0")].license.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(about[&key("b@1.0.0")].license.as_deref(), Some("MIT OR Zlib"));
        assert!(about[&key("a@1.0.0")].fetched && !about[&key("b@1.0.0")].fetched);
    }
}
