//! What is done about a push or a deletion, from what stands in the vault: whose it is, whether it is the same, what of it
//! differs. Nothing is sent here.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::writer::Outcome;
use go_template::material;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::answer::Pushable;
use crate::object::Kind;

/// The mark, as ESO spells it.
const MARK: (&str, &str) = ("managed-by", "external-secrets");

/// `data[].metadata` of a push.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Spec {
    /// Seconds since 1970.
    pub(crate) expires: Option<i64>,
    pub(crate) content_type: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Spec {
    /// What the schema let pass.
    ///
    /// # Errors
    /// What is no metadata, and a date that is none.
    pub(crate) fn parse(metadata: Option<&str>) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Document {
            spec: Option<Given>,
        }
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Given {
            #[serde(default)]
            expiration_date: String,
            #[serde(default)]
            content_type: String,
            tags: Option<BTreeMap<String, String>>,
        }
        let wrong = |what: &str| Error::Other(format!("the push's metadata {what}"));
        let Some(text) = metadata else { return Ok(Self::default()) };
        let document: Document = serde_json::from_str(text).map_err(|_| wrong("cannot be read"))?;
        let given = document.spec.unwrap_or_default();
        let tags = given.tags.unwrap_or_default();
        if tags.contains_key(MARK.0) {
            return Err(wrong("cannot have the tag managed-by: it says whose the object is"));
        }
        let expires = match given.expiration_date.as_str() {
            "" => None,
            date => {
                let time = OffsetDateTime::parse(date, &Rfc3339)
                    .map_err(|_| wrong("has an expirationDate that is none, such as 2027-12-31T20:00:00Z"))?;
                Some(time.unix_timestamp())
            }
        };
        Ok(Self { expires, content_type: Some(given.content_type).filter(|it| !it.is_empty()), tags })
    }
}

/// What is to stand under a key.
pub(crate) struct Wanted<'a> {
    pub(crate) value: &'a [u8],
    pub(crate) spec: Spec,
    /// See the interface.
    pub(crate) expected: Option<&'a str>,
    /// See the interface.
    pub(crate) replace: bool,
}

/// A request that writes, and what has been done then.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    Unchanged,
    /// Another version, with this body.
    Write(Value, Outcome),
    /// The version that is there, of which this is changed.
    Patch(Value),
}

/// Of an object of a kind.
///
/// # Errors
/// [`Error::Denied`] for what is another's, [`Error::Conflict`], and values that the kind cannot have.
pub(crate) fn plan(kind: Kind, stored: Option<&Pushable>, wanted: &Wanted<'_>) -> Result<Plan, Error> {
    let made = Material::of(kind, wanted)?;
    let Some(stored) = stored else {
        if let Some(expected) = wanted.expected {
            return Err(other_version(expected));
        }
        return Ok(Plan::Write(made.body(wanted, None), Outcome::Created));
    };
    if !wanted.replace {
        return Ok(Plan::Unchanged);
    }
    check(stored, wanted.expected)?;
    let spec = &wanted.spec;
    let tagged = spec.tags.iter().all(|(name, tag)| stored.tags.get(name) == Some(tag));
    // Who sets a property and says nothing of an end leaves what another said.
    let silent = wanted.expected.is_some() && spec.expires.is_none();
    let expires = kind != Kind::Secret || silent || stored.expires == spec.expires;
    let typed =
        kind != Kind::Secret || spec.content_type.is_none() || stored.content_type == spec.content_type;
    if !made.is(stored) || (stored.expires.is_some() && spec.expires.is_none() && !expires) {
        // An end is taken away by another version alone.
        return Ok(Plan::Write(made.body(wanted, Some(stored)), Outcome::Updated));
    }
    if tagged && expires && typed {
        return Ok(Plan::Unchanged);
    }
    let mut body = json!({"tags": tags(spec, Some(stored))});
    if kind == Kind::Secret {
        if let Some(content_type) = &spec.content_type {
            body["contentType"] = json!(content_type);
        }
        if let Some(expires) = spec.expires {
            body["attributes"] = json!({"exp": expires});
        }
    }
    Ok(Plan::Patch(body))
}

/// Whether an object may be written over or deleted.
///
/// # Errors
/// As [`plan`].
pub(crate) fn check(stored: &Pushable, expected: Option<&str>) -> Result<(), Error> {
    if let Some(expected) = expected.filter(|expected| stored.version.as_deref() != Some(expected)) {
        return Err(other_version(expected));
    }
    managed(&stored.tags)
}

/// Whether these tags are of something that pushes manage.
///
/// # Errors
/// [`Error::Denied`], in ESO's words first.
pub(crate) fn managed(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.get(MARK.0).is_some_and(|by| by == MARK.1) {
        return Ok(());
    }
    Err(Error::Denied(format!("not managed by external-secrets: it lacks the tag {}: {}", MARK.0, MARK.1)))
}

