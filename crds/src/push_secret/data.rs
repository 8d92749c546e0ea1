//! What of a Secret is pushed, and under which names: key by key (`data`) and many at once (`dataTo`).

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PushStoreRef;
use crate::external_secret::{RewriteRegexp, RewriteTransform};

/// One key of the Secret and where it goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushData {
    /// Which key, and where to.
    #[serde(rename = "match")]
    pub match_: PushMatch,
    /// What the provider attaches to it: tags, labels, an encryption key. Each provider has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub metadata: Option<Value>,
    /// ReverseUnicode turns `_U002f_` in keys of the Secret back into `/`.
    #[serde(default)]
    pub conversion_strategy: PushConversion,
}

/// Which key, and where to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushMatch {
    /// The key in the Secret; without it the whole Secret is pushed as a JSON object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret_key: String,
    /// Where to.
    pub remote_ref: PushRemoteRef,
}

/// A place in the external system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushRemoteRef {
    /// The provider's name of it.
    pub remote_key: String,
    /// A part of the value, which is a JSON object then.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub property: String,
}

/// How keys of the Secret are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PushConversion {
    /// As they stand.
    #[default]
    None,
    /// What the conversion strategy Unicode made is turned back.
    ReverseUnicode,
}

/// Many keys of the Secret, each under its own name or all as one JSON object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.storeRef) && (has(self.storeRef.name) || has(self.storeRef.labelSelector))",
        "message": "storeRef must specify either name or labelSelector"
    },
    {
        "rule": "!has(self.remoteKey) || !has(self.rewrite) || size(self.rewrite) == 0",
        "message": "remoteKey and rewrite are mutually exclusive: rewrite is only supported in per-key mode (without remoteKey)"
    }
]))]
pub struct DataTo {
    /// Which of secretStoreRefs; needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_ref: Option<PushStoreRef>,
    /// The one place that gets all keys as a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_key: Option<String>,
    /// Which keys; all, if it does not say.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    pub match_: Option<DataToMatch>,
    /// How each key's name there is made from its name here, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrite: Vec<PushRewrite>,
    /// As of `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub metadata: Option<Value>,
    /// As of `data`.
    #[serde(default)]
    pub conversion_strategy: PushConversion,
}

/// Selects keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataToMatch {
    /// RE2, unanchored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regexp: Option<String>,
}

/// One change of a name; exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(has(self.regexp) && !has(self.transform)) || (!has(self.regexp) && has(self.transform))",
    "message": "exactly one of regexp or transform must be set"
}]))]
pub struct PushRewrite {
    /// Replaces what a regular expression matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regexp: Option<RewriteRegexp>,
    /// Renders the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<RewriteTransform>,
}

fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}
