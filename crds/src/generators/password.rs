//! Password: a random text, or several, of so many letters, digits and symbols.

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::schema;

/// What a password looks like.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "Password",
    doc = "Random passwords, made anew at each refresh of an ExternalSecret that names it.",
    plural = "passwords",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct PasswordSpec {
    /// How many characters it has.
    #[schemars(extend("default" = 24), schema_with = "schema::integer")]
    pub length: i64,
    /// How many of them are digits; a quarter if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::integer")]
    pub digits: Option<i64>,
    /// How many of them are symbols; a quarter if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::integer")]
    pub symbols: Option<i64>,
    /// Which symbols; ~!@#$%^&*()_+`-={}|[]\:"<>?,./ if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol_characters: Option<String>,
    /// Letters are small ones only.
    #[schemars(extend("default" = false))]
    pub no_upper: bool,
    /// A character may stand in it more than once.
    #[schemars(extend("default" = false))]
    pub allow_repeat: bool,
    /// The keys, each with a password of its own; `password` if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "keys")]
    pub secret_keys: Option<Vec<String>>,
    /// How it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "encoding")]
    pub encoding: Option<String>,
}

fn keys(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "string"}, "minItems": 1})
}

fn encoding(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string", "default": "raw", "enum": ["base64", "base64url", "base32", "hex", "raw"],
    })
}
