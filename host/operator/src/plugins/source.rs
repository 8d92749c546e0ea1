//! Where a component's bytes come from: ConfigMaps of the operator's namespace, or a file beside the
//! built-in plugins. Whether they are the right ones is decided later, by their digest.
//!
//! What parts look like in ConfigMaps is `claviger_core::names`' convention; how they fit together is
//! `claviger_plugins::package`'s.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use claviger_core::names::{ANNOTATION_PART_COUNT, ANNOTATION_PART_DIGEST, ANNOTATION_PART_INDEX, part_name};
use claviger_core::secret::SecretBytes;
use claviger_crds::plugin::ConfigMapSource;
use claviger_plugins::package::{Header, MAX_COMPONENT, join, unpack};
use claviger_plugins::{ObjectKind, PluginsError};

use super::InstallError;

/// A ConfigMap, as far as it may be a part.
#[derive(Clone)]
pub struct ConfigMapPart {
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its `binaryData`.
    pub data: BTreeMap<String, Vec<u8>>,
}

/// A key of an object.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Of which kind.
    pub kind: ObjectKind,
    /// In which namespace; none: the operator's.
    pub namespace: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// The key.
    pub key: &'a str,
}

/// Reads ConfigMaps by name, and what registries are asked with: from a cluster, or from files.
pub trait Parts {
    /// One; none if it is not there. `Err`: why it cannot be read.
    fn read(&self, name: &str) -> impl Future<Output = Result<Option<ConfigMapPart>, String>> + Send;
    /// How messages name it.
    fn describe(&self, name: &str) -> String;
    /// The value of a key; none if there is no such object, or no such key in it. `Err`: why it cannot be read.
    fn value(&self, at: &Place<'_>) -> impl Future<Output = Result<Option<SecretBytes>, String>> + Send;
    /// How messages name its object.
    fn at(&self, at: &Place<'_>) -> String;
}

/// The bytes in one ConfigMap or, where that says it is a part, in as many as it says.
///
/// # Errors
/// What is missing or does not fit.
pub(super) async fn config_map(source: &ConfigMapSource, from: &impl Parts) -> Result<Vec<u8>, InstallError> {
    let (header, first) = part(source, from, &source.name).await?;
    let package = match header {
        None => first,
        Some(header) => {
            let count = header.count;
            let mut parts = vec![(header, first)];
            for index in 1..count {
                let name = part_name(&source.name, index);
                let (header, bytes) = part(source, from, &name).await?;
                let header = header.ok_or_else(|| InstallError::SourceInvalid {
                    what: from.describe(&name),
                    why: format!("it has no annotation {ANNOTATION_PART_INDEX}, and should be part {index} of {count}: make the parts anew with `claviger plugin pack`"),
                })?;
                parts.push((header, bytes));
            }
            join(parts)?
        }
    };
    component(package).await
}

async fn part(
    source: &ConfigMapSource,
    from: &impl Parts,
    name: &str,
) -> Result<(Option<Header>, Vec<u8>), InstallError> {
    let what = from.describe(name);
    let found =
        from.read(name).await.map_err(|why| InstallError::SourceUnreadable { what: what.clone(), why })?;
    let Some(mut map) = found else {
        let remedy = "apply what `claviger plugin pack` printed, in the operator's namespace".to_owned();
        return Err(InstallError::SourceNotFound { what, remedy });
    };
    let annotation = |key: &str| map.annotations.get(key).map(String::as_str);
    let header = Header::parse(
        annotation(ANNOTATION_PART_INDEX),
        annotation(ANNOTATION_PART_COUNT),
        annotation(ANNOTATION_PART_DIGEST),
    )?;
    let invalid = |why: String| InstallError::SourceInvalid { what: what.clone(), why };
    let keys: Vec<&str> = map.data.keys().map(String::as_str).collect();
    // Whoever writes the ConfigMap writes the keys, so not all of them are repeated.
    let some = || {
        let more = if keys.len() > 5 { ", …" } else { "" };
        format!("{}{more}", keys.iter().copied().take(5).collect::<Vec<_>>().join(", "))
    };
    let key = match (&source.key, keys.as_slice()) {
        (Some(key), keys) if keys.contains(&key.as_str()) => key.clone(),
        (None, [key]) => (*key).to_owned(),
        (_, []) => {
            return Err(invalid(
                "its binaryData is empty: the component belongs there (not into data)".to_owned(),
            ));
        }
        (Some(key), _) => {
            return Err(invalid(format!(
                "its binaryData has no key {key:?}, but {}: correct source.configMap.key",
                some()
            )));
        }
        (None, _) => {
            return Err(invalid(format!(
                "its binaryData has several keys ({}): name one in source.configMap.key",
                some()
            )));
        }
    };
    let bytes = map.data.remove(&key).unwrap_or_default();
    Ok((header, bytes))
}

/// A file in the plugin directory, and never outside of it: not by `..`, not by a link.
///
/// # Errors
/// If it is not there, not a file, too large, or not ours to read.
pub(super) async fn file(directory: &Path, path: &str) -> Result<Vec<u8>, InstallError> {
    let (directory, path) = (directory.to_owned(), path.to_owned());
    let what = format!("{path} in the plugin directory {}", directory.display());
    let read = tokio::task::spawn_blocking(move || {
        let limit = u64::try_from(MAX_COMPONENT).unwrap_or(u64::MAX);
        let dir = Dir::open_ambient_dir(&directory, ambient_authority())?;
        // Before it is opened: opening a pipe would wait for whoever writes to it.
        if !dir.metadata(&path)?.is_file() {
            return Err(std::io::Error::other("it is not a file"));
        }
        let file = dir.open(&path)?;
        let size = file.metadata()?.len();
        if size > limit {
            return Ok(Err(size));
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(Ok(bytes))
    });
    let read = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    match read {
        Ok(Ok(package)) => component(package).await,
        Ok(Err(size)) => {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            Err(PluginsError::TooLarge { size, limit: MAX_COMPONENT }.into())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let remedy = "point --plugin-dir (CLAVIGER_PLUGIN_DIR) at the directory that has it, or correct source.file.path";
            Err(InstallError::SourceNotFound { what, remedy: remedy.to_owned() })
        }
        Err(error) => Err(InstallError::SourceUnreadable { what, why: error.to_string() }),
    }
}

/// The component in a package. Decompressing takes a while, so it is done where it holds nobody up.
///
/// # Errors
/// If it is damaged or too large.
async fn component(package: Vec<u8>) -> Result<Vec<u8>, InstallError> {
    let unpacked = tokio::task::spawn_blocking(move || unpack(package)).await;
    Ok(unpacked.unwrap_or_else(|error| Err(PluginsError::Compile(error.to_string())))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugins::package::{Compression, PART_BYTES, digest, pack, split};

    use super::*;

    /// ConfigMaps in memory.
    #[derive(Default)]
    struct Maps(BTreeMap<String, ConfigMapPart>);

    impl Maps {
        fn put(&mut self, name: &str, annotations: &[(&str, String)], data: &[(&str, &[u8])]) {
            let annotations =
                annotations.iter().map(|(key, text)| ((*key).to_owned(), text.clone())).collect();
            let data = data.iter().map(|(key, bytes)| ((*key).to_owned(), bytes.to_vec())).collect();
            self.0.insert(name.to_owned(), ConfigMapPart { annotations, data });
        }
    }

    impl Parts for Maps {
        async fn read(&self, name: &str) -> Result<Option<ConfigMapPart>, String> {
            if name == "forbidden" {
                return Err("configmaps \"forbidden\" is forbidden".to_owned());
            }
            Ok(self.0.get(name).cloned())
        }

        fn describe(&self, name: &str) -> String {
            format!("ConfigMap claviger-system/{name}")
        }

        async fn value(&self, _at: &Place<'_>) -> Result<Option<SecretBytes>, String> {
            Ok(None)
        }

        fn at(&self, at: &Place<'_>) -> String {
            at.name.to_owned()
        }
    }

    fn source(name: &str, key: Option<&str>) -> ConfigMapSource {
        ConfigMapSource { name: name.to_owned(), key: key.map(ToOwned::to_owned) }
    }

    #[tokio::test]
    async fn one_map_or_several() {
        let component: Vec<u8> = (0..PART_BYTES * 2 + 5).map(|n| (n % 253) as u8).collect();
        let mut maps = Maps::default();
        let packed = pack(&component, Compression::Zstd).unwrap();
        maps.put("whole", &[], &[("component.wasm.zst", &packed), ("other", b"x")]);
        let found = config_map(&source("whole", Some("component.wasm.zst")), &maps).await.unwrap();
        assert_eq!(found, component);

        for (header, bytes) in split(&component, &digest(&component)).unwrap() {
            let name = part_name("acme-plugin", header.index);
            let annotations = [
                (ANNOTATION_PART_INDEX, header.index.to_string()),
                (ANNOTATION_PART_COUNT, header.count.to_string()),
                (ANNOTATION_PART_DIGEST, header.digest),
            ];
            maps.put(&name, &annotations, &[("component.wasm", bytes)]);
        }
        assert_eq!(config_map(&source("acme-plugin", None), &maps).await.unwrap(), component);

        maps.0.remove(&part_name("acme-plugin", 1));
        let missing = config_map(&source("acme-plugin", None), &maps).await.unwrap_err();
        assert_eq!(missing.reason(), "SourceNotFound");
        assert!(missing.to_string().contains("acme-plugin-1"), "{missing}");
    }

    #[tokio::test]
    async fn what_does_not_fit_is_named() {
        let mut maps = Maps::default();
        maps.put("empty", &[], &[]);
        maps.put("many", &[], &[("a", b"x"), ("b", b"y")]);
        maps.put("half", &[(ANNOTATION_PART_INDEX, "0".to_owned())], &[("a", b"x")]);
        maps.put("cut", &[], &[("a", &pack(&[7; 9999], Compression::Gzip).unwrap()[..40])]);
        let first = [
            (ANNOTATION_PART_INDEX, "0".to_owned()),
            (ANNOTATION_PART_COUNT, "2".to_owned()),
            (ANNOTATION_PART_DIGEST, digest(b"x")),
        ];
        maps.put("strange", &first, &[("a", b"x")]);
        maps.put("strange-1", &[], &[("a", b"x")]);
        for (name, key, reason, expected) in [
            ("absent", None, "SourceNotFound", "claviger-system/absent"),
            ("empty", None, "SourceInvalid", "binaryData"),
            ("many", None, "SourceInvalid", "a, b"),
            ("many", Some("c"), "SourceInvalid", "\"c\""),
            ("half", None, "PartsInvalid", "missing"),
            ("cut", None, "PackageDamaged", "gzip"),
            ("strange", None, "SourceInvalid", "strange-1"),
            ("forbidden", None, "SourceUnreadable", "forbidden"),
        ] {
            let error = config_map(&source(name, key), &maps).await.unwrap_err();
            assert_eq!(error.reason(), reason, "{name}: {error}");
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
    }

    #[tokio::test]
    async fn a_file_stays_in_its_directory() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("plugins");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("a.wasm"), b"inside").unwrap();
        std::fs::write(outer.path().join("b.wasm"), b"outside").unwrap();
        std::fs::create_dir(inner.join("folder")).unwrap();
        std::os::unix::fs::symlink("../b.wasm", inner.join("link.wasm")).unwrap();
        std::fs::File::create(inner.join("huge.wasm")).unwrap().set_len(200 * 1024 * 1024).unwrap();
        assert_eq!(file(&inner, "a.wasm").await.unwrap(), b"inside");
        let absolute = outer.path().join("b.wasm");
        for (path, reason) in [
            ("../b.wasm", "SourceUnreadable"),
            ("link.wasm", "SourceUnreadable"),
            (absolute.to_str().unwrap(), "SourceUnreadable"),
            ("folder", "SourceUnreadable"),
            ("absent.wasm", "SourceNotFound"),
            ("huge.wasm", "TooLarge"),
        ] {
            let error = file(&inner, path).await.unwrap_err();
            assert_eq!(error.reason(), reason, "{path}: {error}");
        }
    }
}
