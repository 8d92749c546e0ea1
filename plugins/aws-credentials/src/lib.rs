//! From a store's config to AWS credentials: what `connect` asks for, which endpoints are called, and the
//! way through STS. Errors of AWS, as the host understands them, are here too.
//!
//! Where things stand in a config is the caller's to say ([`Places`]), since the AWS provider and Vault's
//! `iam` login have the same fields at different places. There is no default credential chain: nothing is
//! read but what the session holds. What decides is plain; `client` and `login` talk to the host.

pub mod chain;
pub mod credentials;
pub mod endpoint;
pub mod failure;
pub mod needs;
pub mod source;

#[cfg(target_arch = "wasm32")]
pub mod client;
#[cfg(target_arch = "wasm32")]
pub mod login;

pub use chain::Role;
pub use credentials::{Base, Credentials};
pub use endpoint::Service;
pub use failure::Failure;
pub use source::{Access, Places};
