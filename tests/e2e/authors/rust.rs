//! Projects in Rust. The provider's is docs/plugins/author.md, run as a person runs it.

use super::{page, synced};
use crate::support::world;

#[test]
fn a_provider_goes_from_new_to_a_secret_as_the_page_says() {
    let world = world!("author-rust");
    page::walk(&world);
}

#[test]
fn a_template_engine_goes_from_new_to_a_secret() {
    let world = world!("author-rust-template");
    synced(&world, "rust", "template");
}
