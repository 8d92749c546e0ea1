//! An API server's refusals: what each means to the host, and words that say what to change. The `Status` in the answer
//! decides and not the bare status code: a gateway or a wrong path has a 404 of its own, and an absent key may delete a
//! Secret.

use claviger_plugin_sdk::{Error, RateLimit};
use serde::Deserialize;

use claviger_plugin_sdk::request::Reply;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A Secret of that name.
    Secret(String),
    /// A page of the namespace's Secrets.
    List,
    /// What the asker may do (`selfsubjectrulesreviews`, `selfsubjectaccessreviews`).
    Review(&'static str),
}

impl Asked {
    fn text(&self) -> String {
        match self {
            Self::Secret(name) => format!("Secret {name}"),
            Self::List => "the list of Secrets".to_owned(),
            Self::Review(what) => (*what).to_owned(),
        }
    }

    fn resource(&self) -> &'static str {
        match self {
            Self::Secret(_) | Self::List => "secrets",
            Self::Review(resource) => resource,
        }
    }

    /// The right that is needed, as a Role has it.
    fn right(&self, namespace: &str) -> String {
        match self {
            Self::Secret(_) => right("get", namespace),
            Self::List => right("list", namespace),
            Self::Review(what) => format!("create {what} (API group authorization.k8s.io)"),
        }
    }
}

/// A right to Secrets, in words.
pub fn right(verb: &str, namespace: &str) -> String {
    format!("{verb} secrets in namespace {namespace}")
}

/// `Status`, of API group meta/v1.
#[derive(Debug, Deserialize)]
pub struct Status {
    kind: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    name: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    retry_after_seconds: u64,
}

impl Status {
    /// Of a body, if it is one.
    pub fn of(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(body).ok().filter(|status| status.kind == "Status")
    }

    fn is_about(&self, resource: &str) -> bool {
        self.details.as_ref().is_some_and(|details| details.kind == resource)
    }

    /// Whether it says that there is no Secret of that name.
    fn is_missing(&self, name: &str) -> bool {
        let about =
            |details: &Details| details.kind == "secrets" && details.group.is_empty() && details.name == name;
        self.reason == "NotFound" && self.details.as_ref().is_some_and(about)
    }
}

/// A refusal as an error.
pub fn error(reply: &Reply, asked: &Asked, namespace: &str) -> Error {
    let (code, what) = (reply.status, asked.text());
    let Some(status) = Status::of(&reply.body) else { return foreign(reply, &what) };
    let said = format!("HTTP {code} {}: {}", status.reason, one_line(&status.message));
    let detail = format!("{what}: {said}");
    let in_status = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    let retry_after_ms =
        reply.retry_after_ms.or_else(|| (in_status > 0).then(|| in_status.saturating_mul(1000)));
    match (code, asked) {
        (401, _) => Error::Unauthenticated(format!(
            "{what}: the API server does not know the credential (revoked, expired, or for another audience or cluster): {said}"
        )),
        (403, _) if status.is_about(asked.resource()) => {
            Error::Denied(format!("{what}: the right to {} is needed: {said}", asked.right(namespace)))
        }
        // Whoever has no right to a path that is none gets no 404.
        (403, Asked::Review(_)) => Error::Other(format!("{detail}: is the path of server.url right?")),
        (403, _) => Error::Denied(detail),
        (404, Asked::Secret(name)) if status.is_missing(name) => {
            Error::NotFound(format!("{what}: it is not in namespace {namespace}"))
        }
        (410, Asked::List) => Error::Conflict(detail),
        (429, _) => Error::RateLimited(RateLimit { retry_after_ms, detail }),
        (503, _) if retry_after_ms.is_some() => Error::RateLimited(RateLimit { retry_after_ms, detail }),
        (408 | 500..=599, _) => Error::Unavailable(detail),
        _ => Error::Other(detail),
    }
}

/// What is no `Status` says nothing of the key.
fn foreign(reply: &Reply, what: &str) -> Error {
    let detail = format!("{what}: HTTP {}", reply.status);
    let limited = |detail| Error::RateLimited(RateLimit { retry_after_ms: reply.retry_after_ms, detail });
    match reply.status {
        401 => Error::Unauthenticated(detail),
        429 => limited(detail),
        503 if reply.retry_after_ms.is_some() => limited(detail),
        300..=399 => Error::Unavailable(format!("{detail}: it redirects, which is not followed")),
        500..=599 => Error::Unavailable(detail),
        _ => Error::Other(format!(
            "{detail}: this is no answer of an API server: a proxy's, or another path's?"
        )),
    }
}

/// The lines of a message in one.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
