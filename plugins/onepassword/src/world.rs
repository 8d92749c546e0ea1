//! What the provider needs of the world: requests. A trait, so that what it makes of answers is tested
//! natively; the host's side of it is at the end.

use claviger_plugin_sdk::Error;

pub use claviger_plugin_sdk::request::{Reply, Request};

/// See the module.
pub trait World {
    /// Sends all, some of them at once; one answer or error for each, in order.
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>>;
}

/// The host.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Host;

#[cfg(target_arch = "wasm32")]
impl World for Host {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        claviger_plugin_sdk::http::replies(requests, crate::read::AT_ONCE)
    }
}
