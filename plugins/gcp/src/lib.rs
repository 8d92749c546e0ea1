//! The `gcpsm` provider: Google Secret Manager, global and regional, by its REST API.
//!
//! ESO's spelling of the config and the reference document's. What decides is in plain modules with native tests;
//! `plugin` and the end of `world` talk to the host. How an access token comes about is in
//! `claviger-plugin-google-credentials`.

pub mod answer;
pub mod client;
pub mod config;
pub mod find;
pub mod health;
mod metadata;
pub mod name;
mod push;
pub mod read;
pub mod session;
pub mod token;
pub mod world;
pub mod writer;

#[cfg(test)]
mod fake;

#[cfg(target_arch = "wasm32")]
mod plugin;
