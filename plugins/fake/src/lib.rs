//! The `fake` provider: its external system is the store's own manifest. For trying things out and for
//! tests, with the fields and the behaviour of ESO's provider of that name. It reaches no network.
//!
//! What is pushed is kept in the host's memory: it is gone when the process ends, when the store's manifest changes, and a
//! day after the last push.

pub mod data;
pub mod plugin;
pub mod pushed;

pub use plugin::Fake;
