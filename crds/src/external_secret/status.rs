//! What an ExternalSecret reports about itself. Written by the operator only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::schema;

/// State of an ExternalSecret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretStatus {
    /// When values were last read (RFC 3339); may lag behind by the persisting period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::date_time")]
    pub refresh_time: Option<String>,
    /// Generation and metadata hash that the last sync was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_resource_version: Option<String>,
    /// `Ready` and, where they apply, others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The Secret, for the Service Binding specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// Of providers with dynamic keys: how each key was found when it was first read, which holds from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<KeySource>,
    /// What could not be read or used at the last try; at most 20 are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<KeyFailure>,
}

/// An entry of the spec that did not bring what it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyFailure {
    /// The key in the external system, or what is searched for, or the generator's kind and name.
    pub key: String,
    /// Where it stands in the spec: `data[2]`, `dataFrom[0].extract`.
    pub entry: String,
    /// As the condition's reasons.
    pub reason: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// How a key was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeySource {
    /// Kind and name of the store.
    pub store: String,
    /// The key.
    pub key: String,
    /// What it is.
    pub nature: KeyNature,
}

/// Whether a key names something stored, or something that is made for who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeyNature {
    /// A stored secret: if it is deleted, it is missing.
    Stored,
    /// A credential that is made for each ExternalSecret, leased and rotated.
    Dynamic,
}

/// Names the Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// Its name.
    #[serde(default)]
    pub name: String,
}
