//! Key Vault's answers. Only tests. Bodies are the examples of its REST API reference, but for what is said.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::json::go_map;

use super::*;

const SECRET: &str = r#"{"value":"mysecretvalue","id":"https://kv-sdk-test.vault-int.azure-int.net/secrets/mysecretname/4387e9f3d6e14c459867679a90fd0f79","attributes":{"enabled":true,"created":1493938410,"updated":1493938410,"recoveryLevel":"Recoverable+Purgeable"}}"#;
/// Its key is the example's; null stands for what some servers write.
const KEY: &str = r#"{"key":{"kid":"https://myvault.vault.azure.net/keys/CreateSoftKeyTest/78deebed173b48e48f55abf87ed4cf71","kty":"RSA","key_ops":["encrypt","decrypt"],"n":"2HJAE5fU3Cw2Rt9hEuq-F6XjINKGa-zskfISVqopqUy60GOs2eyhxbWbJBeUXNor_gf-tXtNeuqeBgitLeVa640UDvnEjYTKWjCniTxZRaU7ewY8BfTSk-7KxoDdLsPSpX_MX4rwlAx-_1UGk5t4sQgTbm9T6Fm2oqFd37dsz5-Gj27UP2GTAShfJPFD7MqU_zIgOI0pfqsbNL5xTQVM29K6rX4jSPtylZV3uWJtkoQIQnrIHhk1d0SC0KwlBV3V7R_LVYjiXLyIXsFzSNYgQ68ZjAwt8iL7I8Osa-ehQLM13DVvLASaf7Jnu3sC3CWl3Gyirgded6cfMmswJzY87w","e":"AQAB","d":null},"attributes":{"enabled":true,"created":1493942451,"updated":1493942451,"recoveryLevel":"Recoverable+Purgeable"},"tags":{"purpose":"unit test","test name ":"CreateGetDeleteKeyTest"}}"#;
/// A few bytes instead of a certificate.
const CERTIFICATE: &str = r#"{"id":"https://myvault.vault.azure.net/certificates/selfSignedCert01/012e068ac4ef4f248fdc4eb53a4b7d0e","kid":"https://myvault.vault.azure.net/keys/selfSignedCert01/012e068ac4ef4f248fdc4eb53a4b7d0e","sid":"https://myvault.vault.azure.net/secrets/selfSignedCert01/012e068ac4ef4f248fdc4eb53a4b7d0e","x5t":"fLi3U52HunIVNXubkEnf8tP6Wbo","cer":"MIICODCCAeKgAwIBAgIQ","attributes":{"enabled":true,"nbf":1430344421,"exp":2208988799,"created":1493938289,"updated":1493938291}}"#;

