//! Secrets that carry the managed label, reduced while they are decoded.
//!
//! Of the data only keyed hashes survive, so drift is seen and no value is cached. Decoded values live
//! for one visitor call and are wiped. What other field managers than ours own is dropped too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::hash::{KeyHash, KeyedHasher, eso_data_hash};
use claviger_core::names::FIELD_MANAGER_PREFIX;
use claviger_core::plan::{Controller, Fields, Observed};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::Resource;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use zeroize::Zeroizing;

/// The process's hash key: random at each start, so hashes mean nothing outside of it. It is global
/// because deserialization has no other way to reach it.
static HASHER: LazyLock<KeyedHasher> = LazyLock::new(KeyedHasher::random);

/// The hasher that [`ManagedSecret`] uses, for comparing with what is desired.
pub fn hasher() -> &'static KeyedHasher {
    &HASHER
}

/// A Secret without its values.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ManagedSecret {
    /// Object metadata, managedFields included.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// `type`.
    #[serde(rename = "type", default)]
    pub type_: Option<String>,
    /// `immutable`.
    #[serde(default)]
    pub immutable: Option<bool>,
    /// Hashes of the data.
    #[serde(default)]
    pub data: HashedData,
}

/// What remains of a Secret's data.
#[derive(Clone, Debug)]
pub struct HashedData {
    /// By key, with the process's own hash key.
    pub keys: BTreeMap<String, KeyHash>,
    /// ESO's hash over all of it, to compare with the annotation.
    pub eso_hash: String,
}

impl Default for HashedData {
    fn default() -> Self {
        Self::of(&BTreeMap::<String, Vec<u8>>::new())
    }
}

impl HashedData {
    /// Hashes values; they stay the caller's to wipe.
    pub fn of<V: AsRef<[u8]>>(data: &BTreeMap<String, V>) -> Self {
        Self {
            keys: data.iter().map(|(key, value)| (key.clone(), HASHER.hash(value.as_ref()))).collect(),
            eso_hash: eso_data_hash(data.iter().map(|(key, value)| (key.as_str(), value.as_ref()))),
        }
    }
}

impl<'de> Deserialize<'de> for HashedData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Data;
        impl<'de> Visitor<'de> for Data {
            type Value = HashedData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of keys to base64")
            }

            fn visit_unit<E>(self) -> Result<HashedData, E> {
                Ok(HashedData::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<HashedData, A::Error> {
                let mut data = BTreeMap::new();
                while let Some((key, text)) = entries.next_entry::<String, String>()? {
                    let text = Zeroizing::new(text);
                    // The API server sends canonical base64; the error says nothing of the text.
                    let value = STANDARD
                        .decode(text.as_bytes())
                        .map_err(|_| serde::de::Error::custom("a value that is not base64"))?;
                    data.insert(key, Zeroizing::new(value));
                }
                Ok(HashedData::of(&data))
            }
        }
        deserializer.deserialize_any(Data)
    }
}

impl Resource for ManagedSecret {
    type DynamicType = ();
    type Scope = <Secret as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        Secret::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        Secret::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        Secret::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        Secret::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Drops what no decision needs: fields owned by others than ExternalSecrets.
pub fn reduce(mut secret: ManagedSecret) -> ManagedSecret {
    if let Some(fields) = &mut secret.metadata.managed_fields {
        fields.retain(|entry| {
            entry.manager.as_deref().is_some_and(|manager| manager.starts_with(FIELD_MANAGER_PREFIX))
        });
    }
    secret
}

/// The Secret as the planner of the ExternalSecret with that field manager sees it.
pub fn observed(secret: &ManagedSecret, manager: &str) -> Observed {
    let meta = &secret.metadata;
    let entries = meta.managed_fields.as_deref().unwrap_or_default();
    let ours = |entry: &ManagedFieldsEntry| entry.manager.as_deref() == Some(manager);
    let by = |operation: &'static str| {
        fields(
            entries.iter().filter(move |entry| ours(entry) && entry.operation.as_deref() == Some(operation)),
        )
    };
    Observed {
        uid: meta.uid.clone().unwrap_or_default(),
        resource_version: meta.resource_version.clone().unwrap_or_default(),
        type_: secret.type_.clone(),
        immutable: secret.immutable.unwrap_or(false),
        deleting: meta.deletion_timestamp.is_some(),
        labels: meta.labels.clone().unwrap_or_default(),
        annotations: meta.annotations.clone().unwrap_or_default(),
        finalizers: meta.finalizers.clone().unwrap_or_default(),
        controller: controller(meta),
        data: secret.data.keys.clone(),
        data_hash: secret.data.eso_hash.clone(),
        applied: by("Apply"),
        updated: by("Update"),
        others: fields(entries.iter().filter(|entry| {
            !ours(entry)
                && entry.manager.as_deref().is_some_and(|manager| manager.starts_with(FIELD_MANAGER_PREFIX))
        })),
    }
}

