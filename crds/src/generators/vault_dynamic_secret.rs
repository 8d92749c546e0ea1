//! VaultDynamicSecret: what Vault answers to one request, made anew for each ExternalSecret.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::providers::vault::Vault;
use crate::store::RetrySettings;

/// What Vault answers to a request.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "VaultDynamicSecret",
    doc = "What Vault or OpenBao answers to one request: a credential of a database engine, a certificate.",
    plural = "vaultdynamicsecrets",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct VaultDynamicSecretSpec {
    /// Class of the operator that serves this generator; others pass it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
    /// The request's method, GET if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Its body, for other methods than GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any")]
    pub parameters: Option<Value>,
    /// Its query, for GET.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub get_parameters: BTreeMap<String, Vec<String>>,
    /// Which part of the answer is taken.
    #[serde(default)]
    #[schemars(extend("default" = "Data"))]
    pub result_type: ResultType,
    /// How often a failed request is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_settings: Option<RetrySettings>,
    /// The server, and how to log in.
    #[schemars(with = "Vault")]
    pub provider: Value,
    /// What is asked for, below /v1/.
    pub path: String,
    /// Whether an answer without data is one.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub allow_empty_response: bool,
}

/// Which part of the answer is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ResultType {
    /// Its data.
    #[default]
    Data,
    /// The login that it is.
    Auth,
    /// All of it, with the lease.
    Raw,
}

fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}
