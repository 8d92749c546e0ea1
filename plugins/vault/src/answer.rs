//! Vault's answers that are a success: values as they stand, metadata as ESO shows it, logins, mounts.
//! Refusals are in `refusal`.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::path::Kv;

/// The envelope of every answer.
#[derive(Deserialize)]
pub struct Envelope<'a> {
    /// What was asked for.
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
    /// Of a login.
    #[serde(default)]
    pub auth: Option<Login>,
    /// Instead of everything else, if the answer is to be fetched elsewhere.
    #[serde(default)]
    pub wrap_info: Option<IgnoredAny>,
    /// Not empty for what can be revoked.
    #[serde(default)]
    pub lease_id: String,
    /// Seconds.
    #[serde(default)]
    pub lease_duration: u64,
    /// Whether the lease can be made longer.
    #[serde(default)]
    pub renewable: bool,
}

impl<'a> Envelope<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// If it is none of Vault's, or sealed for somebody else.
    pub fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let envelope: Self = serde_json::from_slice(body).map_err(|_| odd())?;
        if envelope.wrap_info.is_some() {
            let said = "the answer is wrapped (a proxy asks for it?), so the value is not in it";
            return Err(Error::Other(said.to_owned()));
        }
        Ok(envelope)
    }

    /// What was asked for.
    ///
    /// # Errors
    /// If there is nothing, which is not to say that it is missing.
    pub fn data(&self) -> Result<&'a RawValue, Error> {
        let empty =
            || Error::Unavailable("the answer has no data, so it is not Vault's: a proxy's?".to_owned());
        self.data.filter(|data| data.get() != "null").ok_or_else(empty)
    }
}

/// What a login gives.
#[derive(Deserialize)]
pub struct Login {
    /// The token; empty if a second factor is asked for.
    #[serde(default)]
    pub client_token: String,
    /// By which it is renewed and revoked without it; empty for a batch token.
    #[serde(default)]
    pub accessor: String,
    /// Seconds; 0: it does not expire.
    #[serde(default)]
    pub lease_duration: u64,
    /// Whether its life can be made longer.
    #[serde(default)]
    pub renewable: bool,
}

/// A secret of KV version 2.
#[derive(Deserialize)]
struct Versioned<'a> {
    // Not an option of its own, since null is not the same as absent here.
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(default)]
    metadata: Option<VersionMetadata>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

#[derive(Deserialize)]
struct VersionMetadata {
    #[serde(default)]
    version: u64,
}

/// A secret's JSON text and version.
#[derive(PartialEq, Eq)]
pub struct Secret {
    /// The object of its keys, as the server wrote it.
    pub json: String,
    /// Its version (version 2 only).
    pub version: Option<String>,
    /// Whether it came with a lease.
    pub leased: bool,
}

pub(crate) fn odd() -> Error {
    Error::Other("the answer is not Vault's".to_owned())
}

/// Reads the answer to a read.
///
/// # Errors
/// [`Error::NotFound`] only for a version whose data is gone beside its metadata, as some Vaults answer with
/// success; whatever else lacks data is not said to be missing.
pub fn secret(body: &[u8], kv: Kv) -> Result<Secret, Error> {
    let envelope = Envelope::parse(body)?;
    let leased = !envelope.lease_id.is_empty();
    let data = envelope.data()?;
    if kv == Kv::V1 {
        return Ok(Secret { json: data.get().to_owned(), version: None, leased });
    }
    let inner: Versioned<'_> = serde_json::from_str(data.get()).map_err(|_| odd())?;
    let value = match (inner.data, &inner.metadata) {
        (Some(value), Some(_)) if value.get() == "null" => {
            return Err(Error::NotFound("it has no data: deleted, or never written".to_owned()));
        }
        (Some(value), _) if value.get() != "null" => value,
        _ => {
            let said = "the answer has no data inside its data: is it an engine other than KV version 2?";
            return Err(Error::Other(said.to_owned()));
        }
    };
    let version = inner.metadata.map(|metadata| metadata.version.to_string());
    Ok(Secret { json: value.get().to_owned(), version, leased })
}

/// What `metadataPolicy: Fetch` shows, as in ESO: custom metadata beside three fields of Vault's own, all
/// as text. Custom metadata of such a name hides the field.
///
/// # Errors
/// If the answer is none.
pub fn metadata(body: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    #[derive(Deserialize)]
    struct Answer {
        data: BTreeMap<String, Value>,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| odd())?;
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut found = BTreeMap::new();
    for name in ["created_time", "current_version", "delete_version_after"] {
        if let Some(value) = answer.data.get(name).filter(|value| !value.is_null()) {
            found.insert(name.to_owned(), text(value));
        }
    }
    let custom = answer.data.get("custom_metadata").and_then(Value::as_object);
    found.extend(custom.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))));
    Ok(found)
}

