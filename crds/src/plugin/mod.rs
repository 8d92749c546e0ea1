//! Plugin: the trust root of a provider or template engine.
//!
//! Cluster-scoped, so that whoever may edit it is whoever may decide what code reaches secrets. It says
//! where the component's bytes are, which digest they must have, what they are granted and who may use
//! them; the bytes themselves say none of that.

mod grants;
mod source;
mod status;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

pub use grants::{AmbientGrant, AmbientKind, Grants};
pub use source::{
    BuiltinSource, ConfigMapSource, CosignKey, CosignKeys, FileSource, KeyRef, OciSource, PullSecretRef,
    Source, VerifyArtifact,
};
pub use status::{PluginStatus, Reach};

/// A WebAssembly component that serves as provider or template engine under this object's name.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "claviger.io",
    version = "v1alpha1",
    kind = "Plugin",
    doc = "A WebAssembly component that serves as provider or template engine under this object's name.",
    plural = "plugins",
    shortname = "plug",
    category = "claviger",
    status = "PluginStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name": "Version", "type": "string", "jsonPath": ".status.version"}"#,
    printcolumn = r#"{"name": "World", "type": "string", "jsonPath": ".status.worlds[0]"}"#,
    printcolumn = r#"{"name": "Status", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name": "Digest", "type": "string", "jsonPath": ".status.digest", "priority": 1}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!(has(self.source.configMap) || has(self.source.oci)) || (has(self.digest) && size(self.digest) > 0)",
    "message": "digest is required for a plugin from a ConfigMap or a registry",
}]))]
pub struct PluginSpec {
    /// Only the operator with this controller class serves it (as `spec.controller` of a store); by default
    /// every one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub controller: Option<String>,
    /// Where the component's bytes are.
    pub source: Source,
    /// Digests the bytes may have. Two, so that a new version can be admitted before the old one goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), inner(regex(pattern = "^sha256:[0-9a-f]{64}$"), length(max = 71)))]
    pub digest: Vec<String>,
    /// What the plugin may reach and use up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
    /// What it should know for all its stores: other endpoints, a cloud's environment. URLs in it are origins
    /// that it may reach. Everybody who may read this object can read it: no place for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::open_object")]
    pub settings: Option<serde_json::Map<String, serde_json::Value>>,
    /// Namespaces whose objects may use it; by default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<AllowedNamespaces>,
}

/// Namespaces whose objects may use a plugin; what is given is alternatives, and nothing given is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// By labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// By name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::namespaces")]
    pub names: Vec<String>,
}
