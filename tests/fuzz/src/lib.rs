//! What is fuzzed of the host: a function of bytes for each target, which feeds them to the code and panics where a
//! property does not hold.
//!
//! `cargo fuzz` calls them from `fuzz/fuzz_targets`, and `tests/corpus.rs` with every seed, in the ordinary test run.
//! That of the plugins is `plugins/fuzz`. What decides is in the product; here is nothing but questions and what the
//! answers must be. Values in seeds are made up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a property that does not hold panics"
)]

pub mod access;
pub mod admission;
pub mod answers;
mod args;
pub mod changes;
pub mod component;
pub mod config;
pub mod generic;
pub mod gjson;
pub mod helm;
mod input;
pub mod leases;
pub mod manifests;
pub mod oci;
pub mod origins;
pub mod package;
pub mod plan;
pub mod property;
pub mod redact;
pub mod schema;
pub mod shape;
pub mod times;
/// What the command line reads YAML by.
#[path = "../../../host/cli/src/yaml.rs"]
mod yaml;

/// A target: its name, and what is done with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them. Each has a file of its name in `fuzz/fuzz_targets`, and a folder of seeds in `fuzz/corpus`.
pub const TARGETS: &[Target] = &[
    ("access", access::run),
    ("admission", admission::run),
    ("answers", answers::run),
    ("changes", changes::run),
    ("component", component::run),
    ("config", config::run),
    ("generic", generic::run),
    ("gjson", gjson::run),
    ("helm", helm::run),
    ("leases", leases::run),
    ("manifests", manifests::run),
    ("oci", oci::run),
    ("origins", origins::run),
    ("package", package::run),
    ("plan", plan::run),
    ("property", property::run),
    ("redact", redact::run),
    ("schema", schema::run),
    ("shape", shape::run),
    ("times", times::run),
];
