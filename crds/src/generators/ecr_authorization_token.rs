//! ECRAuthorizationToken: what a client of Amazon's container registries logs in with.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::aws::AwsTokenAuth;
use crate::schema;

/// Which registry's token, and who asks.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "ECRAuthorizationToken",
    doc = "A login to Amazon ECR, good for twelve hours; made anew at each refresh of an ExternalSecret that names it.",
    plural = "ecrauthorizationtokens",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct ECRAuthorizationTokenSpec {
    /// Region, e.g. eu-central-1; of the public registry us-east-1.
    pub region: String,
    /// How to log in; by default with what the operator's own pod has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AwsTokenAuth>")]
    pub auth: Option<Value>,
    /// Role to assume with those credentials.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    #[schemars(with = "Option<String>")]
    pub role: String,
    /// private, or public for the public registry.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    #[schemars(with = "Option<String>")]
    pub scope: String,
}
