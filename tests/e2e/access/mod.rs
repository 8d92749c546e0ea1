//! `spec.accessPolicy` of a ClusterSecretStore: what a namespace may reach of it, and that nobody is asked for the rest. With
//! the fake provider for what comes of it, with OpenBao and its audit log for what was asked.

mod accounts;
mod asked;
mod leases;
mod pushes;
mod reads;
mod refused;
mod spreads;

use serde_json::{Value, json};

use crate::support::World;

/// A second namespace, whose name begins like the first's.
fn neighbour(world: &World) -> World {
    let other = World { env: world.env.clone(), name: format!("{}-b", world.name) };
    let labels = json!({"claviger.io/e2e-tier": "none"});
    world.apply_json(
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other.name, "labels": labels}}),
    );
    other
}

/// A ClusterSecretStore of the test's class, called like the test.
fn store(world: &World, provider: &Value, policy: &Value) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": world.name},
        "spec": {"controller": world.name, "refreshInterval": 3600, "provider": provider, "accessPolicy": policy},
    }));
}

/// The fake provider with these keys; each has its name as value.
fn fake(keys: &[&str]) -> Value {
    let data: Vec<Value> =
        keys.iter().map(|key| json!({"key": key, "value": format!("MARKED-{key}")})).collect();
    json!({"fake": {"data": data}})
}

/// An ExternalSecret in `at` that reads from the store `store`, with what differs in `spec`.
fn external_secret(at: &World, store: &str, name: &str, spec: &Value) {
    let mut full = json!({
        "refreshInterval": "1h", "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
    });
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    at.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": at.name}, "spec": full,
    }));
}

/// `data` with one key under `v`.
fn key(key: &str) -> Value {
    json!({"data": [{"secretKey": "v", "remoteRef": {"key": key}}]})
}

/// Asks for refreshes until it is so: one that begins before the operator has seen another policy goes by the old one.
fn refreshed(at: &World, name: &str, what: &str, mut look: impl FnMut() -> Result<(), String>) {
    at.wait(what, || {
        at.sync_now(name);
        look()
    });
}

/// Asks for refreshes until the object says that a key is forbidden, in these words.
fn forbidden(at: &World, name: &str, words: &str) {
    refreshed(at, name, &format!("{name} to say {words:?}"), || match at.ready("externalsecret", name) {
        Some((status, reason, message))
            if status == "False" && reason == "KeyForbidden" && message.contains(words) =>
        {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
}

/// Takes away what is the whole cluster's.
fn cleared(world: &World) {
    world.kubectl(&["delete", "clustersecretstore", &world.name]);
}
