//! Projects in Go.

use super::synced;
use crate::support::world;

#[test]
fn a_provider_goes_from_new_to_a_secret() {
    let world = world!("author-go");
    synced(&world, "go", "provider");
}

#[test]
fn a_template_engine_goes_from_new_to_a_secret() {
    let world = world!("author-go-template");
    synced(&world, "go", "template");
}
