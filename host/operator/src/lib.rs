//! The operator: watches the cluster, reconciles what it sees, writes Secrets and statuses.
//!
//! It decides little by itself: what a Secret should be comes from `claviger-core`, how a provider is
//! reached from `claviger-plugins`. Here is Kubernetes: watches, effects, credentials, events, health.

pub mod audit;
pub mod cluster;
pub mod config;
mod connections;
pub mod election;
pub mod error;
mod listen;
pub mod metrics;
mod page;
pub mod plugins;
pub mod preflight;
mod readiness;
pub mod reconcile;
mod refresh;
pub mod rights;
pub mod run;
pub mod server;
pub mod state;
pub mod sync;
pub mod watch;
pub mod webhook;
mod work;
