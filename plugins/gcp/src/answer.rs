//! Secret Manager's answers that are a success: payloads, whose checksums are looked at, metadata as ESO shows it,
//! lists.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::Error;
use crc::{CRC_32_ISCSI, Crc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::name;

/// CRC32C, as Google calls it.
const CRC32C: Crc<u32, crc::Table<1>> = Crc::<u32, crc::Table<1>>::new(&CRC_32_ISCSI);

pub(crate) fn odd(what: &str) -> Error {
    Error::Unavailable(format!("{what}: the answer is not Secret Manager's: a proxy's?"))
}

/// The checksum of a value.
pub(crate) fn crc32c(data: &[u8]) -> u32 {
    CRC32C.checksum(data)
}

/// A version's payload.
#[derive(PartialEq, Eq)]
pub struct Payload {
    /// The value.
    pub data: Vec<u8>,
    /// The version's number, whatever it was asked by.
    pub version: Option<String>,
}

/// Reads the answer to an access; `what` is what was asked for.
///
/// # Errors
/// [`Error::Unavailable`] if it was damaged on the way, or is none.
pub fn payload(body: &[u8], what: &str) -> Result<Payload, Error> {
    #[derive(Deserialize)]
    struct Answer {
        name: String,
        payload: Inner,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        #[serde(default)]
        data: String,
        #[serde(default)]
        data_crc32c: Value,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| odd(what))?;
    let data = STANDARD.decode(&answer.payload.data).map_err(|_| odd(what))?;
    if data.is_empty() {
        return Err(Error::Other(format!("{what}: it has no data")));
    }
    let told = match &answer.payload.data_crc32c {
        Value::Null => None,
        // A 64-bit number is text in JSON of Google's.
        Value::String(text) => Some(text.parse::<u64>().map_err(|_| odd(what))?),
        other => Some(other.as_u64().ok_or_else(|| odd(what))?),
    };
    if told.is_some_and(|told| told != u64::from(crc32c(&data))) {
        return Err(Error::Unavailable(format!(
            "{what}: the data does not have the checksum that came with it (CRC32C): it was damaged on the way"
        )));
    }
    Ok(Payload { data, version: name::version_of(&answer.name).map(ToOwned::to_owned) })
}

/// A secret, as far as it is of use.
#[derive(Deserialize)]
pub struct Secret {
    /// Its whole name.
    pub name: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// What `metadataPolicy: Fetch` shows, as ESO: annotations and labels, null where there are none.
///
/// # Errors
/// If the answer is none.
pub fn metadata(body: &[u8], what: &str) -> Result<String, Error> {
    let secret: Secret = serde_json::from_slice(body).map_err(|_| odd(what))?;
    let none = |map: Option<BTreeMap<String, String>>| map.filter(|map| !map.is_empty());
    Ok(go_json(&json!({"annotations": none(secret.annotations), "labels": none(secret.labels)})))
}

/// JSON as Go writes it, which is what ESO hands out: without what HTML minds.
fn go_json(value: &Value) -> String {
    let mut out = String::new();
    for char in value.to_string().chars() {
        match char {
            // They can only stand in strings.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            other => out.push(other),
        }
    }
    out
}

/// A page of secrets, and the token of the next.
///
/// # Errors
/// If the answer is none.
pub fn secrets(body: &[u8], what: &str) -> Result<(Vec<Secret>, Option<String>), Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        #[serde(default)]
        secrets: Vec<Secret>,
        #[serde(default)]
        next_page_token: String,
    }
    let page: Page = serde_json::from_slice(body).map_err(|_| odd(what))?;
    Ok((page.secrets, Some(page.next_page_token).filter(|token| !token.is_empty())))
}

