//! What the client needs of the world: requests, the memo, the time. A trait, so that what the client makes of
//! answers is tested natively; the host's side of it is at the end.

use std::time::SystemTime;

use claviger_plugin_sdk::Error;

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
}

/// An answer.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// What `Retry-After` said.
    pub retry_after_ms: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

/// Makes a value that is to be kept, with its time to live in milliseconds.
pub type Make<'m> = dyn FnMut() -> Result<(Vec<u8>, u64), Error> + 'm;

/// See the module.
pub trait World {
    /// Sends all, some of them at once; one answer or error for each, in order.
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>>;
    /// The time.
    fn now(&self) -> SystemTime;
    /// The value of a key, made if there is none while others wait.
    ///
    /// # Errors
    /// What `make` says, or that whoever makes it does not finish.
    fn get_or_make(&self, key: &str, make: &mut Make<'_>) -> Result<Vec<u8>, Error>;
    /// The value of a key, if there is one.
    fn peek(&self, key: &str) -> Option<Vec<u8>>;
    /// Keeps a value, unless there is one already.
    fn keep(&self, key: &str, value: &[u8], ttl_ms: u64);
    /// Forgets a value, unless a newer one has taken its place.
    fn evict(&self, key: &str, value: &[u8]);
}

/// The host.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Host;

#[cfg(target_arch = "wasm32")]
impl World for Host {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        use claviger_plugin_sdk::http;
        let requests = requests.into_iter().map(|Request { method, url, headers, body }| http::Request {
            method,
            url,
            headers,
            body,
        });
        let answers = http::send_all(requests.collect(), crate::read::AT_ONCE);
        let reply = |answer: http::Answer| Reply {
            status: answer.status,
            retry_after_ms: answer.retry_after_ms,
            body: answer.body,
        };
        answers.into_iter().map(|answer| answer.map(reply)).collect()
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn get_or_make(&self, key: &str, make: &mut Make<'_>) -> Result<Vec<u8>, Error> {
        claviger_plugin_sdk::memo::get_or_make(key, make)
    }

    fn peek(&self, key: &str) -> Option<Vec<u8>> {
        claviger_plugin_sdk::memo::peek(key)
    }

    fn keep(&self, key: &str, value: &[u8], ttl_ms: u64) {
        claviger_plugin_sdk::memo::keep(key, value, ttl_ms);
    }

    fn evict(&self, key: &str, value: &[u8]) {
        claviger_plugin_sdk::memo::evict(key, value);
    }
}
