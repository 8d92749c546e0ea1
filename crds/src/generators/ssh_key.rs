//! SSHKey: a key pair for SSH.

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::schema;

/// What key it is.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "SSHKey",
    doc = "A key pair for SSH, made anew at each refresh of an ExternalSecret that names it.",
    plural = "sshkeys",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct SSHKeySpec {
    /// rsa, ecdsa or ed25519.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    #[schemars(schema_with = "key_type")]
    pub key_type: String,
    /// Bits: of RSA 2048 if it is left out, 1024 at least; of ECDSA 256, 384 or 521; without effect on Ed25519.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "key_size")]
    pub key_size: Option<i64>,
    /// What stands behind the public key.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    #[schemars(with = "Option<String>")]
    pub comment: String,
}

fn key_type(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "default": "rsa", "enum": ["rsa", "ecdsa", "ed25519"]})
}

fn key_size(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 256, "maximum": 8192})
}
