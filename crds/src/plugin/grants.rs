//! What an administrator grants a plugin. What is not granted is refused; the host enforces it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What a plugin may reach and use up. Limits left out take the operator's defaults for the world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grants {
    /// Origins (`https://host[:port]`) it may reach besides those that follow from a store's fields.
    /// A leading `*.` in the host matches any subdomain, for plugins that are not built in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 512), regex(pattern = r"^https?://[^/?#@\s]+$")))]
    pub origins: Vec<String>,
    /// Things of the operator's own environment it may be handed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub ambient: Vec<AmbientGrant>,
    /// Audiences of ServiceAccount tokens it may have besides those that a store's manifest or the
    /// ServiceAccount's annotation names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)))]
    pub audiences: Vec<String>,
    /// Whether it may have ServiceAccount tokens with the API server's own audience.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub api_server_audience: bool,
    /// Whether it may reach loopback addresses.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub loopback: bool,
    /// Whether it may reach link-local addresses, the metadata services' among them.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub link_local: bool,
    /// Whether it may reach the API server's address.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub api_server: bool,
    /// Most memory of one call, in MiB; at most 4096, what 32-bit WebAssembly can address.
    #[serde(rename = "memoryMiB", default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::limit", extend("maximum" = 4096))]
    pub memory_mib: Option<u32>,
    /// Most processor time of one call, in milliseconds; waiting does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::limit")]
    pub cpu_milliseconds: Option<u64>,
    /// Longest time of one call, in seconds; waiting counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::limit")]
    pub wall_seconds: Option<u64>,
    /// Most calls at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::limit")]
    pub concurrency: Option<u32>,
}

/// One thing of the operator's own environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AmbientGrant {
    /// What it is.
    pub kind: AmbientKind,
    /// Name of the variable, for env and fileByEnv; the token's audience, for podServiceAccountToken; the profile,
    /// for gcpMetadata and awsMetadata; the resource that tokens are for, for azureMetadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
}

/// Kinds of ambient access. Metadata services are named profiles with fixed requests: an origin grant
/// for their address would also expose the node's credentials.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum AmbientKind {
    /// The value of an environment variable.
    #[default]
    Env,
    /// The content of the file that an environment variable names.
    FileByEnv,
    /// Google's metadata service.
    GcpMetadata,
    /// AWS's metadata service.
    AwsMetadata,
    /// Azure's metadata service.
    AzureMetadata,
    /// A token of the operator's own ServiceAccount.
    PodServiceAccountToken,
}
