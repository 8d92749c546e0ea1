//! How plugins reach the network: the host's own HTTP client, to origins that a store or a grant names,
//! at addresses that are checked for each new connection.
//!
//! A refusal happens before any name is looked up or socket opened. Redirects are answers like any
//! other: whoever follows one asks anew, and is checked anew.

mod address;
mod bypass;
mod demands;
mod denied;
mod failure;
mod hooks;
mod metadata;
mod origin;
mod own;
mod pool;
mod proxy;
mod resolver;
#[cfg(test)]
mod tests;
mod trust;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use claviger_core::secret::SecretBytes;

pub use address::{Reach, Refusal};
pub use bypass::BypassError;
pub use demands::Demands;
pub(crate) use failure::{Failure, Said};
pub(crate) use hooks::Hooks;
pub(crate) use metadata::is_for_containers;
pub(crate) use origin::is_dns_name;
pub use origin::{Origin, OriginError};
pub use pool::{Counters, EgressPool, EgressSession};
pub use proxy::{Proxies, Proxy, ProxyError};
pub use trust::{Authorities, AuthoritiesError};

/// Limits and rules for all plugins.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    /// Whether every plugin may reach loopback: for a person's own machine and for tests.
    pub allow_loopback: bool,
    /// Whether the cloud's metadata services here are this process's own, to be asked for a plugin that is
    /// granted it: in the operator's pod, and not on the machine of somebody who renders files.
    pub metadata: bool,
    /// Addresses that no plugin may connect to: the API server's, as far as they are known at the start
    /// ([`EgressPool::deny`] adds others).
    pub denied: Vec<SocketAddr>,
    /// Proxies that providers' requests go by; requests to metadata services never do.
    pub proxies: Proxies,
    /// Authorities that are trusted besides the system's, where a store names none.
    pub authorities: Authorities,
    /// What every store's connections have to be.
    pub demands: Demands,
    /// Bytes of a request's body.
    pub max_request_bytes: u64,
    /// Bytes of a response's body.
    pub max_response_bytes: u64,
    /// Bytes of a response's header fields.
    pub max_header_bytes: u32,
    /// Until a connection stands, TLS included.
    pub connect_timeout: Duration,
    /// Between two pieces of a response.
    pub read_timeout: Duration,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            allow_loopback: false,
            metadata: false,
            denied: Vec::new(),
            proxies: Proxies::default(),
            authorities: Authorities::default(),
            demands: Demands::default(),
            // A Secret is at most 1 MiB; base64 and JSON around it make 2.
            max_request_bytes: 2 * 1024 * 1024,
            // A page of a cloud's list is under 4 MiB.
            max_response_bytes: 8 * 1024 * 1024,
            max_header_bytes: 64 * 1024,
            connect_timeout: Duration::from_secs(5),
            // Less than a call's 30 s, so that the guest still learns of it.
            read_timeout: Duration::from_secs(15),
        }
    }
}

/// TLS of one origin, shared with what it comes from. Without CA: the system's roots and [`EgressConfig::authorities`]. With: these and nothing else.
#[derive(Default)]
pub struct TlsMaterial {
    /// PEM, each with one or more certificates.
    pub ca: Vec<Arc<SecretBytes>>,
    /// PEM.
    pub client_cert: Option<Arc<SecretBytes>>,
    /// PEM.
    pub client_key: Option<Arc<SecretBytes>>,
    /// Verified and sent as SNI instead of the URL's host.
    pub server_name: Option<String>,
    /// No verification at all.
    pub insecure: bool,
}

/// One origin that a session may reach.
pub struct OriginRule {
    /// Exactly.
    pub origin: Origin,
    /// Whether it lies at link-local addresses (which needs a grant too).
    pub link_local: bool,
    /// Path prefixes; none: all.
    pub paths: Vec<String>,
    /// TLS other than the default.
    pub tls: Option<TlsMaterial>,
    /// Lower than the configured limit.
    pub max_response_bytes: Option<u64>,
    /// Lower than the configured limit.
    pub max_header_bytes: Option<u32>,
}
