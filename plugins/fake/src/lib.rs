//! The `fake` provider: its external system is the store's own manifest. For trying things out and for
//! tests, with the fields and the behaviour of ESO's provider of that name. It reaches no network.

pub mod data;

#[cfg(target_arch = "wasm32")]
mod plugin;
