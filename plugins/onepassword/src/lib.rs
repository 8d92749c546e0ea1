//! The `onepassword` provider: items of 1Password, through a Connect server, in ESO's spelling.
//!
//! Reading only. What decides is in plain modules with native tests; `plugin` and the end of `world` talk to the host.

pub mod client;
pub mod config;
pub mod find;
pub mod item;
pub mod read;
pub mod world;

#[cfg(test)]
mod fake;

#[cfg(target_arch = "wasm32")]
mod plugin;
