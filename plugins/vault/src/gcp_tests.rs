//! JWTs of a key and of Google's, and what is asked for them. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::RefCell;

use claviger_plugin_sdk::provider::connection::{Annotation, Resolved};
use claviger_plugin_sdk::provider::interface::Facet;

use super::*;
use crate::world::Request;
use crate::client::Client;
use crate::fake::{Fake, reply, session};
use crate::read::get;

/// Made for tests, and known to nobody.
const PEM: &str = include_str!("../../google-credentials/src/test-key.pem");
/// The signature is OpenSSL's: `openssl dgst -sha256 -sign`, of the two parts before it. Issued
/// ten seconds before the fake's time, as Google's libraries backdate.
const JWT: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJzdWIiOiJ2YXVsdEBwcm9qZWN0LmlhbS5nc2VydmljZWFjY291bnQuY29tIiwiYXVkIjoidmF1bHQvZGV2IiwiaWF0IjoxNzY3MzIzMDM1LCJleHAiOjE3NjczMjM2MzV9.UJvdC7p01-PwrP6Xqc-WZl1VqG4pzm-5c6v0LJHD5YLYugEsIhRR_zgd81RKjh7Ggl0guKVPBYdk1I8TNVZ6hcGlaUaq2o6PZPNXUW8XDIEdImjs5iFCAy7wJAAZ-KoXhuiVHOBq8cQ53rpBzUYcUd-DMRqJQvOV8QRdHlTaS7LOqCO9Y49J687Z0h-D686gof0MnZQynXoUrb-h-moJdahBcws70hGfNi1RicO5n-T78vSEkruogx-zIUyZ8-NSOxMuHGKA4W46apfxac3XjgD4y5aJ4MCzxlizxiDyFLi9Y0wPe0A3hx2N4Urw7coYzrxKSJ1zqaxil4DAznIIqg";
const EMAIL: &str = "vault@project.iam.gserviceaccount.com";

fn store(gcp: Value) -> Value {
    json!({"server": "https://v", "path": "secret", "auth": {"gcp": gcp}})
}

fn slot(name: &str, value: Resolved) -> SlotValue {
    SlotValue { slot: name.to_owned(), value }
}

fn by_key(key: &Value) -> Session {
    let mut session = session(&store(
        json!({"role": "dev", "secretRef": {"secretAccessKeySecretRef": {"name": "k", "key": "k"}}}),
    ));
    session.have = vec![slot("google-key", Resolved::Bytes(key.to_string().into_bytes()))];
    session
}

fn by_account(annotation: Option<&str>) -> Session {
    let mut session = session(&store(json!({"role": "dev", "workloadIdentity": {
        "serviceAccountRef": {"name": "sa"},
        "clusterProjectID": "p", "clusterLocation": "l", "clusterName": "c"}})));
    let named = |value: &str| Annotation {
        name: "iam.gke.io/gcp-service-account".to_owned(),
        value: value.to_owned(),
    };
    session.have = vec![
        slot("google-account", Resolved::Account(annotation.into_iter().map(named).collect())),
        slot("google-account-token", Resolved::Bytes(b"token-of-the-account".to_vec())),
    ];
    session
}

fn made(session: &Session, fake: &Fake<'_>) -> Result<String, Error> {
    let config: Value = serde_json::from_str(&session.config).unwrap();
    jwt(&access(&config)?, session, "dev", fake)
}

#[test]
fn signed_as_by_openssl() {
    let key = json!({
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "key-1",
        "private_key": PEM,
        "client_email": EMAIL,
    });
    let fake = Fake::new(|_| reply(500, ""));
    assert_eq!(made(&by_key(&key), &fake).unwrap(), JWT);
    assert_eq!(fake.count(""), 0, "Google is not asked");
}

