//! What a store's config refers to objects with. Each type marks its place in the config schema (`x-claviger`); a plugin
//! asks the host for what stands at a marked place and never for a name, so it reads nothing that the store does not name.

use schemars::JsonSchema;
use serde::Deserialize;

/// A key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-claviger" = "secretRef"))]
pub struct SecretRef {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Which of its keys.
    pub key: Option<String>,
    /// Of a ClusterSecretStore; left out, it is the namespace of whoever asks.
    pub namespace: Option<String>,
}

/// A key of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-claviger" = "configMapRef"))]
pub struct ConfigMapRef {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Which of its keys.
    pub key: Option<String>,
    /// Of a ClusterSecretStore; left out, it is the namespace of whoever asks.
    pub namespace: Option<String>,
}

/// A key of a Secret or a ConfigMap, as `caProvider` of many providers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-claviger" = "objectRef"))]
pub struct ObjectRef {
    /// Which of the two.
    #[serde(rename = "type")]
    pub kind: ObjectKind,
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Which of its keys.
    pub key: Option<String>,
    /// Of a ClusterSecretStore; left out, it is the namespace of whoever asks.
    pub namespace: Option<String>,
}

/// What an [`ObjectRef`] refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ObjectKind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// A ServiceAccount, whose token or annotations are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-claviger" = "serviceAccountRef"))]
pub struct ServiceAccountRef {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Of a ClusterSecretStore; left out, it is the namespace of whoever asks.
    pub namespace: Option<String>,
    /// For whom its token is, besides those that the plugin asks for.
    #[serde(default)]
    pub audiences: Vec<String>,
}