/// The newest version of a page (numbers are given in order), and the token of the next.
///
/// # Errors
/// If the answer is none.
pub fn newest(body: &[u8], what: &str) -> Result<(Option<u64>, Option<String>), Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        #[serde(default)]
        versions: Vec<Version>,
        #[serde(default)]
        next_page_token: String,
    }
    #[derive(Deserialize)]
    struct Version {
        name: String,
        #[serde(default)]
        state: String,
    }
    let page: Page = serde_json::from_slice(body).map_err(|_| odd(what))?;
    let enabled = page.versions.iter().filter(|version| version.state == "ENABLED");
    let number = |version: &Version| name::version_of(&version.name).and_then(|number| number.parse().ok());
    let newest = enabled.filter_map(number).max();
    Ok((newest, Some(page.next_page_token).filter(|token| !token.is_empty())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Checksums: the check value of CRC-32/ISCSI ("123456789"), and those of RFC 3720, B.4.
    #[test]
    fn damaged_data_is_not_handed_on() {
        let ascending: Vec<u8> = (0..32).collect();
        for (data, told, fine) in [
            (b"123456789".to_vec(), json!("3808858755"), true),
            (vec![0; 32], json!("2324772522"), true),
            (vec![0xff; 32], json!("1655221059"), true),
            (ascending.clone(), json!("1188919630"), true),
            (ascending, json!(1_188_919_630_u64), true),
            (b"123456789".to_vec(), json!(null), true),
            (b"123456780".to_vec(), json!("3808858755"), false),
            (b"123456789".to_vec(), json!("0"), false),
            (b"123456789".to_vec(), json!("many"), false),
        ] {
            let body = json!({"name": "projects/1/secrets/s/versions/7",
                "payload": {"data": STANDARD.encode(&data), "dataCrc32c": told}});
            match payload(body.to_string().as_bytes(), "s") {
                Ok(found) => {
                    assert!(fine, "{body}");
                    assert_eq!((found.data, found.version.as_deref()), (data, Some("7")));
                }
                Err(error) => assert!(!fine && matches!(error, Error::Unavailable(_)), "{body}: {error:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_answer() {
        for body in [
            "<html>",
            "{}",
            "null",
            r#"{"name":"x"}"#,
            r#"{"name":"x","payload":{"data":"%"}}"#,
            r#"{"payload":{}}"#,
        ] {
            assert!(matches!(payload(body.as_bytes(), "s"), Err(Error::Unavailable(_))), "{body}");
        }
        let empty = payload(br#"{"name":"x","payload":{}}"#, "s");
        assert!(matches!(empty, Err(Error::Other(_))));
        for body in ["<html>", "null", r#"{"secrets":[{}]}"#] {
            assert!(secrets(body.as_bytes(), "s").is_err(), "{body}");
        }
        assert!(metadata(b"{}", "s").is_err() && newest(b"<html>", "s").is_err());
    }

    /// Expected: what ESO's getSecretMetadata and Go's encoder make of it.
    #[test]
    fn metadata_is_what_eso_shows() {
        let body = r#"{"name":"projects/1/secrets/s","replication":{"automatic":{}},"createTime":"2026-01-02T03:04:05.678901Z","labels":{"team":"pay","app":"shop"},"etag":"\"162\"","annotations":{"note":"a<b & c"}}"#;
        assert_eq!(
            metadata(body.as_bytes(), "s").unwrap(),
            r#"{"annotations":{"note":"a\u003cb \u0026 c"},"labels":{"app":"shop","team":"pay"}}"#
        );
        assert_eq!(
            metadata(br#"{"name":"projects/1/secrets/s"}"#, "s").unwrap(),
            r#"{"annotations":null,"labels":null}"#
        );
    }

    #[test]
    fn lists() {
        let page = r#"{"secrets":[{"name":"projects/1/secrets/a","labels":{"x":"y"}},{"name":"projects/1/secrets/b"}],"nextPageToken":"n","totalSize":3}"#;
        let (found, next) = secrets(page.as_bytes(), "s").unwrap();
        assert_eq!((found.len(), next.as_deref()), (2, Some("n")));
        assert!(matches!(secrets(b"{}", "s").unwrap(), (none, None) if none.is_empty()));
        let versions = r#"{"versions":[{"name":"projects/1/secrets/s/versions/9","state":"ENABLED"},{"name":"projects/1/secrets/s/versions/12","state":"DISABLED"},{"name":"projects/1/secrets/s/versions/10","state":"ENABLED"}]}"#;
        assert_eq!(newest(versions.as_bytes(), "s").unwrap(), (Some(10), None));
        assert_eq!(newest(br#"{"nextPageToken":"n"}"#, "s").unwrap(), (None, Some("n".to_owned())));
    }
}