#[test]
fn what_is_no_key_is_said_without_it() {
    for (key, said) in [
        (json!("s3cr3t"), "no JSON of that form"),
        (json!({"type": "authorized_user", "refresh_token": "s3cr3t"}), "its type is not service_account"),
        (json!({"client_email": "a@b", "private_key": "s3cr3t"}), "no RSA key"),
    ] {
        let found = made(&by_key(&key), &Fake::new(|_| reply(500, "")));
        let Err(Error::InvalidConfig(error)) = found else { panic!("{key}") };
        assert_eq!(error.path, "/auth/gcp/secretRef/secretAccessKeySecretRef");
        assert!(error.detail.contains(said) && !error.detail.contains("s3cr3t"), "{}", error.detail);
    }
}

/// The way of a GKE cluster's ServiceAccount: its token, the service account's token, the JWT, Vault.
#[test]
fn signed_by_google() {
    let sent = RefCell::new(Vec::new());
    let fake = Fake::new(|request: &Request| {
        sent.borrow_mut().push((request.url.clone(), String::from_utf8(request.body.clone()).unwrap()));
        let token =
            |token: &str| request.headers.contains(&("authorization".to_owned(), format!("Bearer {token}")));
        match &request.url {
            url if url.ends_with("/v1/identitybindingtoken") => {
                reply(200, r#"{"access_token":"bound","expires_in":600}"#)
            }
            url if url.ends_with(":generateAccessToken") && token("bound") => {
                reply(200, r#"{"accessToken":"acting","expireTime":"2026-01-02T03:04:05Z"}"#)
            }
            url if url.ends_with(":signJwt") && token("acting") => {
                reply(200, r#"{"keyId":"k","signedJwt":"signed.by.google"}"#)
            }
            url if url.ends_with("/v1/auth/gcp/login") => {
                reply(200, r#"{"auth":{"client_token":"s.token-1","lease_duration":600}}"#)
            }
            _ => reply(200, r#"{"data":{"data":{"a":"b"},"metadata":{"version":1}}}"#),
        }
    });
    let session = by_account(Some(EMAIL));
    for _ in 0..2 {
        let answers = get(&Client::new(&session, &fake).unwrap(), &[fake.item("k", Facet::Value)]).unwrap();
        assert!(answers[0].is_ok());
    }
    let sent = sent.borrow();
    let urls: Vec<&str> = sent.iter().map(|(url, _)| url.as_str()).collect();
    let google = format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{EMAIL}");
    assert_eq!(
        urls,
        [
            "https://securetoken.googleapis.com/v1/identitybindingtoken",
            &format!("{google}:generateAccessToken"),
            &format!("{google}:signJwt"),
            "https://v/v1/auth/gcp/login",
            "https://v/v1/secret/data/k",
            "https://v/v1/secret/data/k",
        ]
    );
    let claims: Value = serde_json::from_str(&sent[2].1).unwrap();
    assert_eq!(
        claims["payload"],
        format!(r#"{{"sub":"{EMAIL}","aud":"vault/dev","iat":1767323035,"exp":1767323635}}"#)
    );
    let login: Value = serde_json::from_str(&sent[3].1).unwrap();
    assert_eq!(login, json!({"role": "dev", "jwt": "signed.by.google"}));
}

#[test]
fn what_google_refuses() {
    let denied = r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Permission 'iam.serviceAccounts.signJwt' denied, acting"}}"#;
    let fake = Fake::new(|request: &Request| match &request.url {
        url if url.ends_with("/v1/identitybindingtoken") => reply(200, r#"{"access_token":"bound"}"#),
        url if url.ends_with(":generateAccessToken") => reply(200, r#"{"accessToken":"acting"}"#),
        _ => reply(403, denied),
    });
    let Err(Error::Unauthenticated(said)) = made(&by_account(Some(EMAIL)), &fake) else { panic!() };
    assert!(said.starts_with(&format!("signing a JWT as {EMAIL} is refused")), "{said}");
    assert!(said.contains("roles/iam.serviceAccountTokenCreator") && said.contains("[hidden]"), "{said}");
    let Err(Error::InvalidConfig(error)) = made(&by_account(None), &fake) else { panic!() };
    assert_eq!(error.path, "/auth/gcp/workloadIdentity/serviceAccountRef");
}
