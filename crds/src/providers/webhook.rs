//! `spec.provider.webhook`: any system that answers HTTP requests.
//!
//! Schema only.

use schemars::JsonSchema;

use super::Texts;
use crate::reference::{CaProvider, SecretKeySelector};

/// Reads by HTTP requests made from templates.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Webhook {
    /// Method; by default GET.
    pub method: Option<String>,
    /// Address, a template.
    pub url: String,
    /// Headers, templates.
    pub headers: Option<Texts>,
    /// Body, a template.
    pub body: Option<String>,
    /// Longest time for an answer, as a Go duration.
    pub timeout: Option<String>,
    /// Where the value lies in the answer.
    pub result: Option<WebhookResult>,
    /// Secrets that the templates may use.
    pub secrets: Option<Vec<WebhookSecret>>,
    /// How to log in; exactly one.
    pub auth: Option<WebhookAuth>,
    /// The server's certificate authorities, base64 of PEM.
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// Where its certificate authorities are kept.
    pub ca_provider: Option<CaProvider>,
}

/// Where the value lies in the answer.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct WebhookResult {
    /// A JSON path.
    pub json_path: Option<String>,
}

/// A Secret that the templates may use.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct WebhookSecret {
    /// Its name in the templates.
    pub name: String,
    /// The Secret; all its keys without `key`.
    pub secret_ref: SecretKeySelector,
}

/// How to log in; exactly one.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", extend("minProperties" = 1, "maxProperties" = 1))]
pub struct WebhookAuth {
    /// With NTLM.
    pub ntlm: Option<Ntlm>,
}

/// An NTLM login.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Ntlm {
    /// The user's name.
    pub username_secret: SecretKeySelector,
    /// The password.
    pub password_secret: SecretKeySelector,
}
