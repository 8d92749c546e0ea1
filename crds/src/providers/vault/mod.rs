//! `spec.provider.vault`: HashiCorp Vault and OpenBao.
//!
//! Schema only. `tls.{clientCert,clientKey}` are second accepted spellings of
//! `tls.{certSecretRef,keySecretRef}`; the plugin refuses both at once. `tls.caCert` may stand beside
//! `caBundle` and `caProvider`: authorities add up.

mod auth;
mod cloud_auth;

use schemars::JsonSchema;

use super::Texts;
use crate::reference::{CaProvider, SecretKeySelector, SecretRefHolder};

pub use auth::{
    AppRoleAuth, CertAuth, JwtAuth, KubernetesAuth, KubernetesServiceAccountToken, LdapAuth, UserPassAuth,
    VaultAuth,
};
pub use cloud_auth::{GcpAuth, GcpSecretRef, IamAuth, IamJwt, IamSecretRef};

/// Reads from Vault or OpenBao.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Vault {
    /// Address of the server.
    pub server: String,
    /// Mount of the secrets engine; without it keys begin with the mount.
    pub path: Option<String>,
    /// Version of the key-value engine.
    #[schemars(extend("enum" = ["v1", "v2"], "default" = "v2"))]
    pub version: Option<String>,
    /// Vault namespace.
    pub namespace: Option<String>,
    /// How to log in; exactly one method.
    pub auth: Option<VaultAuth>,
    /// Certificate authorities of the server, base64 of PEM.
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// Where certificate authorities of the server are kept.
    pub ca_provider: Option<CaProvider>,
    /// The TLS connection.
    pub tls: Option<VaultTls>,
    /// Headers for every request.
    pub headers: Option<Texts>,
    /// Whether a read must see the latest write.
    pub read_your_writes: Option<bool>,
    /// Whether a standby forwards reads it cannot yet answer.
    pub forward_inconsistent: Option<bool>,
    /// Writes only over the version that was read.
    pub check_and_set: Option<CheckAndSet>,
}

/// The TLS connection.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct VaultTls {
    /// The client's certificate.
    pub cert_secret_ref: Option<SecretKeySelector>,
    /// Its key.
    pub key_secret_ref: Option<SecretKeySelector>,
    /// Name the server's certificate must have; by default the host of `server`.
    pub server_name: Option<String>,
    /// Takes any certificate. Only false is safe.
    pub insecure_skip_verify: Option<bool>,
    /// Certificate authorities of the server, besides those of caBundle and caProvider.
    pub ca_cert: Option<SecretRefHolder>,
    /// Another spelling of certSecretRef.
    pub client_cert: Option<SecretRefHolder>,
    /// Another spelling of keySecretRef.
    pub client_key: Option<SecretRefHolder>,
}

/// Writes only over the version that was read.
#[derive(Debug, JsonSchema)]
pub struct CheckAndSet {
    /// Whether the mount demands it.
    pub required: Option<bool>,
}
