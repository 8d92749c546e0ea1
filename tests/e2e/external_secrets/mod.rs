//! What an ExternalSecret asks for beyond values: when, of what kind, as far as it can be had. With the fake provider.

mod generic;
mod partial;
mod render;
mod rendering;
mod windows;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Operator, World};

/// A store `fake` with these values, as YAML: `{key: a, value: b}, …`.
pub(super) fn store(world: &World, values: &str) {
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{values}]}}}}}}\n",
        ns = world.name
    ));
}

/// An ExternalSecret of that store.
pub(super) fn external_secret(world: &World, name: &str, annotations: &str, spec: &str) {
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n\
         metadata: {{name: {name}, namespace: {ns}, annotations: {{{annotations}}}}}\n\
         spec:\n  secretStoreRef: {{name: fake}}\n{spec}\n",
        ns = world.name
    ));
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// How often it was refreshed, or that was tried.
pub(super) fn syncs(operator: &Operator, namespace: &str, name: &str) -> f64 {
    let page = operator.page("/metrics");
    let of_it = |line: &&str| {
        line.starts_with("externalsecret_sync_calls_total{")
            && line.contains(&format!("namespace=\"{namespace}\""))
            && line.contains(&format!("name=\"{name}\""))
    };
    let count = page.lines().find(of_it).and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.unwrap_or(0.0)
}
