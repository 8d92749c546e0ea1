//! What a plugin turned out to be. Written by the operator only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grants::AmbientGrant;
use crate::condition::Condition;
use crate::schema;

/// State of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginStatus {
    /// `Ready`, with why not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation of the object that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Digest of the loaded bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What the plugin says its version is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Worlds it implements, e.g. `provider@0.1.0`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worlds: Vec<String>,
    /// What it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Reach>,
    /// What of that it was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Reach>,
    /// What it has used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Reach>,
}

/// What a plugin reaches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// Origins, or patterns of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Ambient access.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambient: Vec<AmbientGrant>,
    /// Token audiences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Tokens with the API server's audience.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub api_server_audience: bool,
    /// Loopback addresses.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub loopback: bool,
    /// Link-local addresses, the metadata services' among them.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub link_local: bool,
    /// The API server's address.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub api_server: bool,
    /// Most memory a call has used, in MiB.
    #[serde(rename = "memoryMiB", default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub memory_mib: Option<u32>,
    /// Most processor time a call has used, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub cpu_milliseconds: Option<u64>,
}
