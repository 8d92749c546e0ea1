//! The `vault` provider: HashiCorp Vault and OpenBao, KV version 1 and 2.
//!
//! Token, AppRole, JWT, Kubernetes, userpass, LDAP, certificate, AWS and Google logins; ESO's spelling of the config
//! and the reference document's. What decides is in plain modules with native tests; `plugin` and
//! `client` talk to the host. Dynamic secrets engines and pushing are not here.

pub mod answer;
pub mod auth;
pub mod config;
pub mod gcp;
pub mod headers;
pub mod iam;
pub mod login;
pub mod mount;
pub mod path;
pub mod refusal;
pub mod tls;

#[cfg(target_arch = "wasm32")]
mod client;
#[cfg(target_arch = "wasm32")]
mod find;
#[cfg(target_arch = "wasm32")]
mod plugin;
