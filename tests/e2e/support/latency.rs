//! How long somebody takes who has nothing to do with what a test does to others. Printed, never asserted.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::World;

/// Samples of a latency.
const SAMPLES: usize = 20;

/// An ExternalSecret of the store `bystander`, see [`bystander_store`].
pub(crate) fn bystander(world: &World, name: &str, interval: &str) -> Value {
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {
            "refreshInterval": interval, "secretStoreRef": {"name": "bystander"},
            "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}],
        },
    })
}

/// A store of the `fake` provider.
pub(crate) fn bystander_store(world: &World) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "bystander", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "k", "value": "v"}]}}},
    }));
}

/// From applying a new ExternalSecret until its Secret is there, with kubectl's own time in it; one line.
pub(crate) fn print_latency(world: &World, what: &str) {
    let prefix = what.replace(' ', "-").to_lowercase();
    let mut took: Vec<Duration> = (0..SAMPLES)
        .map(|sample| {
            let name = format!("{prefix}-{sample}");
            let started = Instant::now();
            world.apply_json(&bystander(world, &name, "1h"));
            world.wait_data(&name, &[("k", "v")]);
            started.elapsed()
        })
        .collect();
    took.sort();
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
    println!(
        "a new ExternalSecret until its Secret, {what}: p50 {:?}, p95 {:?}, worst {:?}",
        at(50),
        at(95),
        at(100)
    );
}
