//! How a manifest names another object: a key of a Secret, a ServiceAccount, a certificate authority.
//!
//! Namespaces are honoured only in cluster-scoped kinds; that rule lives where references are resolved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeySelector {
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub name: Option<String>,
    /// Key in its data; some fields have a default for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::key")]
    pub key: Option<String>,
    /// Namespace of the Secret; ignored in a SecretStore, which reads only its own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::namespace")]
    pub namespace: Option<String>,
}

/// A Secret as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Name of the Secret.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Namespace of the Secret; ignored in a SecretStore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::namespace")]
    pub namespace: Option<String>,
}

/// A ServiceAccount whose token is requested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountSelector {
    /// Name of the ServiceAccount.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Its namespace; ignored in a SecretStore, and without it a ClusterSecretStore uses the
    /// ExternalSecret's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::namespace")]
    pub namespace: Option<String>,
    /// Audiences of the token, besides those the provider needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
}

/// Where a bundle of certificate authorities is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaProvider {
    /// Kind of the object.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["Secret", "ConfigMap"]))]
    pub type_: String,
    /// Name of the object.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Key in its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::key")]
    pub key: Option<String>,
    /// Its namespace; ignored in a SecretStore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::namespace")]
    pub namespace: Option<String>,
}

/// A key of a Secret, wrapped in `secretRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRefHolder {
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeySelector>,
}