fn other_version(expected: &str) -> Error {
    Error::Conflict(format!("its version is not {expected} any more"))
}

/// Those that are there stay: Azure's policies and people tag too.
fn tags(spec: &Spec, stored: Option<&Pushable>) -> BTreeMap<String, String> {
    let mut tags = stored.map(|stored| stored.tags.clone()).unwrap_or_default();
    tags.extend(spec.tags.clone());
    tags.insert(MARK.0.to_owned(), MARK.1.to_owned());
    tags
}

/// A value, as its kind keeps it.
enum Material<'a> {
    Text(&'a str),
    /// What is sent, and the certificate in it.
    Certificate {
        body: Map<String, Value>,
        der: Vec<u8>,
    },
    /// The whole key, and its public half.
    Key {
        private: Map<String, Value>,
        public: Map<String, Value>,
    },
}

impl<'a> Material<'a> {
    fn of(kind: Kind, wanted: &Wanted<'a>) -> Result<Self, Error> {
        let value = wanted.value;
        let other = |what: &str| Error::Other(what.to_owned());
        match kind {
            Kind::Secret => std::str::from_utf8(value).map(Self::Text).map_err(|_| {
                other("Key Vault's secrets are text, and the value is none: push it in base64 (a template does that)")
            }),
            Kind::Certificate => {
                let der = material::certificate(value).ok_or_else(|| {
                    other("the value is no certificate with its key, in PEM or in PKCS#12 without a password")
                })?;
                let (value, content_type) = match std::str::from_utf8(value) {
                    // Key Vault takes keys as PKCS#8 alone, and PEM as it stands.
                    Ok(text) if text.contains("-----BEGIN ") => {
                        let text = material::bundle(value)
                            .ok_or_else(|| other("the PEM has no private key beside its certificate"))?;
                        (text, "application/x-pem-file")
                    }
                    _ => (STANDARD.encode(value), "application/x-pkcs12"),
                };
                let policy = json!({"secret_props": {"contentType": content_type}});
                let body = [("value".to_owned(), json!(value)), ("policy".to_owned(), policy)];
                Ok(Self::Certificate { body: body.into_iter().collect(), der })
            }
            Kind::Key => {
                let numbers = material::numbers(value).ok_or_else(|| {
                    other("the value is no private key in PEM: symmetric keys are for managed HSMs, which are no vaults")
                })?;
                let numbers = numbers.map_err(other)?;
                let text = |(name, bytes): (&'static str, Vec<u8>)| {
                    (name.to_owned(), json!(URL_SAFE_NO_PAD.encode(bytes)))
                };
                let mut public: Map<String, Value> = numbers.public.into_iter().map(text).collect();
                public.insert("kty".to_owned(), json!(numbers.kty));
                public.extend(numbers.crv.map(|crv| ("crv".to_owned(), json!(crv))));
                let mut private = public.clone();
                private.extend(numbers.private.into_iter().map(text));
                Ok(Self::Key { private, public })
            }
        }
    }

    /// Whether that is what is there.
    fn is(&self, stored: &Pushable) -> bool {
        match self {
            Self::Text(text) => stored.data.as_deref() == Some(text.as_bytes()),
            Self::Certificate { der, .. } => stored.data.as_ref() == Some(der),
            Self::Key { public, .. } => {
                let Some(Ok(Value::Object(there))) = stored.data.as_deref().map(serde_json::from_slice)
                else {
                    return false;
                };
                // In a premium vault it may be kept in hardware.
                let same = |name: &String, wanted: &Value| match there.get(name) {
                    Some(Value::String(kty)) if name == "kty" => kty.trim_end_matches("-HSM") == wanted,
                    found => found == Some(wanted),
                };
                public.iter().all(|(name, wanted)| same(name, wanted))
            }
        }
    }

    /// Of the request that makes a version.
    fn body(self, wanted: &Wanted<'_>, stored: Option<&Pushable>) -> Value {
        let (spec, tags) = (&wanted.spec, tags(&wanted.spec, stored));
        match self {
            Self::Text(text) => {
                let mut body = json!({"value": text, "tags": tags, "attributes": {"enabled": true}});
                let there = stored.and_then(|stored| stored.content_type.clone());
                if let Some(content_type) = spec.content_type.clone().or(there) {
                    body["contentType"] = json!(content_type);
                }
                let stays = stored.filter(|_| wanted.expected.is_some()).and_then(|stored| stored.expires);
                if let Some(expires) = spec.expires.or(stays) {
                    body["attributes"]["exp"] = json!(expires);
                }
                body
            }
            Self::Certificate { mut body, .. } => {
                body.insert("tags".to_owned(), json!(tags));
                Value::Object(body)
            }
            Self::Key { private, .. } => json!({"key": private, "tags": tags}),
        }
    }
}

#[cfg(test)]
#[path = "push_tests.rs"]
mod tests;
