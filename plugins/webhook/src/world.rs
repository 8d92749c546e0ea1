//! What the provider needs of the world: requests, time and chance. A trait, so that what it makes of answers is tested
//! natively; the host's side of it is at the end.

use std::time::Duration;

use claviger_plugin_sdk::Error;
pub use claviger_plugin_sdk::request::Reply;

use crate::request::Moment;

/// A request.
pub struct Request {
    /// Its method.
    pub method: &'static str,
    /// The whole URL.
    pub url: String,
    /// Its header fields.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// To the first byte of the answer; none: the SDK's.
    pub timeout: Option<Duration>,
}

/// See the module.
pub trait World {
    /// Sends all, some of them at once; one answer or error for each, in order.
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>>;

    /// Time and chance for one of several.
    fn moment(&self, nth: usize) -> Moment;
}

/// The host.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Host;

#[cfg(target_arch = "wasm32")]
impl World for Host {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        use claviger_plugin_sdk::{http, request};
        // It is one store's, so the same for all.
        let timeout = requests.first().and_then(|request| request.timeout);
        let requests = requests.into_iter().map(|Request { method, url, headers, body, .. }| {
            request::Request { method, url, headers, body }
        });
        let answers = http::send_all_within(requests.collect(), crate::read::AT_ONCE, timeout);
        answers.into_iter().map(|answer| answer.map(Reply::from)).collect()
    }

    fn moment(&self, _nth: usize) -> Moment {
        let now = wasip2::clocks::wall_clock::now();
        let now_ms = now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000));
        Moment { now_ms, seed: wasip2::random::random::get_random_bytes(32) }
    }
}
