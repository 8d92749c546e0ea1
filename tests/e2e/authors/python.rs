//! Projects in Python.

use super::synced;
use crate::support::world;

#[test]
fn a_provider_goes_from_new_to_a_secret() {
    let world = world!("author-python");
    synced(&world, "python", "provider");
}

#[test]
fn a_template_engine_goes_from_new_to_a_secret() {
    let world = world!("author-python-template");
    synced(&world, "python", "template");
}
