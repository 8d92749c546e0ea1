//! `spec.provider.kubernetes`: Secrets of another namespace or cluster.
//!
//! Schema only.

use schemars::JsonSchema;

use crate::reference::{CaProvider, SecretKeySelector, ServiceAccountSelector};
use crate::schema;

/// Reads Secrets of a namespace through an API server.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Kubernetes {
    /// The API server.
    pub server: Option<KubernetesServer>,
    /// How to log in; exactly one.
    pub auth: Option<KubernetesAuth>,
    /// A kubeconfig in a Secret, instead of server and auth.
    pub auth_ref: Option<SecretKeySelector>,
    /// Namespace to read.
    #[schemars(
        length(min = 1, max = 63),
        extend("pattern" = schema::NAMESPACE_PATTERN, "default" = "default")
    )]
    pub remote_namespace: Option<String>,
}

/// The API server.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct KubernetesServer {
    /// Its address.
    #[schemars(extend("default" = "kubernetes.default"))]
    pub url: Option<String>,
    /// Its certificate authorities, base64 of PEM.
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// Where its certificate authorities are kept.
    pub ca_provider: Option<CaProvider>,
}

/// How to log in; exactly one.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", extend("minProperties" = 1, "maxProperties" = 1))]
pub struct KubernetesAuth {
    /// With a client certificate.
    pub cert: Option<KubernetesCert>,
    /// With a bearer token.
    pub token: Option<KubernetesToken>,
    /// With the token of a ServiceAccount.
    pub service_account: Option<ServiceAccountSelector>,
}

/// A client certificate.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct KubernetesCert {
    /// The certificate.
    pub client_cert: SecretKeySelector,
    /// Its key.
    pub client_key: SecretKeySelector,
}

/// A bearer token.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct KubernetesToken {
    /// The token.
    pub bearer_token: SecretKeySelector,
}
