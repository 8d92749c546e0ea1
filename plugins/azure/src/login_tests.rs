//! What is sent at a login, and what is kept of the answer. Only tests.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use claviger_plugin_sdk::provider::connection::SlotValue;
use serde_json::json;

use super::*;
use crate::fake::{bytes, kind_at, store};
use crate::identity;

fn have(slots: &[(&str, &str)]) -> Vec<SlotValue> {
    slots.iter().map(|(slot, text)| SlotValue { slot: (*slot).to_owned(), value: bytes(text) }).collect()
}

fn login(config: &Value, slots: &[(&str, &str)]) -> Result<Login, Error> {
    let config = Config::parse(&config.to_string(), "").unwrap();
    let have = have(slots);
    let identity = identity::of(&config.auth, Slots(&have)).unwrap().unwrap();
    request(&config, &identity, Slots(&have), SystemTime::UNIX_EPOCH)
}

const ENDPOINT: &str = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token";

/// Fields of the documentation of Entra's client credentials flow, in its three cases.
#[test]
fn each_credential_sends_its_fields() {
    let account = json!({"authType": "WorkloadIdentity", "serviceAccountRef": {"name": "sa"}});
    let common = [("grant_type", "client_credentials"), ("scope", "https://vault.azure.net/.default")];
    let jwt = [("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")];
    for (config, slots, url, expected) in [
        (
            store(json!({})),
            vec![(CLIENT_SECRET, "a~b+c&d=e \u{fc}\n")],
            ENDPOINT,
            vec![
                ("client_id", "11111111-2222-3333-4444-555555555555"),
                ("client_secret", "a~b+c&d=e \u{fc}"),
            ],
        ),
        (
            store(account),
            vec![(ACCOUNT_TOKEN, "a.b.c\n")],
            ENDPOINT,
            vec![
                ("client_id", "11111111-2222-3333-4444-555555555555"),
                ("client_assertion", "a.b.c"),
                jwt[0],
            ],
        ),
        (
            json!({"vaultUrl": "https://my.vault.azure.net", "authType": "WorkloadIdentity"}),
            vec![(identity::ENV_CLIENT_ID, "e"), (identity::ENV_TENANT_ID, "t"), (ACCOUNT_TOKEN, "a.b.c")],
            "https://login.microsoftonline.com/t/oauth2/v2.0/token",
            vec![("client_id", "e"), ("client_assertion", "a.b.c"), jwt[0]],
        ),
    ] {
        let login = login(&config, &slots).unwrap();
        assert_eq!(login.url, url);
        let sent: BTreeMap<String, String> =
            form_urlencoded::parse(login.body.as_bytes()).into_owned().collect();
        let expected: BTreeMap<String, String> = common
            .iter()
            .chain(&expected)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(sent, expected, "{config}");
        assert!(expected.values().any(|value| *value == login.secret));
    }
    for slot in ["", " \n"] {
        assert_eq!(kind_at(&login(&store(json!({})), &[(CLIENT_SECRET, slot)])), "unauthenticated");
    }
}

#[test]
fn a_certificate_signs() {
    let reference = json!({"name": "s", "key": "k"});
    let config = store(json!({"authSecretRef": {"clientCertificate": reference}}));
    let pem = include_str!("../tests/certificates/pkcs8.pem");
    let login = login(&config, &[(CERTIFICATE, pem)]).unwrap();
    let sent: BTreeMap<_, _> = form_urlencoded::parse(login.body.as_bytes()).into_owned().collect();
    assert_eq!(sent["client_assertion"].split('.').count(), 3);
    assert_eq!(sent["client_assertion"], login.secret);
    assert!(!sent.contains_key("client_secret"));
}

/// The path of ADFS is that of Azure Stack Hub's documentation.
#[test]
fn token_endpoints() {
    for (login, tenant, expected) in [
        ("https://login.example", "t", "https://login.example/t/oauth2/v2.0/token"),
        ("https://login.example/", "adfs", "https://login.example/adfs/oauth2/token"),
        ("https://login.example/adfs/", "ADFS", "https://login.example/adfs/oauth2/token"),
        ("https://login.example:8443/base", "t", "https://login.example:8443/base/t/oauth2/v2.0/token"),
    ] {
        let config = store(json!({"customCloudConfig": {"activeDirectoryEndpoint": login}}));
        assert_eq!(endpoint(&Config::parse(&config.to_string(), "").unwrap(), tenant), expected);
    }
}

#[test]
fn what_is_kept_of_the_answer() {
    for (body, expected) in [
        (
            r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"t"}"#,
            Some(3_299_000),
        ),
        (r#"{"expires_in":86399,"access_token":"t"}"#, Some(86_099_000)),
        (r#"{"expires_in":100,"access_token":"t"}"#, Some(90_000)),
        (r#"{"expires_in":"3599","access_token":"t"}"#, Some(3_299_000)),
        (r#"{"access_token":"t"}"#, Some(3_300_000)),
        (r#"{"expires_in":3599,"access_token":""}"#, None),
        (r#"{"expires_in":3599,"access_token":"a\nb"}"#, None),
        (r#"{"expires_in":3599}"#, None),
        ("<html>", None),
        ("null", None),
    ] {
        assert_eq!(token(body.as_bytes()).map(|(_, ttl_ms)| ttl_ms), expected, "{body}");
    }
}
