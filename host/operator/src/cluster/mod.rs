//! The effects: everything that is read from or written to the API server outside the watches.
//!
//! Each does what it is told and reports; what to do was decided before, by pure code.

pub mod apply;
pub mod children;
pub mod config_maps;
pub mod credentials;
pub mod events;
pub mod generic;
pub mod live;
pub mod push;
pub mod status;
pub mod workloads;
