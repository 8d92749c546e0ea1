//! The `azurekv` provider: secrets, certificates and keys of Azure Key Vault.
//!
//! Service principals by secret or certificate, managed identities and federated ServiceAccounts; ESO's
//! spelling of the config and the reference document's. What decides is in plain modules with native tests;
//! `plugin` and the end of `world` talk to the host. Managed HSMs are not here.

pub mod answer;
pub mod assertion;
pub mod auth;
pub mod client;
pub mod cloud;
pub mod config;
pub mod entra;
pub mod find;
pub mod health;
pub mod identity;
pub mod login;
pub mod needs;
pub mod object;
mod push;
pub mod read;
pub mod ready;
pub mod refusal;
pub mod registry;
pub mod session;
pub mod slots;
pub mod world;
pub mod writer;

#[cfg(test)]
mod fake;

#[cfg(target_arch = "wasm32")]
mod plugin;