#[test]
fn values_and_versions() {
    let (value, version) = super::value(SECRET.as_bytes(), Kind::Secret).unwrap();
    assert_eq!(
        (&value[..], version.as_deref()),
        (&b"mysecretvalue"[..], Some("4387e9f3d6e14c459867679a90fd0f79"))
    );
    let odd = r#"{"value":"\u00fc \ud83d\udd11 <&> \"\\\n","id":"https://x/secrets/a/b"}"#;
    let (value, _) = super::value(odd.as_bytes(), Kind::Secret).unwrap();
    assert_eq!(String::from_utf8(value).unwrap(), "\u{fc} \u{1f511} <&> \"\\\n");
    let (value, version) = super::value(CERTIFICATE.as_bytes(), Kind::Certificate).unwrap();
    // `base64 -d | xxd -p`.
    let expected = [0x30, 0x82, 0x02, 0x38, 0x30, 0x82, 0x01, 0xe2, 0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x10];
    assert_eq!((&value[..], version.as_deref()), (&expected[..], Some("012e068ac4ef4f248fdc4eb53a4b7d0e")));
    let (value, version) = super::value(KEY.as_bytes(), Kind::Key).unwrap();
    let value = String::from_utf8(value).unwrap();
    // In Key Vault's own order, and without null.
    let begin = r#"{"kid":"https://myvault.vault.azure.net/keys/CreateSoftKeyTest/78deebed173b48e48f55abf87ed4cf71","kty":"RSA","key_ops":["encrypt","decrypt"],"n":"2HJAE5f"#;
    assert!(value.starts_with(begin) && value.ends_with(r#""e":"AQAB"}"#), "{value}");
    assert_eq!(version.as_deref(), Some("78deebed173b48e48f55abf87ed4cf71"));
}

/// `deletionPolicy` follows from what is said to be missing, so none of these says so.
#[test]
fn what_is_no_answer_is_not_missing() {
    for kind in [Kind::Secret, Kind::Certificate, Kind::Key] {
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            "{}",
            r#"{"value":"x"}"#,
            r#"{"id":"x","value":"y"}"#,
            r#"{"error":{}}"#,
        ] {
            assert!(matches!(value(body.as_bytes(), kind), Err(Error::Unavailable(_))), "{body}");
            assert!(matches!(metadata(body.as_bytes(), kind), Err(Error::Unavailable(_))), "{body}");
        }
    }
    let empty = r#"{"id":"https://x/secrets/a/b","attributes":{"enabled":true}}"#;
    assert!(matches!(value(empty.as_bytes(), Kind::Secret), Err(Error::Unavailable(_))));
    let pending = r#"{"id":"https://x/certificates/a/b","attributes":{"enabled":false}}"#;
    assert!(matches!(value(pending.as_bytes(), Kind::Certificate), Err(Error::Other(_))));
}

/// Expected: what ESO's getSecretAllMetadata and getSecretTag make of it, times by `date -u -d @N`.
#[test]
fn metadata_is_what_eso_shows() {
    let tagged = r#"{"id":"https://x/secrets/a/b","tags":{"team":"a&b","json":"{\"x\":1}","none":null,"attribute.created":"mine"},"attributes":{"enabled":true,"nbf":1430344421,"exp":2208988799,"created":1493938289,"updated":0}}"#;
    for (body, kind, expected) in [
        (
            tagged,
            Kind::Secret,
            r#"{"attribute.created":"2017-05-04T22:51:29Z","attribute.expires":"2039-12-31T23:59:59Z","attribute.notBefore":"2015-04-29T21:53:41Z","attribute.updated":"1970-01-01T00:00:00Z","json":"{\"x\":1}","team":"a\u0026b"}"#,
        ),
        (
            KEY,
            Kind::Key,
            r#"{"attribute.created":"2017-05-05T00:00:51Z","attribute.updated":"2017-05-05T00:00:51Z","purpose":"unit test","test name ":"CreateGetDeleteKeyTest"}"#,
        ),
        (r#"{"id":"https://x/certificates/a/b"}"#, Kind::Certificate, "{}"),
    ] {
        assert_eq!(go_map(&metadata(body.as_bytes(), kind).unwrap()), expected);
    }
}

#[test]
fn lists() {
    let page = r#"{"value":[
        {"contentType":"plainText","id":"https://myvault.vault.azure.net/secrets/listsecrettest0","attributes":{"enabled":true,"created":1482189047,"updated":1482189047},"tags":{"a":"b","c":null}},
        {"id":"https://myvault.vault.azure.net/secrets/off","attributes":{"enabled":false}},
        {"id":"https://myvault.vault.azure.net/secrets/bare"}
    ],"nextLink":"https://myvault.vault.azure.net:443/secrets?api-version=7.4&$skiptoken=eyJOZXh0TWFya2VyIjoiMiE4OCFNREF3TURJeklYTmxZM0psZEM5T1RFVlRRVU&maxresults=1"}"#;
    let found = listing(page.as_bytes()).unwrap();
    let names: Vec<&str> = found.secrets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["listsecrettest0", "bare"]);
    assert_eq!(found.secrets[0].1, BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    assert!(found.next.is_some_and(|next| next.contains("skiptoken")));
    for (body, end) in [
        (r#"{"value":[],"nextLink":null}"#, true),
        (r#"{"value":[]}"#, true),
        (r#"{"value":[],"nextLink":""}"#, true),
        // A vault that never held a secret (Azure/azure-sdk-for-net#6758).
        (r#"{"value":null,"nextLink":null}"#, true),
    ] {
        let found = listing(body.as_bytes()).unwrap();
        assert_eq!((found.secrets.len(), found.next.is_none()), (0, end), "{body}");
    }
    for body in [
        "<html>",
        "{}",
        "null",
        r#"{"nextLink":null}"#,
        r#"{"value":{}}"#,
        r#"{"value":[{}]}"#,
        r#"{"value":[{"id":"https://x/keys/a"}]}"#,
    ] {
        assert!(matches!(listing(body.as_bytes()), Err(Error::Unavailable(_))), "{body}");
    }
}
