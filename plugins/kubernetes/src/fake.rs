//! What API servers answer, and sessions of stores. Only tests.

use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::provider::connection::Resolved;
use claviger_plugin_sdk::testing::{Host, bytes, input};
use serde_json::{Value as Json, json};

use crate::config::Manifest;
use crate::connect::TOKEN;

pub(crate) fn said(status: u16, body: &str) -> Reply {
    Reply::new(status, body)
}

/// A `Status` as kube-apiserver writes it.
pub(crate) fn status(code: u16, reason: &str, message: &str, details: Json) -> String {
    let mut status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code,
    });
    if !details.is_null() {
        status["details"] = details;
    }
    status.to_string()
}

/// A Secret, of version 41.
pub(crate) fn secret(name: &str, data: Json) -> Reply {
    let metadata = json!({"name": name, "namespace": "team-b", "resourceVersion": "41"});
    let secret =
        json!({"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "data": data, "type": "Opaque"});
    said(200, &secret.to_string())
}

/// Of a SecretStore.
pub(crate) fn session_of<'h>(
    host: &'h Host<'_>,
    config: &Json,
    have: &[(&str, Resolved)],
) -> Session<'h, Manifest> {
    Session::new(input(config, have), host).unwrap_or_else(|error| panic!("{error:?}"))
}

/// One with a bearer token.
pub(crate) fn session<'h>(host: &'h Host<'_>) -> Session<'h, Manifest> {
    let config = json!({
        "server": {"url": "api.example:6443"}, "remoteNamespace": "team-b",
        "auth": {"token": {"bearerToken": {"name": "n", "key": "k"}}},
    });
    session_of(host, &config, &[(TOKEN, bytes("the-token\n"))])
}

pub(crate) fn item(key: &str) -> Item {
    Item::new(key)
}
