//! STSSessionToken: temporary AWS credentials of an IAM user.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::aws::AwsTokenAuth;
use crate::schema;

/// Whose credentials, and for how long.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "STSSessionToken",
    doc = "Temporary AWS credentials of an IAM user; made anew at each refresh of an ExternalSecret that names it.",
    plural = "stssessiontokens",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct STSSessionTokenSpec {
    /// Region, e.g. eu-central-1.
    pub region: String,
    /// How to log in: with a user's access key. STS gives no session tokens to sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AwsTokenAuth>")]
    pub auth: Option<Value>,
    /// Role to assume first; STS refuses its session.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    #[schemars(with = "Option<String>")]
    pub role: String,
    /// What STS is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_parameters: Option<RequestParameters>,
}

/// Of GetSessionToken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestParameters {
    /// Seconds, 900 to 129600; 43200 if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_duration: Option<i32>,
    /// Serial number or ARN of the user's MFA device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// A code of that device. Each is good once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_code: Option<String>,
}
