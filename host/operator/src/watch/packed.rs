//! A reduced Secret, packed: as JSON in one piece it takes a seventh of the memory of its maps, and is unpacked in some
//! microseconds when its ExternalSecret is looked at. Hashes only, as in what it is made of.

use claviger_core::hash::KeyHash;
use claviger_core::names::{LABEL_CREATED_BY, LEASE_ANNOTATIONS};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::managed::{HashedData, ManagedSecret};

/// The packed Secret, and beside it what each event is compared with.
#[derive(Debug)]
pub(crate) struct Packed {
    json: Box<str>,
    leased: bool,
    version: Option<Box<str>>,
    mark: Option<Box<str>>,
}

/// What is written, by short names.
#[derive(Serialize, Deserialize)]
struct Form {
    m: ObjectMeta,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    i: Option<bool>,
    k: Vec<(String, [u8; 16])>,
    h: String,
}

impl Packed {
    /// Packs one.
    pub(super) fn new(secret: ManagedSecret) -> Self {
        let ManagedSecret { metadata, type_, immutable, data: HashedData { keys, eso_hash } } = secret;
        let version = metadata.resource_version.as_deref().map(Into::into);
        let mark = metadata.labels.as_ref().and_then(|labels| labels.get(LABEL_CREATED_BY));
        let mark = mark.map(|mark| mark.as_str().into());
        let mut annotations = metadata.annotations.iter().flatten();
        let leased = annotations.any(|(name, _)| name.starts_with(LEASE_ANNOTATIONS));
        let keys = keys.into_iter().map(|(key, hash)| (key, hash.to_bytes())).collect();
        let form = Form { m: metadata, t: type_, i: immutable, k: keys, h: eso_hash };
        // Texts, numbers and maps by texts: that always can be written. Were it not so, the Secret would be looked at in
        // the API server.
        let json = serde_json::to_string(&form).unwrap_or_default().into_boxed_str();
        Self { json, leased, version, mark }
    }

    /// `metadata.resourceVersion`.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The label `created-by`.
    pub(super) fn mark(&self) -> Option<&str> {
        self.mark.as_deref()
    }

    /// Whether a record of leases stands on it.
    pub(super) fn is_leased(&self) -> bool {
        self.leased
    }

    /// Whether that is written in it anywhere, found without unpacking it.
    pub(crate) fn says(&self, text: &str) -> bool {
        let quoted = serde_json::to_string(text).unwrap_or_default();
        let escaped = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        escaped.is_some_and(|text| self.json.contains(text))
    }

    /// Unpacks it.
    pub(crate) fn unpack(&self) -> Option<ManagedSecret> {
        let Form { m, t, i, k, h } = serde_json::from_str(&self.json).ok()?;
        let keys = k.into_iter().map(|(key, hash)| (key, KeyHash::from_bytes(hash))).collect();
        Some(ManagedSecret { metadata: m, type_: t, immutable: i, data: HashedData { keys, eso_hash: h } })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        for value in [
            json!({"metadata": {}}),
            json!({
                "metadata": {
                    "name": "s", "namespace": "ns", "uid": "u", "resourceVersion": "7",
                    "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T03:04:06Z",
                    "labels": {"a/b": "c"}, "annotations": {"d": "e\n\"ü"}, "finalizers": ["f"],
                    "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "o", "controller": true}],
                    "managedFields": [{"manager": "m", "operation": "Apply", "time": "2026-01-02T03:04:05Z",
                                       "fieldsV1": {"f:data": {".": {}, "f:k": {}}}}]
                },
                "data": {"k": "MTI=", "l": ""}, "type": "Opaque", "immutable": true
            }),
        ] {
            let secret: ManagedSecret = serde_json::from_value(value).unwrap();
            let packed = Packed::new(secret.clone());
            assert_eq!(packed.version(), secret.metadata.resource_version.as_deref());
            let unpacked = packed.unpack().unwrap();
            for text in secret.metadata.annotations.iter().flatten().map(|(_, text)| text) {
                assert!(packed.says(text) && !packed.says(&format!("{text}!")), "{text:?}");
            }
            assert!(!packed.is_leased());
            assert_eq!(unpacked.metadata, secret.metadata);
            assert_eq!((unpacked.type_, unpacked.immutable), (secret.type_, secret.immutable));
            assert_eq!(
                (unpacked.data.keys, unpacked.data.eso_hash),
                (secret.data.keys, secret.data.eso_hash)
            );
        }
    }
}
