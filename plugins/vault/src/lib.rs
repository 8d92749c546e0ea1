//! The `vault` provider: HashiCorp Vault and OpenBao, KV version 1 and 2, and engines that make credentials.
//!
//! Token, AppRole, JWT, Kubernetes, userpass, LDAP, certificate, AWS and Google logins; ESO's spelling of the config
//! and the reference document's. What decides is in plain modules with native tests; `plugin` and
//! the end of `world` talk to the host.

pub mod answer;
pub mod ask;
pub mod auth;
pub mod client;
pub mod config;
mod dynamic;
mod engine;
pub mod find;
pub mod gcp;
mod generated;
pub mod generator;
pub mod guard;
pub mod headers;
pub mod iam;
pub mod leases;
pub mod login;
pub mod mount;
mod own;
pub mod path;
mod push;
pub mod read;
pub mod refusal;
pub mod reserved;
pub mod session;
pub mod tls;
pub mod world;
pub mod writer;

#[cfg(test)]
mod fake;

#[cfg(target_arch = "wasm32")]
mod plugin;
