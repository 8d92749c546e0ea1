//! What an ExternalSecret reads: single values (`data`) and many at once (`dataFrom`).
//!
//! That exactly one of extract, find and a generator may be given is checked where the spec is planned.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretStoreRef;
use super::policy::{
    ConversionStrategy, DecodingStrategy, MergeConflictPolicy, MergePriorityPolicy, MergeStrategy,
    MetadataPolicy, NullBytePolicy,
};
use crate::schema;

/// Group and version of generators, where a manifest does not say.
pub const DEFAULT_GENERATOR_API_VERSION: &str = "generators.external-secrets.io/v1alpha1";

/// One key of the Secret and where its value lies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataEntry {
    /// The key in the Secret.
    #[schemars(schema_with = "schema::key")]
    pub secret_key: String,
    /// Where the value lies.
    pub remote_ref: RemoteRef,
    /// Another store than the spec's for this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<SourceRef>,
}

/// A value in the external system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteRef {
    /// The provider's name of it.
    pub key: String,
    /// Part of the value: a key or gjson path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Version of the value, as the provider names versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Fetch reads tags or labels instead of the value.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub metadata_policy: MetadataPolicy,
    /// How names become keys; without effect on `data`.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub conversion_strategy: ConversionStrategy,
    /// How the value is decoded.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub decoding_strategy: DecodingStrategy,
    /// Fail refuses a value with a NUL byte.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub null_byte_policy: NullBytePolicy,
}

/// A JSON object in the external system, each of whose keys becomes one of the Secret's.
pub type Extract = RemoteRef;

/// Many values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataFrom {
    /// All keys of one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract: Option<Extract>,
    /// All values that match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find: Option<Find>,
    /// Changes of the keys, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrite: Vec<Rewrite>,
    /// Another store than the spec's, or a generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<SourceRef>,
}

/// Selects values by name or tags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Find {
    /// Where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// By name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<FindName>,
    /// By tags; all must match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How names become keys.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub conversion_strategy: ConversionStrategy,
    /// How the values are decoded.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub decoding_strategy: DecodingStrategy,
    /// Fail refuses a value with a NUL byte.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub null_byte_policy: NullBytePolicy,
}

/// Selects by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindName {
    /// RE2, unanchored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regexp: Option<String>,
}

/// One change of keys; exactly one of the three.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Rewrite {
    /// Puts the keys of all values, which must be JSON objects, together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<RewriteMerge>,
    /// Replaces what a regular expression matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regexp: Option<RewriteRegexp>,
    /// Renders each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<RewriteTransform>,
}

/// Puts the keys of all values together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RewriteMerge {
    /// The key of the merged object; needed for the strategy JSON.
    #[serde(default)]
    pub into: String,
    /// Values that win over others, the last most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub priority: Vec<String>,
    /// What a name in priority that was not fetched means.
    #[serde(default)]
    pub priority_policy: MergePriorityPolicy,
    /// What two values with the same key mean.
    #[serde(default)]
    pub conflict_policy: MergeConflictPolicy,
    /// Extract replaces all keys, JSON makes one.
    #[serde(default)]
    pub strategy: MergeStrategy,
}

/// Replaces what a regular expression matches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RewriteRegexp {
    /// RE2.
    pub source: String,
    /// Replacement; `$1` is the first group.
    pub target: String,
}

/// Renders each key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RewriteTransform {
    /// A template in which `.value` is the key.
    pub template: String,
}

/// A store or a generator; exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct SourceRef {
    /// A store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_ref: Option<SecretStoreRef>,
    /// A generator; in dataFrom only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_ref: Option<GeneratorRef>,
}

/// Names a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorRef {
    /// Group and version.
    #[serde(default = "default_generator_api_version")]
    pub api_version: String,
    /// Kind of the generator.
    #[schemars(extend("pattern" = "^[A-Za-z][A-Za-z0-9]*$", "minLength" = 1, "maxLength" = 63))]
    pub kind: String,
    /// Name of the generator.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
}

fn default_generator_api_version() -> String {
    DEFAULT_GENERATOR_API_VERSION.to_owned()
}
