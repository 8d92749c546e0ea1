//! A tenant of one namespace tries to reach what is another's: by every reference of the providers' schemas,
//! through shared stores, through answers and logins that the operator keeps. On real RBAC, with the API
//! server's audit log as the witness.

mod configs;
mod generators;
mod pushes;
mod references;
mod shared;
mod stand_in;

use serde_json::{Value, json};

use crate::support::World;

/// The other tenant's corner, with a Secret and a ServiceAccount that nobody else may use.
fn victim(world: &World) -> World {
    let victim = World { env: world.env.clone(), name: format!("{}-victim", world.name) };
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": victim.name}}),
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "namespace": victim.name},
            "stringData": {"k": "MARKED-victims-secret"},
        }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
                "name": "theirs", "namespace": victim.name,
                "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/victims"},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine", "namespace": world.name},
            "stringData": {"k": "MARKED-own-secret"},
        }),
    ] {
        world.apply_json(&object);
    }
    victim
}

fn external_secret(world: &World, name: &str, kind: &str, store: &str, key: &str) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {
            "refreshInterval": "2s", "secretStoreRef": {"kind": kind, "name": store},
            "data": [{"secretKey": "v", "remoteRef": {"key": key, "property": "v"}}],
        },
    }));
}

fn cluster_store(world: &World, name: &str, rest: Value) {
    let mut spec = json!({"controller": world.name, "refreshInterval": 2});
    for (field, value) in rest.as_object().unwrap() {
        spec[field] = value.clone();
    }
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": name}, "spec": spec,
    }));
}