/// The owner that controls an object.
pub(crate) fn controller(meta: &ObjectMeta) -> Option<Controller> {
    let owner = meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
    Some(Controller {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    })
}

/// Everything that some entries of managedFields own.
fn fields<'a>(entries: impl Iterator<Item = &'a ManagedFieldsEntry>) -> Fields {
    let mut owned = Fields::default();
    for entry in entries {
        let Some(fields) = &entry.fields_v1 else { continue };
        owned.data.extend(keys(&fields.0["f:data"]));
        owned.labels.extend(keys(&fields.0["f:metadata"]["f:labels"]));
        owned.annotations.extend(keys(&fields.0["f:metadata"]["f:annotations"]));
    }
    owned
}

fn keys(fields: &serde_json::Value) -> impl Iterator<Item = String> {
    fields
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(field, _)| field.strip_prefix("f:").map(ToOwned::to_owned))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use serde_json::json;

    use super::*;

    fn secret() -> ManagedSecret {
        serde_json::from_value(json!({
            "metadata": {
                "name": "s", "namespace": "ns", "uid": "u", "resourceVersion": "7",
                "managedFields": [
                    {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:data": {"f:theirs": {}}}},
                    {"manager": "externalsecrets.external-secrets.io/es", "operation": "Apply", "fieldsV1":
                        {"f:data": {".": {}, "f:a.b": {}}, "f:metadata": {"f:labels": {"f:x/y": {}}}}},
                    {"manager": "externalsecrets.external-secrets.io/es", "operation": "Update", "fieldsV1":
                        {"f:data": {"f:old": {}}}}
                ]
            },
            "data": {"a": "MTI=", "b": "Mw=="},
            "type": "Opaque"
        }))
        .unwrap()
    }

    #[test]
    fn only_hashes_of_the_data_survive() {
        let secret = secret();
        assert!(!format!("{secret:?}").contains("MTI="));
        assert_eq!(secret.data.keys["a"], hasher().hash(b"12"));
        assert_ne!(secret.data.keys["a"], secret.data.keys["b"]);
        // Go: sha3.Sum224([]byte(fmt.Sprintf("%+v", map[string][]byte{"a": []byte("12"), "b": []byte("3")})))
        let parts = [("a", b"12".as_slice()), ("b", b"3".as_slice())];
        assert_eq!(secret.data.eso_hash, eso_data_hash(parts));
    }

    #[test]
    fn managed_fields_are_told_apart_by_manager_and_operation() {
        let reduced = reduce(secret());
        let entries = reduced.metadata.managed_fields.unwrap();
        assert_eq!(entries.len(), 2, "others' fields are dropped");
        let set = |keys: &[&str]| {
            keys.iter().map(|key| (*key).to_owned()).collect::<std::collections::BTreeSet<_>>()
        };
        let seen = observed(&secret(), "externalsecrets.external-secrets.io/es");
        assert_eq!(seen.applied.data, set(&["a.b"]));
        assert_eq!(seen.applied.labels, set(&["x/y"]));
        assert_eq!(seen.updated.data, set(&["old"]));
        assert!(seen.others.is_empty(), "kubectl is no ExternalSecret");
        let seen = observed(&secret(), "externalsecrets.external-secrets.io/other");
        assert!(seen.applied.is_empty() && seen.updated.is_empty());
        assert_eq!(seen.others.data, set(&["a.b", "old"]));
    }

    #[test]
    fn a_secret_without_data_and_one_with_null_are_empty() {
        for text in [r#"{"metadata":{}}"#, r#"{"metadata":{},"data":null}"#] {
            let secret: ManagedSecret = serde_json::from_str(text).unwrap();
            assert!(secret.data.keys.is_empty());
            assert_eq!(secret.data.eso_hash, HashedData::default().eso_hash);
        }
    }
}
