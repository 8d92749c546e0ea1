//! What a plugin has of the world: requests, the memo, time, chance and a log. A trait, so that a whole provider is
//! tested natively with [`crate::testing::Host`] in its place. There is no more of the world: no files, variables or
//! sockets.

use std::time::{Duration, SystemTime};

use crate::Error;
use crate::memo::Memo;
pub use crate::provider::claviger::plugin::log::Level;
use crate::request::{Reply, Request};

/// See the module.
pub trait Host {
    /// Sends all, `at_once` of them at a time, and reads the whole answers: one answer or error for each, in order.
    /// `first_byte` is the time to the first byte of an answer; none: 15 s. The memo is no place to wait in meanwhile,
    /// since waiting stops all of them: it is asked before and after.
    fn send(
        &self,
        requests: Vec<Request>,
        at_once: usize,
        first_byte: Option<Duration>,
    ) -> Vec<Result<Reply, Error>>;

    /// What outlives a call.
    fn memo(&self) -> &dyn Memo;

    /// The time.
    fn now(&self) -> SystemTime;

    /// Bytes that nobody can guess, others at each call ([`crate::random::Random`] makes more of them).
    fn seed(&self) -> [u8; 32];

    /// A line for whoever operates the plugin; the host cuts and cleans it. Nothing may depend on it.
    fn log(&self, level: Level, message: &str);
}

/// The host itself; without `NETWORK` the HTTP client is no part of the component.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy, Debug)]
pub struct Sandbox<const NETWORK: bool>;

#[cfg(target_arch = "wasm32")]
impl<const NETWORK: bool> Host for Sandbox<NETWORK> {
    fn send(
        &self,
        requests: Vec<Request>,
        at_once: usize,
        first_byte: Option<Duration>,
    ) -> Vec<Result<Reply, Error>> {
        if NETWORK {
            return crate::http::send_all_within(requests, at_once, first_byte);
        }
        let none = |_| Err(Error::Other("this provider has no network".to_owned()));
        requests.into_iter().map(none).collect()
    }

    fn memo(&self) -> &dyn Memo {
        &crate::memo::Host
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn seed(&self) -> [u8; 32] {
        let bytes = wasip2::random::random::get_random_bytes(32);
        std::array::from_fn(|nth| bytes.get(nth).copied().unwrap_or_default())
    }

    fn log(&self, level: Level, message: &str) {
        crate::provider::claviger::plugin::log::log(level, message);
    }
}
