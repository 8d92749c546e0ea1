//! A request and its answer as plain data, so that what a plugin makes of answers is tested natively. `http` sends them.

/// A request.
#[derive(Clone)]
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
    /// What `Retry-After` said, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}
