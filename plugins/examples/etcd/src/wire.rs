//! What goes over the wire: bodies of requests, answers, and errors as the host understands them. The
//! gateway writes bytes as base64, 64-bit numbers as text, and leaves out what is zero or empty.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::{Error, RateLimit};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::keys::Range;

/// Keys of one page.
pub const PAGE: u32 = 1000;

/// The body of a range request.
#[derive(Debug, Default)]
pub struct Query<'a> {
    /// As of this revision; none: as of now.
    pub revision: Option<&'a str>,
    /// A page of keys, without their values.
    pub keys_only: bool,
}

impl Query<'_> {
    /// As JSON.
    pub fn body(&self, range: &Range) -> Value {
        let mut body = Map::new();
        body.insert("key".to_owned(), STANDARD.encode(&range.start).into());
        if !range.end.is_empty() {
            body.insert("range_end".to_owned(), STANDARD.encode(&range.end).into());
        }
        if let Some(revision) = self.revision {
            body.insert("revision".to_owned(), revision.into());
        }
        if self.keys_only {
            body.insert("keys_only".to_owned(), true.into());
            body.insert("limit".to_owned(), PAGE.into());
        }
        Value::Object(body)
    }
}

/// The body of a login.
pub fn login(name: &str, password: &str) -> Value {
    json!({"name": name, "password": password})
}

/// The answer to a range request.
#[derive(Debug, Deserialize)]
pub struct Answer {
    header: Header,
    /// What was found, in order of the keys.
    #[serde(default)]
    pub kvs: Vec<KeyValue>,
    /// Is there more in the range than was asked for?
    #[serde(default)]
    pub more: bool,
}

#[derive(Debug, Deserialize)]
struct Header {
    revision: String,
}

/// A key with what it holds.
#[derive(Debug, Deserialize)]
pub struct KeyValue {
    key: String,
    #[serde(default)]
    value: String,
    /// Revision of its last change.
    pub mod_revision: String,
}

impl Answer {
    /// Reads it.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(body).map_err(|_| odd())
    }

    /// etcd's revision when it answered.
    pub fn revision(&self) -> &str {
        &self.header.revision
    }
}

impl KeyValue {
    /// Its key's bytes.
    ///
    /// # Errors
    /// If the answer is odd.
    pub fn key(&self) -> Result<Vec<u8>, Error> {
        STANDARD.decode(&self.key).map_err(|_| odd())
    }

    /// Its value's bytes.
    ///
    /// # Errors
    /// If the answer is odd.
    pub fn value(&self) -> Result<Vec<u8>, Error> {
        STANDARD.decode(&self.value).map_err(|_| odd())
    }
}

/// The token of a login.
///
/// # Errors
/// If the answer has none.
pub fn token(body: &[u8]) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Login {
        token: String,
    }
    serde_json::from_slice::<Login>(body).map(|login| login.token).map_err(|_| odd())
}

fn odd() -> Error {
    Error::Other("the answer is not etcd's".to_owned())
}

/// gRPC's codes, as far as they make a difference.
mod code {
    pub(super) const DEADLINE_EXCEEDED: u64 = 4;
    pub(super) const PERMISSION_DENIED: u64 = 7;
    pub(super) const RESOURCE_EXHAUSTED: u64 = 8;
    pub(super) const OUT_OF_RANGE: u64 = 11;
    pub(super) const UNAVAILABLE: u64 = 14;
    pub(super) const UNAUTHENTICATED: u64 = 16;
}

/// An answer that is no success.
#[derive(Debug)]
pub struct Refusal {
    status: u16,
    retry_after_ms: Option<u64>,
    code: u64,
    message: String,
}

impl Refusal {
    /// Reads it; a body that is not etcd's leaves the status to decide.
    pub fn parse(status: u16, retry_after_ms: Option<u64>, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        struct Body {
            #[serde(default)]
            code: u64,
            #[serde(default)]
            message: String,
        }
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        Self { status, retry_after_ms, code: body.code, message: body.message }
    }

    /// Has the token ended, so that another login helps? Both when it ran out and when roles have changed
    /// since it was made.
    pub fn wants_login(&self) -> bool {
        self.status == 401
            || self.code == code::UNAUTHENTICATED
            || self.message.contains("invalid auth token")
            || self.message.contains("revision of auth store is old")
    }

