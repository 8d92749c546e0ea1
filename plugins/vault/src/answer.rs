//! Vault's answers: values as they stand, and errors as the host understands them.

use claviger_plugin_sdk::{Error, RateLimit};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The envelope of every answer.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// What was asked for.
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
    /// Of a login.
    #[serde(default)]
    pub auth: Option<Login>,
    /// Not empty for what can be revoked.
    #[serde(default)]
    pub lease_id: String,
}

/// What a login gives.
#[derive(Debug, Deserialize)]
pub struct Login {
    /// The token.
    pub client_token: String,
    /// Seconds; 0: it does not expire.
    #[serde(default)]
    pub lease_duration: u64,
}

/// A secret of KV version 2.
#[derive(Debug, Deserialize)]
struct Versioned<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    metadata: Option<VersionMetadata>,
}

#[derive(Debug, Deserialize)]
struct VersionMetadata {
    #[serde(default)]
    version: u64,
}

/// A secret's JSON text and version.
#[derive(Debug, PartialEq, Eq)]
pub struct Secret {
    /// The object of its keys, as the server wrote it.
    pub json: String,
    /// Its version (version 2 only).
    pub version: Option<String>,
    /// Whether it came with a lease.
    pub leased: bool,
}

/// Reads the answer to a read.
///
/// # Errors
/// If it is none, or the version was deleted.
pub fn secret(body: &[u8], versioned: bool) -> Result<Secret, Error> {
    let odd = || Error::Other("the answer is not Vault's".to_owned());
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| odd())?;
    let leased = !envelope.lease_id.is_empty();
    let gone = || Error::NotFound("it has no data: deleted, or never written".to_owned());
    let data = envelope.data.filter(|data| data.get() != "null").ok_or_else(gone)?;
    if !versioned {
        return Ok(Secret { json: data.get().to_owned(), version: None, leased });
    }
    let inner: Versioned<'_> = serde_json::from_str(data.get()).map_err(|_| odd())?;
    let value = inner.data.filter(|data| data.get() != "null").ok_or_else(gone)?;
    let version = inner.metadata.map(|metadata| metadata.version.to_string());
    Ok(Secret { json: value.get().to_owned(), version, leased })
}

/// An answer that is no success, as an error. `what` is the path, which is no secret.
pub fn error(status: u16, retry_after_ms: Option<u64>, body: &[u8], what: &str) -> Error {
    let said = said(body);
    let detail = if said.is_empty() {
        format!("{what}: HTTP {status}")
    } else {
        format!("{what}: HTTP {status}: {said}")
    };
    match status {
        404 => Error::NotFound(detail),
        401 => Error::Unauthenticated(detail),
        403 => {
            Error::Denied(format!("{detail} (the policy of the store's role must allow \"read\" on {what})"))
        }
        429 => Error::RateLimited(RateLimit { retry_after_ms, detail }),
        412 | 472 | 473 | 500..=599 => Error::Unavailable(detail),
        _ => Error::Other(detail),
    }
}

/// Vault's `errors`, joined.
fn said(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Vec<String>,
    }
    serde_json::from_slice::<Errors>(body).map(|errors| errors.errors.join("; ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Bodies as OpenBao sends them.
    #[test]
    fn values_stand_as_the_server_wrote_them() {
        let v2 = br#"{"request_id":"x","lease_id":"","data":{"data":{"z":1.50,"a":"b"},"metadata":{"version":7}}}"#;
        let found = secret(v2, true).unwrap();
        assert_eq!(
            found,
            Secret { json: r#"{"z":1.50,"a":"b"}"#.to_owned(), version: Some("7".to_owned()), leased: false }
        );
        let v1 = br#"{"lease_id":"database/creds/x/1","data":{"a":"b"}}"#;
        assert!(secret(v1, false).unwrap().leased);
        let deleted = br#"{"data":{"data":null,"metadata":{"version":2,"deletion_time":"now"}}}"#;
        assert!(matches!(secret(deleted, true), Err(Error::NotFound(_))));
        assert!(matches!(secret(b"<html>", true), Err(Error::Other(_))));
    }

    #[test]
    fn errors_drive_behaviour() {
        let kind =
            |status| error(status, Some(3000), br#"{"errors":["permission denied"]}"#, "secret/data/x");
        assert!(matches!(kind(404), Error::NotFound(_)));
        assert!(
            matches!(kind(403), Error::Denied(detail) if detail.contains("permission denied") && detail.contains("\"read\" on secret/data/x"))
        );
        assert!(matches!(kind(429), Error::RateLimited(RateLimit { retry_after_ms: Some(3000), .. })));
        assert!(matches!(kind(503), Error::Unavailable(_)));
        assert!(matches!(kind(400), Error::Other(_)));
    }
}
