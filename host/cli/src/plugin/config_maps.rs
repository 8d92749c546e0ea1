//! The ConfigMaps that carry a component: one, or as many parts as it needs.
//!
//! Pure. How a package is compressed and cut is the plugin host's; here it gets the names and marks by
//! which the operator finds it.

use std::collections::BTreeMap;

use anyhow::ensure;
use claviger_core::names::{
    ANNOTATION_PART_COUNT, ANNOTATION_PART_DIGEST, ANNOTATION_PART_INDEX, LABEL_PLUGIN, part_name,
};
use claviger_plugins::package::{Compression, Header, MAX_PARTS, PART_BYTES, split};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::text::size;

/// The ConfigMaps of a package, part 0 first.
///
/// # Errors
/// If it needs more than can be installed so.
pub(super) fn config_maps(
    name: &str,
    namespace: &str,
    package: &[u8],
    compression: Compression,
    digest: &str,
) -> anyhow::Result<Vec<ConfigMap>> {
    let count = package.len().div_ceil(PART_BYTES);
    ensure!(
        count <= MAX_PARTS,
        "{} {}make {count} ConfigMaps, more than the limit of {MAX_PARTS} ({}): {}, or put the file into the \
         operator's plugin directory and name it in spec.source.file",
        size(package.len()),
        if compression == Compression::None { "" } else { "compressed " },
        size(MAX_PARTS * PART_BYTES),
        if compression == Compression::Zstd { "strip its debug sections" } else { "use --compression zstd" },
    );
    let key = match compression {
        Compression::Zstd => "component.wasm.zst",
        Compression::Gzip => "component.wasm.gz",
        Compression::None => "component.wasm",
    };
    let first = first_name(name);
    let parts = split(package, digest)?;
    Ok(parts
        .into_iter()
        .map(|(header, bytes)| ConfigMap {
            metadata: ObjectMeta {
                name: Some(part_name(&first, header.index)),
                namespace: Some(namespace.to_owned()),
                labels: Some(BTreeMap::from([(LABEL_PLUGIN.to_owned(), name.to_owned())])),
                annotations: annotations(&header),
                ..ObjectMeta::default()
            },
            binary_data: Some(BTreeMap::from([(key.to_owned(), ByteString(bytes.to_vec()))])),
            ..ConfigMap::default()
        })
        .collect())
}

/// The ConfigMap that the Plugin of that name points at.
pub(super) fn first_name(plugin: &str) -> String {
    format!("{plugin}-plugin")
}

/// A package of one part needs no header.
fn annotations(header: &Header) -> Option<BTreeMap<String, String>> {
    (header.count > 1).then(|| {
        BTreeMap::from([
            (ANNOTATION_PART_INDEX.to_owned(), header.index.to_string()),
            (ANNOTATION_PART_COUNT.to_owned(), header.count.to_string()),
            (ANNOTATION_PART_DIGEST.to_owned(), header.digest.clone()),
        ])
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugins::package::{digest, join, pack, unpack};

    use super::super::object::document;
    use super::*;

    /// Bytes that do not compress.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u32;
        let step = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*state >> 24) as u8
        };
        (0..len).map(|_| step(&mut state)).collect()
    }

    fn parsed(yaml: &str) -> ConfigMap {
        serde_saphyr::from_str(yaml.trim_start_matches("---\n")).unwrap()
    }

    #[test]
    fn what_is_applied_is_the_component() {
        for (len, compression, names) in [
            (5_000, Compression::Zstd, &["etcd-plugin"][..]),
            (5_000, Compression::Gzip, &["etcd-plugin"]),
            (PART_BYTES * 2 + 1, Compression::None, &["etcd-plugin", "etcd-plugin-1", "etcd-plugin-2"]),
            (PART_BYTES + 5_000, Compression::Zstd, &["etcd-plugin", "etcd-plugin-1"]),
        ] {
            let component = noise(len);
            let (sum, package) = (digest(&component), pack(&component, compression).unwrap());
            let written = config_maps("etcd", "ops", &package, compression, &sum).unwrap();
            let read: Vec<_> = written.iter().map(|part| parsed(&document(part).unwrap())).collect();
            assert_eq!(written, read);
            let found: Vec<_> = read.iter().filter_map(|part| part.metadata.name.as_deref()).collect();
            assert_eq!(found, names);
            let mut parts = Vec::new();
            for part in read {
                assert_eq!(part.metadata.namespace.as_deref(), Some("ops"));
                assert_eq!(part.metadata.labels.as_ref().unwrap()["claviger.io/plugin"], "etcd");
                let marks = part.metadata.annotations.unwrap_or_default();
                let mark = |name: &str| marks.get(name).map(String::as_str);
                let header = Header::parse(
                    mark(ANNOTATION_PART_INDEX),
                    mark(ANNOTATION_PART_COUNT),
                    mark(ANNOTATION_PART_DIGEST),
                );
                let bytes = part.binary_data.unwrap().into_values().next().unwrap().0;
                parts.push((header.unwrap(), bytes));
            }
            let whole = if names.len() == 1 {
                let (header, bytes) = parts.remove(0);
                assert_eq!(header, None);
                bytes
            } else {
                join(parts.into_iter().map(|(header, bytes)| (header.unwrap(), bytes)).collect()).unwrap()
            };
            assert_eq!(unpack(whole).unwrap(), component);
        }
    }

    #[test]
    fn too_many_parts_are_refused_with_the_number_and_the_way_out() {
        let package = vec![0; PART_BYTES * MAX_PARTS + 1];
        for (compression, way) in
            [(Compression::None, "--compression zstd"), (Compression::Zstd, "strip its debug sections")]
        {
            let error = config_maps("etcd", "ops", &package, compression, "sha256:").unwrap_err().to_string();
            for part in ["33 ConfigMaps", "limit of 32", "30.0 MiB", way, "spec.source.file"] {
                assert!(error.contains(part), "{part:?} is not in {error:?}");
            }
        }
    }
}
