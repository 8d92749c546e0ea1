//! Login methods of Vault that go through a cloud's own identity.
//!
//! Schema only.

use schemars::JsonSchema;

use crate::providers::gcpsm::GcpWorkloadIdentity;
use crate::reference::{SecretKeySelector, ServiceAccountSelector};

/// AWS credentials.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct IamAuth {
    /// Mount of the method; by default `aws`.
    pub path: Option<String>,
    /// Region of STS.
    pub region: Option<String>,
    /// Role to assume in AWS.
    pub role: Option<String>,
    /// Role in Vault.
    pub vault_role: String,
    /// External id for assuming the role.
    #[schemars(rename = "externalID")]
    pub external_id: Option<String>,
    /// Value of the header X-Vault-AWS-IAM-Server-ID.
    #[schemars(rename = "vaultAwsIamServerID")]
    pub vault_aws_iam_server_id: Option<String>,
    /// An access key from Secrets.
    pub secret_ref: Option<IamSecretRef>,
    /// The token of a ServiceAccount.
    pub jwt: Option<IamJwt>,
}

/// An access key.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct IamSecretRef {
    /// The access key id.
    #[schemars(rename = "accessKeyIDSecretRef")]
    pub access_key_id_secret_ref: Option<SecretKeySelector>,
    /// The secret access key.
    pub secret_access_key_secret_ref: Option<SecretKeySelector>,
    /// The session token of temporary credentials.
    pub session_token_secret_ref: Option<SecretKeySelector>,
}

/// The ServiceAccount whose annotations name the role.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct IamJwt {
    /// The ServiceAccount.
    pub service_account_ref: Option<ServiceAccountSelector>,
}

/// Google credentials.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcpAuth {
    /// Mount of the method.
    #[schemars(extend("default" = "gcp"))]
    pub path: Option<String>,
    /// Role in Vault.
    pub role: String,
    /// Project of the credentials.
    #[schemars(rename = "projectID")]
    pub project_id: Option<String>,
    /// Location of the instance.
    pub location: Option<String>,
    /// A service account's key.
    pub secret_ref: Option<GcpSecretRef>,
    /// A Kubernetes ServiceAccount.
    pub service_account_ref: Option<ServiceAccountSelector>,
    /// A Kubernetes ServiceAccount of a GKE cluster.
    pub workload_identity: Option<GcpWorkloadIdentity>,
}

/// A service account's key.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcpSecretRef {
    /// The key, as JSON.
    pub secret_access_key_secret_ref: Option<SecretKeySelector>,
}
