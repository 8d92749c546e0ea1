//! `spec.provider.gcpsm`: Google Secret Manager.
//!
//! Schema only. `projectId` and `auth.secretRef.secretAccessKey` are second accepted spellings; the
//! plugin refuses both at once.

use schemars::JsonSchema;

use crate::reference::{SecretKeySelector, SecretReference, ServiceAccountSelector};

/// Reads from Google Secret Manager.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcpSm {
    /// Project; by default that of the metadata server.
    #[schemars(rename = "projectID")]
    pub project_id: Option<String>,
    /// Another spelling of projectID.
    #[schemars(rename = "projectId")]
    pub project_id_alias: Option<String>,
    /// Region of regional secrets.
    pub location: Option<String>,
    /// What a disabled latest version means: LatestOrFail, or LatestOrFetch to take the newest enabled one.
    #[schemars(extend("default" = "LatestOrFail"))]
    pub secret_version_selection_policy: Option<String>,
    /// How to log in; by default with application default credentials.
    pub auth: Option<GcpAuth>,
}

/// How to log in.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcpAuth {
    /// With a service account's key.
    pub secret_ref: Option<GcpSecretRef>,
    /// As a Kubernetes ServiceAccount of a GKE cluster.
    pub workload_identity: Option<GcpWorkloadIdentity>,
    /// As an identity of another system.
    pub workload_identity_federation: Option<GcpFederation>,
}

/// A service account's key.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcpSecretRef {
    /// The key, as JSON.
    pub secret_access_key_secret_ref: Option<SecretKeySelector>,
    /// Another spelling of secretAccessKeySecretRef.
    pub secret_access_key: Option<SecretKeySelector>,
}

/// A ServiceAccount of a GKE cluster.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcpWorkloadIdentity {
    /// The ServiceAccount.
    pub service_account_ref: ServiceAccountSelector,
    /// Location of the cluster; by default from the metadata server.
    pub cluster_location: Option<String>,
    /// Name of the cluster; by default from the metadata server.
    pub cluster_name: Option<String>,
    /// Project of the cluster; by default from the metadata server.
    #[schemars(rename = "clusterProjectID")]
    pub cluster_project_id: Option<String>,
}

/// An identity of another system.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcpFederation {
    /// A credential configuration, as JSON in a ConfigMap.
    pub cred_config: Option<ConfigMapKey>,
    /// A Kubernetes ServiceAccount.
    pub service_account_ref: Option<ServiceAccountSelector>,
    /// AWS credentials.
    pub aws_security_credentials: Option<AwsSecurityCredentials>,
    /// The provider in the workload identity pool.
    pub audience: Option<String>,
    /// Where a token of the other system comes from.
    pub external_token_endpoint: Option<String>,
    /// Service account to act as.
    #[schemars(extend("pattern" = r"^.*@.*\.iam\.gserviceaccount\.com$"))]
    pub gcp_service_account_email: Option<String>,
}

/// A key of a ConfigMap.
pub type ConfigMapKey = SecretKeySelector;

/// AWS credentials that Google accepts.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AwsSecurityCredentials {
    /// Secret with aws_access_key_id, aws_secret_access_key and perhaps aws_session_token.
    pub aws_credentials_secret_ref: SecretReference,
    /// Region of AWS.
    #[schemars(extend("pattern" = "^[a-z0-9-]+$"))]
    pub region: String,
}
