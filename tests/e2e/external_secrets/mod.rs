//! What an ExternalSecret asks for beyond values: when, of what kind, as far as it can be had. With the fake provider.

mod partial;
mod windows;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::World;

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
