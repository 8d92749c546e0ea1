//! Projects in JavaScript.

use super::synced;
use crate::support::world;

#[test]
fn a_provider_goes_from_new_to_a_secret() {
    let world = world!("author-js");
    synced(&world, "js", "provider");
}

#[test]
fn a_template_engine_goes_from_new_to_a_secret() {
    let world = world!("author-js-template");
    synced(&world, "js", "template");
}
