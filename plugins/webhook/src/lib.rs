//! The `webhook` provider and the generator `Webhook`: any HTTP API, described by templates in ESO's spelling.
//!
//! Reading only. The templates are those of engine `v2`. Where requests go stands in the manifest as it is: no template
//! decides it.

pub mod answer;
pub mod config;
pub mod connect;
pub mod place;
pub mod plugin;
pub mod read;
pub mod request;

#[cfg(test)]
mod fake;

pub use plugin::Webhook;
