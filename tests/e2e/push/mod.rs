//! PushSecrets against a real API server: with the fake provider for what the operator does and leaves, with real backends
//! for what is there then (`providers`). What was asked of a provider is counted, at the operator's own counters.

mod aws;
mod azure;
mod docs;
mod google;
mod killed;
mod lives;
mod many;
mod mechanics;
mod places;
mod providers;
mod shapes;
mod spread;

use serde_json::{Value, json};

use crate::support::{Operator, World};

/// A store of the test's own class, validated once: other operators leave what names it alone once they have seen it.
fn store(world: &World, name: &str, labels: &Value, provider: &Value) {
    let object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": name, "namespace": world.name, "labels": labels},
        "spec": {"controller": world.name, "refreshInterval": 3600, "provider": provider},
    });
    world.apply(&object.to_string());
    world.wait("the store to be there", || world.get("secretstore", name).ok_or(String::new()));
}

/// The store `fake`, with one key of its own.
pub(crate) fn fake(world: &World) {
    store(world, "fake", &json!({}), &json!({"fake": {"data": [{"key": "declared", "value": "declared"}]}}));
}

fn secret(world: &World, name: &str, labels: &Value, data: &Value) {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": world.name, "labels": labels}, "stringData": data,
    });
    world.apply(&object.to_string());
}

/// A PushSecret of Secret `source` to the store `fake`, with what differs in `spec`.
fn push(world: &World, name: &str, spec: &Value) {
    let mut full = json!({
        "refreshInterval": "1h", "secretStoreRefs": [{"name": "fake"}], "selector": {"secret": {"name": "source"}},
    });
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let object = json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
        "metadata": {"name": name, "namespace": world.name}, "spec": full,
    });
    world.apply(&object.to_string());
}

/// An entry of `data`.
fn entry(key: &str, remote: &str) -> Value {
    match remote.split_once('#') {
        Some((remote, property)) => {
            json!({"match": {"secretKey": key, "remoteRef": {"remoteKey": remote, "property": property}}})
        }
        None => json!({"match": {"secretKey": key, "remoteRef": {"remoteKey": remote}}}),
    }
}

/// Waits until the object is Synced as it is now; its status.
pub(crate) fn synced(world: &World, name: &str) -> Value {
    world.wait(&format!("PushSecret {name} to be synced"), || {
        let object = world.get("pushsecret", name).unwrap_or_default();
        let status = &object["status"];
        let generation = format!("{}-", object["metadata"]["generation"]);
        let current = status["syncedResourceVersion"].as_str().is_some_and(|it| it.starts_with(&generation));
        let reason = &status["conditions"][0]["reason"];
        if current && reason == "Synced" { Ok(status.clone()) } else { Err(status.to_string()) }
    })
}

/// The names of the places that the status says were pushed to.
pub(crate) fn places(status: &Value, store: &str) -> Vec<String> {
    let entries = status["syncedPushSecrets"][store].as_object();
    entries.into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// Reads a key of a store back, by an ExternalSecret, until it is that; `None`: until it is not there.
fn wait_there(world: &World, store: &str, key: &str, expected: Option<&str>) {
    let name = format!("read-{}", key.replace(|c: char| !c.is_ascii_alphanumeric(), "-").to_lowercase());
    let object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {"refreshInterval": "2s", "secretStoreRef": {"name": store},
            "data": [{"secretKey": "v", "remoteRef": {"key": key}}]},
    });
    world.apply(&object.to_string());
    match expected {
        Some(value) => world.wait_data(&name, &[("v", value)]),
        None => drop(world.wait_reason("externalsecret", &name, "RemoteKeyNotFound")),
    }
    world.kubectl(&["-n", &world.name, "delete", "externalsecret", &name]);
}

/// Keys that were pushed or taken back so far, by outcome.
fn counts(operator: &Operator) -> [u64; 5] {
    ["created", "updated", "unchanged", "deleted", "failed"].map(|outcome| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
        let count =
            operator.metric(&format!("claviger_pushes_total{{outcome=\"{outcome}\"}}")).unwrap_or(0.0) as u64;
        count
    })
}

/// Calls of the fake provider so far.
fn calls(operator: &Operator) -> f64 {
    operator.metric("claviger_plugin_calls{plugin=\"fake\",outcome=\"answered\"}").unwrap_or(0.0)
}
