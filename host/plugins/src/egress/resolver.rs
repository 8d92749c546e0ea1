//! Name look-ups of one client: what comes back is checked, and connections go to what was checked.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{Reach, Refusal, check};
use super::denied::Denied;

/// Resolves for one origin.
pub(super) struct Checked {
    /// The name or address to look up whatever is asked for: where a certificate bears another name than
    /// the server's address, requests carry the certificate's. With a proxy it is the proxy's.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) reach: Reach,
    pub(super) denied: Arc<Denied>,
}

/// An address was refused; found again in the client's error chain.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct Refused(#[from] pub(super) Refusal);

impl Resolve for Checked {
    fn resolve(&self, _name: Name) -> Resolving {
        let (host, port, reach, denied) = (self.host.clone(), self.port, self.reach, self.denied.clone());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port)).await?.collect();
            // All must be allowed: a name that resolves to a good and a forbidden address is a trick.
            let denied = denied.now();
            for address in &found {
                check(*address, reach, &denied).map_err(Refused)?;
            }
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no address").into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
