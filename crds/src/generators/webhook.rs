//! Webhook: what an HTTP API answers to a request made from templates.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::providers::webhook::{WebhookAuth, WebhookResult};
use crate::reference::CaProvider;
use crate::schema;

/// The request, and where the values lie in its answer.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "Webhook",
    doc = "What an HTTP API answers to a request, which is made anew for each ExternalSecret.",
    plural = "webhooks",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSpec {
    /// Method; by default GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Address, a template but for scheme, host and port.
    pub url: String,
    /// Headers, templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How to log in; exactly one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebhookAuth>")]
    pub auth: Option<Value>,
    /// Body, a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Longest time for an answer, as a Go duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Where the object of keys and values lies in the answer.
    #[schemars(with = "WebhookResult")]
    pub result: Value,
    /// Secrets that the templates may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<WebhookSecret>,
    /// The server's certificate authorities, base64 of PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// Where its certificate authorities are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_provider: Option<CaProvider>,
}

/// A Secret that the templates may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSecret {
    /// Its name in the templates.
    pub name: String,
    /// The Secret, of the generator's namespace; all its keys without `key`.
    pub secret_ref: WebhookSecretRef,
}

/// A Secret of the generator's namespace: as the peer has it here, without one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSecretRef {
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub name: Option<String>,
    /// Key in its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::key")]
    pub key: Option<String>,
}
