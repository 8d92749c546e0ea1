//! From a store's config to a Google access token: what `connect` asks for, which endpoints are called, and
//! the way through Google's token services. Errors of Google's, as the host understands them, are here too.
//!
//! Where things stand in a config is the caller's to say ([`Places`]), since the Secret Manager provider and
//! Vault's `gcp` login have the same fields at different places. Nothing is read but what the session holds, and
//! nothing is kept: that is the caller's. Requests go through [`World`], so everything is tested natively.

pub mod aws;
pub mod credential;
pub mod endpoint;
pub mod external;
pub mod failure;
pub mod file;
pub mod key;
pub mod login;
pub mod needs;
pub mod source;
pub mod world;

pub use credential::{Credential, Plan};
pub use endpoint::{Endpoints, Service};
pub use failure::{Class, Failure};
pub use key::Key;
pub use login::{Token, login};
pub use source::{Access, Places};
pub use world::{Reply, Request, World};

#[cfg(test)]
mod fake;
