//! A request and its answer as they passed the proxy, and which of their header fields a recording has. Pure.

use bytes::Bytes;
use http::header::HeaderMap;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::proxy::Kind;

/// A request.
pub(crate) struct Asked {
    pub(super) server: String,
    pub(super) kind: Kind,
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Bytes,
}

/// An answer.
#[derive(Clone)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Bytes,
}

/// Both. An answer that never came is none.
pub(super) struct Exchange {
    pub(super) asked: Asked,
    pub(super) answered: Option<Answered>,
}

/// Fields of requests that say nothing of what is asked for, or are another each time.
const NOISE: [&str; 15] = [
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "connection",
    "content-length",
    "date",
    "expect",
    "host",
    "keep-alive",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "user-agent",
    "x-amz-date",
    "x-ms-date",
];

/// Fields of answers that are the server's and not the answer's, or the connection's.
const ANSWER_NOISE: [&str; 7] =
    ["alt-svc", "connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"];

/// Parts of the names of fields that carry what opens something, or is made with it.
const CREDENTIAL: [&str; 14] = [
    "assertion",
    "auth",
    "cookie",
    "credential",
    "digest",
    "key",
    "md5",
    "nonce",
    "password",
    "secret",
    "session",
    "sha256",
    "signature",
    "token",
];

/// Whether the field carries a credential, or what is made with one.
pub(super) fn is_credential(name: &str) -> bool {
    // A challenge names the way to log in, and is no way in.
    name != "www-authenticate" && CREDENTIAL.iter().any(|part| name.contains(part))
}

impl Asked {
    /// Of what arrived at the server of that name.
    pub(crate) fn new(server: &str, kind: Kind, parts: &Parts, body: Bytes) -> Self {
        Self {
            server: server.to_owned(),
            kind,
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            headers: fields(&parts.headers, &NOISE),
            body,
        }
    }

    /// `GET /path of server NAME`
    pub(super) fn line(&self) -> String {
        format!("{} {} of server {}", self.method, self.path, self.server)
    }
}

impl Answered {
    pub(super) fn new(answer: &Response<Bytes>) -> Self {
        Self {
            status: answer.status(),
            headers: fields(answer.headers(), &ANSWER_NOISE),
            body: answer.body().clone(),
        }
    }
}

fn fields(headers: &HeaderMap, noise: &[&str]) -> Vec<(String, Vec<u8>)> {
    let kept = headers.iter().filter(|(name, _)| !noise.contains(&name.as_str()));
    kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}
