//! The hostile set: components that try everything they can think of, each contained, named with its
//! plugin and the limit it met, while others go on.
//!
//! What they try is in `plugins/fixtures`, how often it reached a server is counted by the tests' own
//! servers. Latencies of others are printed (`--nocapture`) and never asserted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod budgets;
mod dns;
mod events;
mod flood;
mod leaks;
mod loading;
mod network;
mod references;
mod sandbox;
mod stand_in;
#[path = "../support/mod.rs"]
mod support;
mod tenants;
