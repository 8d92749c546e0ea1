//! The operator: watches the cluster, reconciles what it sees, writes Secrets and statuses.
//!
//! It decides little by itself: what a Secret should be comes from `claviger-core`, how a provider is
//! reached from `claviger-plugins`. Here is Kubernetes: watches, effects, credentials, events, health.
//!
//! What `claviger run` does, for one namespace:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use claviger_operator::config::OperatorConfig;
//! use claviger_operator::plugins::Registry;
//! use claviger_plugins::{HostConfig, PluginHost};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = kube::Config::infer().await?;
//! let host = PluginHost::new(HostConfig::default())?;
//! let registry = Arc::new(Registry::new(host, "dist/plugins"));
//! let config = OperatorConfig { namespace: Some("production".to_owned()), ..OperatorConfig::default() };
//!
//! // Whoever has the token ends it: reconciles in flight get `config.grace` to finish.
//! let stop = CancellationToken::new();
//! claviger_operator::run::run(cluster, config, registry, stop.clone()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! And which rights that takes, without a cluster:
//!
//! ```
//! use claviger_operator::config::OperatorConfig;
//! use claviger_operator::rights::{Place, Purpose, rights};
//!
//! let config = OperatorConfig {
//!     namespace: Some("production".to_owned()),
//!     rollouts: false,
//!     ..OperatorConfig::default()
//! };
//! let rights = rights(&config, None);
//! assert!(rights.iter().all(|right| right.place != Place::Everywhere));
//! assert!(rights.iter().all(|right| right.purpose != Purpose::Restarts));
//! ```

mod audit;
mod client;
pub mod cluster;
pub mod config;
mod connections;
mod election;
pub mod error;
mod listen;
mod metrics;
mod page;
pub mod plugins;
pub mod preflight;
mod readiness;
mod reconcile;
mod refresh;
pub mod rights;
pub mod run;
mod server;
mod state;
pub mod sync;
pub mod watch;
pub mod webhook;
mod work;