    /// As an error; `what` is the key, which is no secret.
    pub fn error(self, what: &str) -> Error {
        // Logins that fail, and reads without one, are invalid arguments to etcd.
        let refused = self.wants_login()
            || self.message.contains("authentication failed")
            || self.message.contains("user name is empty");
        let compacted = self.message.contains("compacted");
        let detail = if self.message.is_empty() {
            format!("{what}: HTTP {}", self.status)
        } else {
            format!("{what}: {}", self.message)
        };
        match (self.status, self.code) {
            _ if refused => Error::Unauthenticated(detail),
            (403, _) | (_, code::PERMISSION_DENIED) => Error::Denied(detail),
            // A revision of the future is not there. One that was compacted away says nothing about the key,
            // and `not-found` may delete a Secret: so it is no such answer.
            (_, code::OUT_OF_RANGE) if !compacted => Error::NotFound(detail),
            (429, _) | (_, code::RESOURCE_EXHAUSTED) => {
                Error::RateLimited(RateLimit { retry_after_ms: self.retry_after_ms, detail })
            }
            (500..=599, _) | (_, code::UNAVAILABLE | code::DEADLINE_EXCEEDED) => Error::Unavailable(detail),
            // A 404 is a wrong address and no missing key: etcd answers those with an empty list.
            _ => Error::Other(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn requests_are_the_gateways() {
        let one = Query { revision: Some("7"), keys_only: false }.body(&Range::one("/prod/", "db"));
        assert_eq!(one, json!({"key": "L3Byb2QvZGI=", "revision": "7"}));
        let page = Query { revision: None, keys_only: true }.body(&Range::below(b"a"));
        assert_eq!(page, json!({"key": "YQ==", "range_end": "Yg==", "keys_only": true, "limit": 1000}));
    }

    /// Bodies as etcd sends them.
    #[test]
    fn answers_are_read() {
        let answer = Answer::parse(
            br#"{"header":{"cluster_id":"1","member_id":"2","revision":"9","raft_term":"2"},
                "kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"4","version":"2","value":"aGk="},
                       {"key":"Yg==","create_revision":"5","mod_revision":"5","version":"1"}],"more":true,"count":"3"}"#,
        )
        .unwrap();
        assert_eq!((answer.revision(), answer.more), ("9", true));
        assert_eq!(answer.kvs[0].key().unwrap(), b"a");
        assert_eq!(answer.kvs[0].value().unwrap(), b"hi");
        assert_eq!(answer.kvs[1].value().unwrap(), b"", "an empty value is left out");
        assert!(Answer::parse(br#"{"header":{"revision":"9"}}"#).unwrap().kvs.is_empty());
        assert!(matches!(Answer::parse(b"<html>"), Err(Error::Other(_))));
        assert_eq!(token(br#"{"header":{},"token":"abc.12"}"#).unwrap(), "abc.12");
    }

    #[test]
    fn refusals_drive_behaviour() {
        let refusal = |status, code: u64, message: &str| {
            let body = json!({"code": code, "message": message}).to_string();
            Refusal::parse(status, Some(2000), body.as_bytes())
        };
        let error = |status, code, message| refusal(status, code, message).error("k");
        assert!(refusal(401, 16, "etcdserver: invalid auth token").wants_login());
        assert!(refusal(400, 3, "etcdserver: revision of auth store is old").wants_login());
        assert!(!refusal(403, 7, "etcdserver: permission denied").wants_login());
        let failed = "etcdserver: authentication failed, invalid user ID or password";
        assert!(matches!(error(400, 3, failed), Error::Unauthenticated(_)));
        assert!(matches!(error(400, 3, "etcdserver: user name is empty"), Error::Unauthenticated(_)));
        assert!(matches!(error(403, 7, "etcdserver: permission denied"), Error::Denied(_)));
        let compacted = "etcdserver: mvcc: required revision has been compacted";
        assert!(matches!(error(400, 11, compacted), Error::Other(_)));
        let future = "etcdserver: mvcc: required revision is a future revision";
        assert!(matches!(error(400, 11, future), Error::NotFound(_)));
        assert!(matches!(error(503, 14, "etcdserver: no leader"), Error::Unavailable(_)));
        assert!(matches!(
            error(429, 8, "x"),
            Error::RateLimited(RateLimit { retry_after_ms: Some(2000), .. })
        ));
        assert!(matches!(error(400, 3, "etcdserver: key is not provided"), Error::Other(_)));
        assert!(matches!(Refusal::parse(404, None, b"404 page not found").error("k"), Error::Other(_)));
        assert!(matches!(Refusal::parse(502, None, b"<html>").error("k"), Error::Unavailable(_)));
    }
}
