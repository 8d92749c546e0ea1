//! The `aws` provider: Secrets Manager and Parameter Store; and the generators of ECR's and STS's tokens.
//!
//! ESO's spelling of the config and the reference document's. What decides (names, versions, filters, which
//! answer belongs to which item) is in plain modules with native tests; the others talk to the host, through
//! AWS's own SDK. How credentials come about is in `claviger-plugin-aws-credentials`. Certificate Manager
//! is not here.

pub mod batch;
pub mod config;
pub mod filter;
pub mod health;
pub mod managed;
pub mod notice;
pub mod parameter;
pub mod parameter_push;
pub mod push_metadata;
pub mod renewal;
pub mod secret;
pub mod secret_push;
pub mod tags;
pub mod token;

#[cfg(target_arch = "wasm32")]
mod aws;
#[cfg(target_arch = "wasm32")]
mod events;
#[cfg(target_arch = "wasm32")]
mod find;
#[cfg(target_arch = "wasm32")]
mod parameter_store;
#[cfg(target_arch = "wasm32")]
mod parameter_writer;
#[cfg(target_arch = "wasm32")]
mod plugin;
#[cfg(target_arch = "wasm32")]
mod secret_writer;
#[cfg(target_arch = "wasm32")]
mod secrets_manager;
#[cfg(target_arch = "wasm32")]
mod token_calls;
#[cfg(target_arch = "wasm32")]
mod writer;
