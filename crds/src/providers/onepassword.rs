//! `spec.provider.onepassword`: 1Password, through a Connect server.
//!
//! Schema only.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::reference::SecretKeySelector;

/// Reads items of 1Password.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OnePassword {
    /// How to log in.
    pub auth: OnePasswordAuth,
    /// Address of the Connect server.
    pub connect_host: String,
    /// Vaults by name or id, each with its place in the order in which they are searched.
    #[schemars(schema_with = "vaults")]
    pub vaults: BTreeMap<String, i64>,
}

/// How to log in.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OnePasswordAuth {
    /// By a token.
    pub secret_ref: OnePasswordSecretRef,
}

/// Where the token is kept.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OnePasswordSecretRef {
    /// The Connect server's access token.
    pub connect_token_secret_ref: SecretKeySelector,
}

/// Schemars has a format for it that the API server does not know.
fn vaults(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": "integer"}})
}
