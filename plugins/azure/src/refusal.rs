//! Key Vault's refusals: what each means to the host, and words that say what to change. The code in the answer
//! decides and not the bare status: something between may have a 404 of its own, and an absent key may delete
//! a Secret.

use claviger_plugin_sdk::{Error, RateLimit};
use serde::Deserialize;

use crate::object::{Kind, Object};
use crate::world::Reply;

/// An answer that is no success.
#[derive(Debug)]
pub struct Refused<'a> {
    /// HTTP status.
    pub status: u16,
    /// What `Retry-After` said.
    pub retry_after_ms: Option<u64>,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Refused<'a> {
    /// Of an answer.
    pub fn of(reply: &'a Reply) -> Self {
        Self { status: reply.status, retry_after_ms: reply.retry_after_ms, body: &reply.body }
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// An object.
    Get(Object),
    /// The vault's secrets.
    List,
    /// A change.
    Write(Way),
}

/// How something is changed.
#[derive(Clone, Debug)]
pub enum Way {
    /// Another version.
    Set(Object),
    /// What is known of a version: its tags.
    Update(Object),
    /// Deleted.
    Delete(Object),
    /// Brought back after it was deleted.
    Recover(Object),
}

impl Way {
    fn object(&self) -> &Object {
        let (Self::Set(object) | Self::Update(object) | Self::Delete(object) | Self::Recover(object)) = self;
        object
    }

    /// As access policies call it.
    fn permission(&self) -> &'static str {
        match self {
            // Of a secret it is one permission.
            Self::Set(object) | Self::Update(object) if object.kind == Kind::Secret => "Set",
            Self::Set(_) => "Import",
            Self::Update(_) => "Update",
            Self::Delete(_) => "Delete",
            Self::Recover(_) => "Recover",
        }
    }
}

impl Asked {
    fn text(&self) -> String {
        match self {
            Self::Get(object) => object.text(),
            Self::List => "the list of secrets".to_owned(),
            Self::Write(way) => way.object().text(),
        }
    }

    /// What whoever asks must be given.
    fn right(&self) -> String {
        let (kind, permission) = match self {
            Self::Get(object) => (object.kind, "Get"),
            Self::List => (Kind::Secret, "List"),
            Self::Write(way) => (way.object().kind, way.permission()),
        };
        let role = if matches!(self, Self::Write(_)) { kind.officer() } else { kind.role() };
        format!(
            "the role {role} (or, where the vault has access policies, the {} permission {permission})",
            kind.word()
        )
    }
}

#[derive(Deserialize)]
struct Body {
    error: Said,
}

/// Key Vault's error.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    innererror: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: String,
}

/// What a 403 of Key Vault's is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// The vault's firewall, or public access that is switched off: nothing can be read from here.
    Network,
    /// The version is disabled, not valid yet or not any more.
    State,
    /// A right is missing.
    Right,
    /// It is not Key Vault who says so.
    Foreign,
}

/// Judges a 403.
pub fn forbidden(body: &[u8]) -> Forbidden {
    let Some(said) = said(body) else { return Forbidden::Foreign };
    let inner = said.innererror.as_ref().map_or("", |inner| inner.code.as_str());
    let has = |part: &str| said.message.contains(part);
    if ["ForbiddenByFirewall", "ForbiddenByConnection"].contains(&inner)
        || has("Client address is not authorized")
        || has("Public network access is disabled")
    {
        Forbidden::Network
    } else if inner.ends_with("Disabled")
        || inner.ends_with("Expired")
        || inner.ends_with("NotYetValid")
        || has("not allowed on a disabled")
        || has("not allowed on an expired")
        || has("not yet valid")
    {
        Forbidden::State
    } else {
        Forbidden::Right
    }
}

/// A refusal, as an error.
pub fn error(refused: &Refused<'_>, asked: &Asked) -> Error {
    let what = asked.text();
    let Some(said) = said(refused.body) else { return foreign(refused, what) };
    let inner = said.innererror.as_ref().map(|inner| format!(" ({})", inner.code)).unwrap_or_default();
    let words = one_line(&said.message);
    let detail = format!("HTTP {} {}{inner}: {words}", refused.status, said.code);
    match refused.status {
        // Key Vault names the tenant that it expects.
        401 if said.message.contains("AKV10032") => Error::Unauthenticated(format!(
            "{what}: the login is of another tenant than the vault's: {detail}"
        )),
        401 => Error::Unauthenticated(format!("{what}: {detail}")),
        403 => Error::Denied(match forbidden(refused.body) {
            Forbidden::Network => format!(
                "{what}: the vault's firewall does not let the operator in; its address or network must be allowed there: {detail}"
            ),
            Forbidden::State => format!("{what}: it is there, and Key Vault does not hand it out: {detail}"),
            Forbidden::Right | Forbidden::Foreign => format!("{what}: {} is needed: {detail}", asked.right()),
        }),
        404 if ["SecretNotFound", "CertificateNotFound", "KeyNotFound"].contains(&said.code.as_str()) => {
            match asked {
                Asked::Get(_) | Asked::Write(_) => {
                    Error::NotFound(format!("{what}: it is not in the vault: {words}"))
                }
                // A list is never missing.
                Asked::List => Error::Other(format!("{what}: {detail}")),
            }
        }
        409 if matches!(asked, Asked::Write(_)) => Error::Conflict(format!("{what}: {detail}")),
        429 => Error::RateLimited(RateLimit {
            retry_after_ms: refused.retry_after_ms,
            detail: format!("{what}: {detail}"),
        }),
        408 | 500..=599 => Error::Unavailable(format!("{what}: {detail}")),
        _ => Error::Other(format!("{what}: {detail}")),
    }
}

/// What is not of Key Vault's form says nothing of the key.
fn foreign(refused: &Refused<'_>, what: String) -> Error {
    let detail = format!("{what}: HTTP {}", refused.status);
    match refused.status {
        401 => Error::Unauthenticated(detail),
        429 => Error::RateLimited(RateLimit { retry_after_ms: refused.retry_after_ms, detail }),
        300..=399 => Error::Unavailable(format!("{detail}: it redirects, which is not followed")),
        500..=599 => Error::Unavailable(detail),
        _ => Error::Unavailable(format!("{detail}: this is no answer of Key Vault's: a proxy's?")),
    }
}

fn said(body: &[u8]) -> Option<Said> {
    serde_json::from_slice::<Body>(body).ok().map(|body| body.error).filter(|said| !said.code.is_empty())
}

/// The lines of a message in one.
pub fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
