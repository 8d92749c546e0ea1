//! Where a plugin's bytes are. How they are fetched and checked is the loader's business.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Where the bytes are; exactly one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Source {
    /// Shipped with the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<BuiltinSource>,
    /// In a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapSource>,
    /// In a container registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oci: Option<OciSource>,
    /// In the operator's file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSource>,
}

/// Shipped with the operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuiltinSource {
    /// Its name there; by default the Plugin's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub name: Option<String>,
}

/// In a ConfigMap of the operator's namespace, under `binaryData`: as it is, or compressed with gzip or zstd.
/// A package of several parts stands in several ConfigMaps, see `claviger plugin pack`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapSource {
    /// Name of the ConfigMap, or of the first part's.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Key of the component; not needed where there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::key")]
    pub key: Option<String>,
}

/// In a container registry: an artifact with one layer of the type `application/wasm`, as `claviger plugin push`
/// and `wkg` make it. Whatever the registry answers, the component's own digest is one of `spec.digest`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciSource {
    /// Reference of the artifact: registry, repository, and a tag, the digest of its manifest, or both:
    /// `registry.example.com/plugins/etcd:0.1.0`. With a digest the manifest has to have it.
    #[schemars(length(min = 1, max = 512))]
    pub reference: String,
    /// Credentials for the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_secret_ref: Option<PullSecretRef>,
    /// Speak HTTP without TLS to the registry, and to nobody else: for one on loopback or in the cluster.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub insecure: bool,
    /// Signatures that the artifact has to have besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifyArtifact>,
}

/// A Secret of type `kubernetes.io/dockerconfigjson`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullSecretRef {
    /// Name of the Secret.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Its namespace; by default the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::namespace")]
    pub namespace: Option<String>,
}

/// How the artifact's manifest has to be signed; exactly one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct VerifyArtifact {
    /// By `cosign sign --key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosign: Option<CosignKeys>,
}

/// Public keys of cosign. One signature by one of them is enough. No transparency log is asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CosignKeys {
    /// The keys.
    #[schemars(length(min = 1, max = 8))]
    pub keys: Vec<CosignKey>,
}

/// One public key, or several in one text; exactly one place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct CosignKey {
    /// The key itself, as PEM (`-----BEGIN PUBLIC KEY-----`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8192))]
    pub pem: Option<String>,
    /// In a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeyRef>,
    /// In a Secret, such as the one that `cosign generate-key-pair k8s://` makes (`cosign.pub`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyRef>,
}

/// A key of a ConfigMap or Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// Name of the object.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Its namespace; by default the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::namespace")]
    pub namespace: Option<String>,
    /// Its key.
    #[schemars(schema_with = "schema::key")]
    pub key: String,
}

/// In the operator's file system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSource {
    /// Path relative to the plugin directory; may not leave it.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}
