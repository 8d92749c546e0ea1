//! GCRAccessToken: what a client of Google's container registries logs in with.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::providers::gcpsm::GcpFederation;
use crate::reference::{SecretKeySelector, ServiceAccountSelector};

/// Whose token.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "GCRAccessToken",
    doc = "A login to Google's Artifact Registry and Container Registry: an access token, good for an hour; made anew at each refresh of an ExternalSecret that names it.",
    plural = "gcraccesstokens",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct GCRAccessTokenSpec {
    /// How to log in; without a field in it with what the operator's own pod has.
    #[schemars(with = "GcrAuth")]
    pub auth: Value,
    /// Project that the login is of.
    #[serde(rename = "projectID")]
    pub project_id: String,
}

/// How to log in.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcrAuth {
    /// With a service account's key.
    pub secret_ref: Option<GcrSecretRef>,
    /// As a Kubernetes ServiceAccount of a GKE cluster.
    pub workload_identity: Option<GcrWorkloadIdentity>,
    /// As an identity of another system.
    pub workload_identity_federation: Option<GcpFederation>,
}

/// A service account's key.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcrSecretRef {
    /// The key, as JSON.
    pub secret_access_key_secret_ref: Option<SecretKeySelector>,
}

/// A ServiceAccount of a GKE cluster.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct GcrWorkloadIdentity {
    /// The ServiceAccount.
    pub service_account_ref: ServiceAccountSelector,
    /// Location of the cluster.
    pub cluster_location: String,
    /// Name of the cluster.
    pub cluster_name: String,
    /// Project of the cluster; by default projectID.
    #[schemars(rename = "clusterProjectID")]
    pub cluster_project_id: Option<String>,
}
