//! What a registry says, read without asking one: for who has a manifest, or the head of an answer, and no registry.
//! Tests from outside hold the reading to its promises so (`tests/fuzz`). Pure.

use super::challenge::{self, Challenge};
use super::manifest;

/// Digest and size in bytes of the layer that a component would be pulled from; none if a manifest names no such layer,
/// or one that would not be pulled.
pub fn component_layer(manifest: &[u8]) -> Option<(String, usize)> {
    manifest::component(manifest).ok().map(|layer| (layer.digest, layer.size))
}

/// The same of the payloads of signatures that would be looked at.
pub fn signature_layers(manifest: &[u8]) -> Vec<(String, usize)> {
    let layers = manifest::signatures(manifest).unwrap_or_default();
    layers.into_iter().map(|(layer, _)| (layer.digest, layer.size)).collect()
}

/// The URL of the service that gives tokens, if the fields `WWW-Authenticate` of a refusal name one; empty if they want
/// name and password themselves.
pub fn token_service<'a>(fields: impl IntoIterator<Item = &'a str>) -> Option<String> {
    match challenge::choose(fields)? {
        Challenge::Basic => Some(String::new()),
        Challenge::Bearer { realm, .. } => Some(realm),
    }
}
