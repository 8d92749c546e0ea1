//! The `webhook` provider and the generator `Webhook`: any HTTP API, described by templates in ESO's spelling.
//!
//! Reading only. The templates are those of engine `v2`. Where requests go stands in the manifest as it is: no template
//! decides it. What decides is in plain modules with native tests; `plugin` and the end of `world` talk to the host.

pub mod answer;
pub mod config;
pub mod connect;
pub mod place;
pub mod read;
pub mod request;
pub mod world;

#[cfg(test)]
mod fake;

#[cfg(target_arch = "wasm32")]
mod plugin;
