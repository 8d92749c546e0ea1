//! ClusterGenerator: a generator of any kind, for ExternalSecrets of every namespace. Which field belongs to which kind
//! is decided where it is read (`claviger_core::generator`).

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ACRAccessTokenSpec, ECRAuthorizationTokenSpec, FakeSpec, GCRAccessTokenSpec, PasswordSpec, SSHKeySpec,
    STSSessionTokenSpec, UUIDSpec, VaultDynamicSecretSpec,
};
use crate::schema::open_object;

/// A generator of some kind.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "ClusterGenerator",
    doc = "A generator that ExternalSecrets of every namespace may name: each as if it stood in its own.",
    plural = "clustergenerators",
    category = "external-secrets",
    category = "external-secrets-generators",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterGeneratorSpec {
    /// Its kind.
    #[schemars(schema_with = "kind")]
    pub kind: String,
    /// Its spec, under the name of its kind.
    pub generator: GeneratorSpec,
}

/// One spec; exactly one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct GeneratorSpec {
    /// Of kind Password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_spec: Option<PasswordSpec>,
    /// Of kind UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid_spec: Option<UUIDSpec>,
    /// Of kind SSHKey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_key_spec: Option<SSHKeySpec>,
    /// Of kind Fake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fake_spec: Option<FakeSpec>,
    /// Of kind VaultDynamicSecret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_dynamic_secret_spec: Option<VaultDynamicSecretSpec>,
    /// Of kind ACRAccessToken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr_access_token_spec: Option<ACRAccessTokenSpec>,
    /// Of kind ECRAuthorizationToken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecr_authorization_token_spec: Option<ECRAuthorizationTokenSpec>,
    /// Of kind GCRAccessToken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcr_access_token_spec: Option<GCRAccessTokenSpec>,
    /// Of kind STSSessionToken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sts_session_token_spec: Option<STSSessionTokenSpec>,
    /// Of kind BeyondtrustWorkloadCredentialsDynamicSecret; for a plugin that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_object")]
    pub beyondtrust_workload_credentials_dynamic_secret_spec: Option<Value>,
    /// Of kind CloudsmithAccessToken; for a plugin that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_object")]
    pub cloudsmith_access_token_spec: Option<Value>,
    /// Of kind GithubAccessToken; for a plugin that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_object")]
    pub github_access_token_spec: Option<Value>,
    /// Of kind GitlabDeployToken; for a plugin that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_object")]
    pub gitlab_deploy_token_spec: Option<Value>,
    /// Of kind QuayAccessToken; for a plugin that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_object")]
    pub quay_access_token_spec: Option<Value>,
    /// Of kind Webhook; for a plugin that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_object")]
    pub webhook_spec: Option<Value>,
    /// Of kind Grafana; for a plugin that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_object")]
    pub grafana_spec: Option<Value>,
    /// Of kind MFA; for a plugin that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_object")]
    pub mfa_spec: Option<Value>,
}

fn kind(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "enum": [
            "ACRAccessToken", "BeyondtrustWorkloadCredentialsDynamicSecret", "CloudsmithAccessToken",
            "ECRAuthorizationToken", "Fake", "GCRAccessToken", "GithubAccessToken", "GitlabDeployToken",
            "QuayAccessToken", "Password", "SSHKey", "STSSessionToken", "UUID", "VaultDynamicSecret", "Webhook",
            "Grafana", "MFA",
        ],
    })
}
