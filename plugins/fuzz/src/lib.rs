//! What is fuzzed of the guests: a function of bytes for each target, which feeds them to the code, natively, and panics
//! where a property does not hold.
//!
//! `cargo fuzz` calls them from `fuzz/fuzz_targets`, and `tests/corpus.rs` with every seed, in the ordinary test run.
//! That of the host is `tests/fuzz`. The sandbox around a guest is not here: what a panic or a loop does in it is the
//! host's to contain. Values in seeds are made up.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a property that does not hold panics"
)]

pub mod aws_answers;
pub mod azure_answers;
pub mod credentials;
pub mod gcp_answers;
pub mod go_template;
pub mod jinja;
pub mod kubernetes_answers;
pub mod onepassword_answers;
mod script;
pub mod vault_answers;
pub mod webhook_answers;

/// A target: its name, and what is done with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them. Each has a file of its name in `fuzz/fuzz_targets`, and a folder of seeds in `fuzz/corpus`.
pub const TARGETS: &[Target] = &[
    ("aws_answers", aws_answers::run),
    ("azure_answers", azure_answers::run),
    ("credentials", credentials::run),
    ("gcp_answers", gcp_answers::run),
    ("go_template", go_template::run),
    ("jinja", jinja::run),
    ("kubernetes_answers", kubernetes_answers::run),
    ("onepassword_answers", onepassword_answers::run),
    ("vault_answers", vault_answers::run),
    ("webhook_answers", webhook_answers::run),
];
