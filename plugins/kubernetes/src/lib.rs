//! The `kubernetes` provider: Secrets of another namespace or cluster, through its API server.
//!
//! Reading only. Bearer tokens, client certificates, ServiceAccounts and kubeconfigs, in ESO's spelling. What decides is
//! in plain modules with native tests; `plugin` and the end of `world` talk to the host.

pub mod answer;
pub mod client;
pub mod config;
pub mod connect;
pub mod find;
pub mod health;
pub mod kubeconfig;
pub mod read;
pub mod refusal;
pub mod server;
pub mod world;
pub mod yaml;

#[cfg(test)]
mod fake;

#[cfg(target_arch = "wasm32")]
mod plugin;
