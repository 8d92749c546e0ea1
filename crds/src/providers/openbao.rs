//! `spec.provider.openBao`: OpenBao under the name and with the fields that ESO gives it.
//!
//! Schema only. The plugin is Vault's, and `spec.provider.vault` knows more of it: more logins, client certificates,
//! headers.

use schemars::JsonSchema;

use super::vault::{AppRoleAuth, UserPassAuth};
use crate::reference::{CaProvider, SecretKeySelector};

/// Reads from OpenBao.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OpenBao {
    /// Address of the server.
    pub server: String,
    /// Mount of the key-value engine; `kv` by default.
    pub path: Option<String>,
    /// Version of the key-value engine.
    #[schemars(extend("enum" = ["v1", "v2"], "default" = "v2"))]
    pub version: Option<String>,
    /// OpenBao's namespace.
    pub namespace: Option<String>,
    /// How to log in.
    pub auth: Option<OpenBaoAuth>,
    /// Certificate authorities of the server, base64 of PEM.
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// Where certificate authorities of the server are kept.
    pub ca_provider: Option<CaProvider>,
}

/// How to log in; exactly one method.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OpenBaoAuth {
    /// Namespace of the login; that of the store by default.
    pub namespace: Option<String>,
    /// With AppRole.
    pub app_role: Option<AppRoleAuth>,
    /// With a token.
    pub token_secret_ref: Option<SecretKeySelector>,
    /// With a name and a password.
    pub user_pass: Option<UserPassAuth>,
}
