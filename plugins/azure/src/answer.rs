//! Key Vault's answers that are a success: values, what is known of them, lists. Refusals are in `refusal`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::Error;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use crate::object::Kind;

/// A secret, a certificate or a key: each has a field of its own.
#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    id: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    cer: Option<String>,
    #[serde(default)]
    key: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default, rename = "contentType")]
    content_type: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
}

type Tags = BTreeMap<String, Option<String>>;

/// Times are seconds since 1970.
#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    exp: Option<i64>,
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    updated: Option<i64>,
    #[serde(default)]
    nbf: Option<i64>,
}

fn odd() -> Error {
    Error::Unavailable("the answer is not Key Vault's: a proxy's?".to_owned())
}

fn bundle(body: &[u8], kind: Kind) -> Result<Bundle, Error> {
    let bundle: Bundle = serde_json::from_slice(body).map_err(|_| odd())?;
    let there = match kind {
        Kind::Secret => bundle.id.contains("/secrets/"),
        Kind::Certificate => bundle.id.contains("/certificates/"),
        Kind::Key => bundle.key.is_some(),
    };
    if there { Ok(bundle) } else { Err(odd()) }
}

/// What an object holds, and which version that is: a secret's text, a certificate as DER, a key as JSON.
///
/// # Errors
/// If the answer is not Key Vault's.
pub fn value(body: &[u8], kind: Kind) -> Result<(Vec<u8>, Option<String>), Error> {
    let bundle = bundle(body, kind)?;
    match kind {
        Kind::Secret => {
            let value = bundle.value.ok_or_else(odd)?;
            Ok((value.into_bytes(), last(&bundle.id)))
        }
        Kind::Certificate => {
            let cer = bundle.cer.filter(|cer| !cer.is_empty()).ok_or_else(|| {
                Error::Other("the certificate has not been issued yet, so there is none to read".to_owned())
            })?;
            Ok((STANDARD.decode(cer).map_err(|_| odd())?, last(&bundle.id)))
        }
        Kind::Key => {
            let mut key = bundle.key.ok_or_else(odd)?;
            key.retain(|_, value| !value.is_null());
            let version = key.get("kid").and_then(Value::as_str).and_then(last);
            Ok((Value::Object(key).to_string().into_bytes(), version))
        }
    }
}

/// What a push looks at.
#[derive(Debug, Default)]
pub struct Pushable {
    /// As [`value`] reads it; none of a certificate that was not issued yet.
    pub data: Option<Vec<u8>>,
    /// Of a key too.
    pub version: Option<String>,
    /// Of a secret.
    pub content_type: Option<String>,
    /// Seconds since 1970.
    pub expires: Option<i64>,
    /// All of them.
    pub tags: BTreeMap<String, String>,
}

/// An object, as a push compares it.
///
/// # Errors
/// If the answer is not Key Vault's.
pub fn pushable(body: &[u8], kind: Kind) -> Result<Pushable, Error> {
    let found = bundle(body, kind)?;
    let (data, version) = match value(body, kind) {
        Ok((data, version)) => (Some(data), version),
        Err(Error::Other(_)) => (None, last(&found.id)),
        Err(error) => return Err(error),
    };
    let tags = found.tags.unwrap_or_default().into_iter();
    Ok(Pushable {
        data,
        version,
        content_type: found.content_type,
        expires: found.attributes.exp,
        tags: tags.filter_map(|(name, tag)| Some((name, tag?))).collect(),
    })
}

/// The tags of what was deleted.
///
/// # Errors
/// If the answer is not Key Vault's.
pub fn deleted_tags(body: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    let found: Bundle = serde_json::from_slice(body).map_err(|_| odd())?;
    Ok(found.tags.unwrap_or_default().into_iter().filter_map(|(name, tag)| Some((name, tag?))).collect())
}

fn last(id: &str) -> Option<String> {
    id.rsplit('/').next().filter(|version| !version.is_empty()).map(ToOwned::to_owned)
}

/// Tags, and four of the attributes under names of their own, as ESO's default client shows them.
///
/// # Errors
/// If the answer is not Key Vault's.
pub fn metadata(body: &[u8], kind: Kind) -> Result<BTreeMap<String, String>, Error> {
    let bundle = bundle(body, kind)?;
    let tags = bundle.tags.unwrap_or_default().into_iter();
    let mut found: BTreeMap<String, String> = tags.filter_map(|(name, tag)| Some((name, tag?))).collect();
    let Attributes { exp, created, updated, nbf, .. } = bundle.attributes;
    for (name, seconds) in [("expires", exp), ("created", created), ("updated", updated), ("notBefore", nbf)]
    {
        if let Some(time) = seconds.and_then(rfc3339) {
            found.insert(format!("attribute.{name}"), time);
        }
    }
    Ok(found)
}

fn rfc3339(seconds: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    let (hour, minute, second) = time.to_hms();
    let (year, month, day) = time.to_calendar_date();
    Some(format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(month)))
}

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing {
    /// Names and tags of those that are enabled.
    pub secrets: Vec<(String, BTreeMap<String, String>)>,
    /// Where the next page is.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    /// Null in a vault that never held a secret. With a function of its own it must be there: an answer without
    /// is none of Key Vault's.
    #[serde(deserialize_with = "Option::deserialize")]
    value: Option<Vec<Entry>>,
    #[serde(default, rename = "nextLink")]
    next_link: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    id: String,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    tags: Option<Tags>,
}

/// Reads a page of secrets.
///
/// # Errors
/// If the answer is not Key Vault's.
pub fn listing(body: &[u8]) -> Result<Listing, Error> {
    let page: Page = serde_json::from_slice(body).map_err(|_| odd())?;
    let mut secrets = Vec::new();
    for entry in page.value.unwrap_or_default() {
        let name = last(&entry.id).filter(|_| entry.id.contains("/secrets/")).ok_or_else(odd)?;
        if entry.attributes.enabled == Some(false) {
            continue;
        }
        let tags = entry.tags.unwrap_or_default().into_iter();
        secrets.push((name, tags.filter_map(|(name, tag)| Some((name, tag?))).collect()));
    }
    Ok(Listing { secrets, next: page.next_link.filter(|link| !link.is_empty()) })
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
