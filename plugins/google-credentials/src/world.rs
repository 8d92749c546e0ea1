//! What a login needs of the world: requests and the time. A trait, so that the ways to a token are tested
//! natively.

use std::time::SystemTime;

use claviger_plugin_sdk::Error;
pub use claviger_plugin_sdk::request::{Reply, Request};

/// See the module.
pub trait World {
    /// Sends all, some of them at once; one answer or error for each, in order.
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>>;
    /// The time.
    fn now(&self) -> SystemTime;
}

/// One request.
///
/// # Errors
/// Whatever is no answer.
pub fn send_one(world: &dyn World, request: Request) -> Result<Reply, Error> {
    let none = || Err(Error::Other("a request without an answer".to_owned()));
    world.send(vec![request]).pop().unwrap_or_else(none)
}

/// Seconds since 1970.
pub fn seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
