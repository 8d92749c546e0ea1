//! The effects: everything that is read from or written to the API server outside the watches.
//!
//! Each does what it is told and reports; what to do was decided before, by pure code.

pub(crate) mod apply;
pub(crate) mod children;
pub(crate) mod config_maps;
pub mod credentials;
pub mod events;
pub(crate) mod generic;
pub mod live;
pub(crate) mod push;
pub(crate) mod push_secret;
pub(crate) mod status;
pub(crate) mod workloads;
