//! A request and its answer as plain data, so that what a plugin makes of answers is tested natively; and what a status
//! means to Claviger. The host sends them ([`crate::Session::send`]).

use crate::{Error, RateLimit};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Request {
    /// One without header fields and body.
    pub fn new(method: &'static str, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// With a header field more.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With a body that is JSON.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        Self { body: body.to_string().into_bytes(), ..self.header("content-type", "application/json") }
    }
}

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// What `Retry-After` said, in milliseconds, where it is a number of seconds.
    pub retry_after_ms: Option<u64>,
    /// Header fields that are text; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// One without header fields.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, retry_after_ms: None, headers: Vec::new(), body: body.into() }
    }

    /// With a header field more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        let (name, value) = (name.to_ascii_lowercase(), value.into());
        if name == "retry-after" && self.header(&name).is_none() {
            let seconds = value.trim().parse::<u64>().ok();
            self.retry_after_ms = seconds.map(|seconds| seconds.saturating_mul(1000));
        }
        self.headers.push((name, value));
        self
    }

    /// The first value of a header field. Its name counts in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The answer if it is a success. `what` was asked for (a key, no secret) and begins the error's words; of the body
    /// nothing is in them, since it may be anybody's secret.
    ///
    /// # Errors
    /// What its status means: see [`Reply::refusal`].
    pub fn ok(self, what: &str) -> Result<Self, Error> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(self.refusal(format!("{what}: HTTP {status}"))),
        }
    }

    /// What the status of a refusal means: 401 is `unauthenticated`, 403 `denied`, 404 `not-found`, 429 and a 503 with
    /// `Retry-After` `rate-limited`, 408 and every other 5xx `unavailable`, all else `other`.
    ///
    /// `not-found` may delete a Secret. A backend that answers 404 for a wrong address too has to be asked more closely.
    pub fn refusal(&self, detail: String) -> Error {
        let retry_after_ms = self.retry_after_ms;
        match self.status {
            300..=399 => Error::Other(format!("{detail}: redirects are not followed")),
            401 => Error::Unauthenticated(detail),
            403 => Error::Denied(detail),
            404 => Error::NotFound(detail),
            429 => Error::RateLimited(RateLimit { retry_after_ms, detail }),
            503 if retry_after_ms.is_some() => Error::RateLimited(RateLimit { retry_after_ms, detail }),
            408 | 500..=599 => Error::Unavailable(detail),
            _ => Error::Other(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::kind;

    #[test]
    fn a_status_is_an_error() {
        for (status, retry, expected) in [
            (200, None, "value"),
            (204, None, "value"),
            (301, None, "other"),
            (304, None, "other"),
            (400, None, "other"),
            (401, None, "unauthenticated"),
            (403, None, "denied"),
            (404, None, "not-found"),
            (408, None, "unavailable"),
            (410, None, "other"),
            (429, None, "rate-limited"),
            (500, None, "unavailable"),
            (503, None, "unavailable"),
            (503, Some("7"), "rate-limited"),
            (503, Some("Fri, 31 Dec 1999 23:59:59 GMT"), "unavailable"),
        ] {
            let reply = Reply::new(status, "a-secret");
            let reply = retry.iter().fold(reply, |reply, value| reply.with("Retry-After", *value));
            let answer = reply.ok("key");
            assert_eq!(kind(&answer), expected, "{status} {retry:?}");
            assert!(!format!("{:?}", answer.err()).contains("a-secret"));
        }
        let limited = Reply::new(429, "").with("Retry-After", " 7 ").ok("key");
        assert!(
            matches!(limited, Err(Error::RateLimited(limit)) if limit.retry_after_ms == Some(7000) && limit.detail == "key: HTTP 429")
        );
    }
}
