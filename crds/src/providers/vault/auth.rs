//! Login methods of Vault that need nothing but Kubernetes objects.
//!
//! Schema only. Mount paths are without `auth/`.

use schemars::JsonSchema;

use super::cloud_auth::{GcpAuth, IamAuth};
use crate::reference::{SecretKeySelector, ServiceAccountSelector};

/// How to log in; exactly one method.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct VaultAuth {
    /// Vault namespace of the login, where it differs from the store's.
    pub namespace: Option<String>,
    /// With a token.
    pub token_secret_ref: Option<SecretKeySelector>,
    /// With AppRole.
    pub app_role: Option<AppRoleAuth>,
    /// With a ServiceAccount that Vault checks at the API server.
    pub kubernetes: Option<KubernetesAuth>,
    /// With a JWT that Vault checks by its signature.
    pub jwt: Option<JwtAuth>,
    /// With LDAP.
    pub ldap: Option<LdapAuth>,
    /// With a TLS client certificate.
    pub cert: Option<CertAuth>,
    /// With AWS credentials.
    pub iam: Option<IamAuth>,
    /// With a name and a password.
    pub user_pass: Option<UserPassAuth>,
    /// With Google credentials.
    pub gcp: Option<GcpAuth>,
}

/// AppRole.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AppRoleAuth {
    /// Mount of the method.
    #[schemars(extend("default" = "approle"))]
    pub path: String,
    /// The role id; or roleRef.
    pub role_id: Option<String>,
    /// The role id, kept in a Secret.
    pub role_ref: Option<SecretKeySelector>,
    /// The secret id.
    pub secret_ref: SecretKeySelector,
}

/// A ServiceAccount that Vault checks at the API server.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct KubernetesAuth {
    /// Mount of the method.
    #[schemars(extend("default" = "kubernetes"))]
    pub mount_path: String,
    /// Role in Vault.
    pub role: Option<String>,
    /// The ServiceAccount.
    pub service_account_ref: Option<ServiceAccountSelector>,
    /// A token kept in a Secret; the key is `token` by default.
    pub secret_ref: Option<SecretKeySelector>,
}

/// A JWT that Vault checks by its signature; from a Secret or a ServiceAccount.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct JwtAuth {
    /// Mount of the method.
    #[schemars(extend("default" = "jwt"))]
    pub path: String,
    /// Role in Vault; by default the mount's.
    pub role: Option<String>,
    /// A JWT kept in a Secret.
    pub secret_ref: Option<SecretKeySelector>,
    /// A token of a ServiceAccount.
    pub kubernetes_service_account_token: Option<KubernetesServiceAccountToken>,
    /// Another spelling of kubernetesServiceAccountToken.serviceAccountRef.
    pub service_account_ref: Option<ServiceAccountSelector>,
}

/// A token of a ServiceAccount.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct KubernetesServiceAccountToken {
    /// The ServiceAccount.
    pub service_account_ref: ServiceAccountSelector,
    /// Audiences of the token; by default `vault`.
    pub audiences: Option<Vec<String>>,
    /// Life of the token; by default 600.
    pub expiration_seconds: Option<i64>,
}

/// LDAP.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct LdapAuth {
    /// Mount of the method.
    #[schemars(extend("default" = "ldap"))]
    pub path: String,
    /// The user's name.
    pub username: String,
    /// The password.
    pub secret_ref: Option<SecretKeySelector>,
}

/// A TLS client certificate.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct CertAuth {
    /// Mount of the method.
    #[schemars(extend("default" = "cert"))]
    pub path: Option<String>,
    /// The certificate.
    pub client_cert: Option<SecretKeySelector>,
    /// Its key.
    pub secret_ref: Option<SecretKeySelector>,
    /// Role in Vault.
    pub vault_role: Option<String>,
}

/// A name and a password.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct UserPassAuth {
    /// Mount of the method.
    #[schemars(extend("default" = "userpass"))]
    pub path: String,
    /// The user's name.
    pub username: String,
    /// The password.
    pub secret_ref: Option<SecretKeySelector>,
}