/// The keys of a folder; those that end in a slash are folders.
///
/// # Errors
/// If the answer is none.
pub fn keys(body: &[u8]) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Listing {
        data: Keys,
    }
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<String>,
    }
    let listing: Listing = serde_json::from_slice(body).map_err(|_| odd())?;
    Ok(listing.data.keys)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugin_sdk::json::go_map;

    use super::*;

    /// Bodies of OpenBao 2.7.2.
    #[test]
    fn values_stand_as_the_server_wrote_them() {
        let v2 = br#"{"request_id":"c4ddb8ca-61e8-f678-e667-3bc6b6ede48b","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"a":"\u003cb\u003e\u0026","z":1.5},"metadata":{"created_time":"2026-11-25T19:07:48.246505173Z","custom_metadata":{"env":"prod","team":"a\u0026b"},"deletion_time":"","destroyed":false,"version":7}},"wrap_info":null,"warnings":null,"auth":null}"#;
        let found = secret(v2, Kv::V2).unwrap();
        assert_eq!(
            (found.json.as_str(), found.version.as_deref(), found.leased),
            (r#"{"a":"\u003cb\u003e\u0026","z":1.5}"#, Some("7"), false)
        );
        let v1 = br#"{"request_id":"450635b5-7574-8514-f554-d822d1f55777","lease_id":"","renewable":false,"lease_duration":2764800,"data":{"a":"\u003cb\u003e","z":1.50},"wrap_info":null,"warnings":null,"auth":null}"#;
        let found = secret(v1, Kv::V1).unwrap();
        assert_eq!((found.json.as_str(), found.leased), (r#"{"a":"\u003cb\u003e","z":1.50}"#, false));
        let leased = br#"{"lease_id":"database/creds/x/1","data":{"a":"b"}}"#;
        assert!(secret(leased, Kv::V1).unwrap().leased);
    }

    /// `deletionPolicy` follows from what is said to be missing, so only one answer says so.
    #[test]
    fn what_lacks_data_is_not_missing() {
        for (body, kv, missing) in [
            (r#"{"data":{"data":null,"metadata":{"version":2,"deletion_time":"now"}}}"#, Kv::V2, true),
            ("{}", Kv::V2, false),
            ("{}", Kv::V1, false),
            (r#"{"status":"maintenance"}"#, Kv::V2, false),
            (r#"{"data":null,"wrap_info":{"token":"t","ttl":60}}"#, Kv::V2, false),
            (r#"{"data":null,"wrap_info":{"token":"t","ttl":60}}"#, Kv::V1, false),
            (r#"{"data":null}"#, Kv::V1, false),
            (r#"{"data":{"metadata":{"version":2}}}"#, Kv::V2, false),
            (r#"{"data":{"data":null}}"#, Kv::V2, false),
            (r#"{"data":{"a":"b"}}"#, Kv::V2, false),
            ("<html>", Kv::V2, false),
            ("null", Kv::V1, false),
        ] {
            let error = secret(body.as_bytes(), kv).err().unwrap();
            assert_eq!(matches!(error, Error::NotFound(_)), missing, "{body}: {error:?}");
        }
    }

    /// Of OpenBao 2.7.2, but for the last of the custom fields; expected: what ESO's readSecretMetadata and
    /// Go's encoder make of it.
    #[test]
    fn metadata_is_what_eso_shows() {
        let body = br#"{"request_id":"31a7f92d-d084-0938-3571-e29ddd8c11b9","lease_id":"","renewable":false,"lease_duration":0,"data":{"cas_required":false,"created_time":"2026-11-25T19:07:48.246505173Z","current_metadata_version":1,"current_version":2,"custom_metadata":{"env":"prod","team":"a\u0026b","delete_version_after":"never"},"delete_version_after":"0s","max_versions":0,"metadata_cas_required":false,"oldest_version":0,"updated_time":"2026-11-25T19:07:48.298266682Z","versions":{"1":{"created_time":"2026-11-25T19:07:48.246505173Z","deletion_time":"","destroyed":false}}},"wrap_info":null,"warnings":null,"auth":null}"#;
        assert_eq!(
            go_map(&metadata(body).unwrap()),
            r#"{"created_time":"2026-11-25T19:07:48.246505173Z","current_version":"2","delete_version_after":"never","env":"prod","team":"a\u0026b"}"#
        );
        let none = br#"{"data":{"custom_metadata":null,"current_version":2}}"#;
        assert_eq!(go_map(&metadata(none).unwrap()), r#"{"current_version":"2"}"#);
        assert!(metadata(br#"{"errors":[]}"#).is_err());
    }

    #[test]
    fn listings() {
        let body = br#"{"request_id":"d9cf51fc-7402-d057-01b7-8b7fd883fe10","lease_id":"","renewable":false,"lease_duration":0,"data":{"keys":["foo","app/"]},"wrap_info":null,"warnings":null,"auth":null}"#;
        assert_eq!(keys(body).unwrap(), ["foo", "app/"]);
        for none in ["{}", r#"{"data":{}}"#, r#"{"data":null}"#, r#"{"data":{"keys":null}}"#] {
            assert!(keys(none.as_bytes()).is_err(), "{none}");
        }
    }
}
