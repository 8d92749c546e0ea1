//! What the client needs of the world: requests, the time and the memo. A trait, so that what the client makes of
//! Google's answers is tested natively; the host's side of it is at the end.

use claviger_plugin_sdk::memo::Memo;
use google_credentials::World as Google;

/// Requests at once, of the host's 32: a batch then waits for a few answers and not for the sum of them.
pub const AT_ONCE: usize = 16;

/// See the module.
pub trait World: Google {
    /// What outlives a call.
    fn memo(&self) -> &dyn Memo;
}

/// The host.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Host;

#[cfg(target_arch = "wasm32")]
impl Google for Host {
    fn send(
        &self,
        requests: Vec<google_credentials::Request>,
    ) -> Vec<Result<google_credentials::Reply, claviger_plugin_sdk::Error>> {
        claviger_plugin_sdk::http::send_all(requests, AT_ONCE)
    }

    fn now(&self) -> std::time::SystemTime {
        std::time::SystemTime::now()
    }
}

#[cfg(target_arch = "wasm32")]
impl World for Host {
    fn memo(&self) -> &dyn Memo {
        &claviger_plugin_sdk::memo::Host
    }
}
