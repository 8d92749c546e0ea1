//! What the provider needs of the world: requests. A trait, so that what it makes of answers is tested
//! natively; the host's side of it is at the end.

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
}
