//! The `kubernetes` provider: Secrets of another namespace or cluster, through its API server.
//!
//! Reading only. Bearer tokens, client certificates, ServiceAccounts and kubeconfigs, in ESO's spelling.

pub mod answer;
pub mod client;
pub mod config;
pub mod connect;
pub mod find;
pub mod health;
pub mod kubeconfig;
pub mod plugin;
pub mod read;
pub mod refusal;
pub mod server;
pub mod yaml;

#[cfg(test)]
mod fake;

pub use plugin::Kubernetes;
