//! What the client needs of the world: requests, the memo, the time. A trait, so that what the client makes of
//! answers is tested natively; the host's side of it is at the end.

use std::time::SystemTime;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::Memo;

pub use claviger_plugin_sdk::request::{Reply, Request};

/// See the module.
pub trait World {
    /// Sends all, some of them at once; one answer or error for each, in order.
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>>;
    /// The time.
    fn now(&self) -> SystemTime;
    /// What outlives a call.
    fn memo(&self) -> &dyn Memo;
}

/// The host.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Host;

#[cfg(target_arch = "wasm32")]
impl World for Host {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        claviger_plugin_sdk::http::send_all(requests, crate::read::AT_ONCE)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn memo(&self) -> &dyn Memo {
        &claviger_plugin_sdk::memo::Host
    }
}
