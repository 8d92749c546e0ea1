//! How the generators for AWS log in: as a store does, with ESO's spelling alone. Schema only.

use schemars::JsonSchema;

use crate::providers::aws::AwsJwtAuth;
use crate::reference::SecretKeySelector;

/// How to log in.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AwsTokenAuth {
    /// With the token of a ServiceAccount (IRSA).
    pub jwt: Option<AwsJwtAuth>,
    /// With an access key from Secrets.
    pub secret_ref: Option<AwsTokenSecretRef>,
}

/// An access key.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AwsTokenSecretRef {
    /// The access key id.
    #[schemars(rename = "accessKeyIDSecretRef")]
    pub access_key_id_secret_ref: Option<SecretKeySelector>,
    /// The secret access key.
    pub secret_access_key_secret_ref: Option<SecretKeySelector>,
    /// The session token of temporary credentials.
    pub session_token_secret_ref: Option<SecretKeySelector>,
}
