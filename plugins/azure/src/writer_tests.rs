//! What is sent, to a vault that is a function. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::RefCell;

use serde_json::json;

use super::*;
use crate::fake::{Fake, Said, granted, kind, kv_error, said, session};
use crate::world::Request;

const VERSION: &str = "4387e9f3d6e14c459867679a90fd0f79";

fn secret(value: &str, tags: &Value) -> Said {
    let id = format!("https://my.vault.azure.net/secrets/db/{VERSION}");
    said(200, &json!({"value": value, "id": id, "attributes": {"enabled": true}, "tags": tags}).to_string())
}

fn absent() -> Said {
    kv_error(404, "SecretNotFound", "A secret with (name/id) db was not found in this key vault.", None)
}

fn deleted() -> Said {
    let message = "Secret db is currently in a deleted but recoverable state, and its name cannot be reused";
    kv_error(409, "Conflict", message, Some("ObjectIsDeletedButRecoverable"))
}

/// What becomes of a push of `v`, and what was sent: method, path, body.
fn pushed(answer: impl Fn(&str, &str) -> Said) -> (&'static str, Vec<(String, String)>) {
    pushed_as(true, answer)
}

fn pushed_as(replace: bool, answer: impl Fn(&str, &str) -> Said) -> (&'static str, Vec<(String, String)>) {
    let sent = RefCell::new(Vec::new());
    let fake = Fake::new(|request: &Request| {
        if request.url.contains("/oauth2/") {
            return granted("token");
        }
        let path = request.url.split(".net").nth(1).unwrap().split('?').next().unwrap().to_owned();
        assert_eq!(request.body.is_empty(), !request.headers.iter().any(|(name, _)| name == "content-type"));
        sent.borrow_mut()
            .push((format!("{} {path}", request.method), String::from_utf8(request.body.clone()).unwrap()));
        answer(request.method, &path)
    });
    let session = session();
    let client = Client::new(&session, &fake).unwrap();
    let write =
        Write { key: "db".to_owned(), value: b"v".to_vec(), expected_version: None, metadata: None, replace };
    let answer = push(&client, &[write]).unwrap().pop().unwrap();
    let said = match &answer {
        Ok(Outcome::Created) => "created",
        Ok(Outcome::Updated) => "updated",
        Ok(Outcome::Unchanged) => "unchanged",
        other => kind(other),
    };
    (said, sent.take())
}

fn requests(sent: &[(String, String)]) -> Vec<&str> {
    sent.iter().map(|(request, _)| request.as_str()).collect()
}

#[test]
fn one_look_and_one_write_or_none() {
    let mark = json!({"managed-by": "external-secrets"});
    let (said, sent) = pushed(|method, _| if method == "GET" { absent() } else { secret("v", &mark) });
    assert_eq!((said, requests(&sent)), ("created", vec!["GET /secrets/db", "PUT /secrets/db"]));
    assert_eq!(sent[1].1, json!({"value": "v", "tags": mark, "attributes": {"enabled": true}}).to_string());
    let (said, sent) = pushed(|_, _| secret("v", &mark));
    assert_eq!((said, requests(&sent)), ("unchanged", vec!["GET /secrets/db"]));
    let (said, sent) = pushed(|_, _| secret("w", &mark));
    assert_eq!((said, requests(&sent)), ("updated", vec!["GET /secrets/db", "PUT /secrets/db"]));
    let (said, sent) = pushed(|_, _| secret("w", &json!(null)));
    assert_eq!((said, requests(&sent)), ("denied", vec!["GET /secrets/db"]));
    // Who may not look writes nothing.
    let forbidden =
        || kv_error(403, "Forbidden", "Caller is not authorized to perform action on resource.", None);
    let (said, sent) = pushed(|_, _| forbidden());
    assert_eq!((said, sent.len()), ("denied", 1));
}

#[test]
fn what_was_deleted_comes_back_if_it_was_ours() {
    let mark = json!({"managed-by": "external-secrets"});
    for (tags, expected, count) in [(mark.clone(), "created", 5), (json!({}), "denied", 3)] {
        let recovered = RefCell::new(false);
        let (said, sent) = pushed(|method, path| match (method, path) {
            ("GET", "/secrets/db") => absent(),
            ("GET", "/deletedsecrets/db") => secret("", &tags),
            ("POST", "/deletedsecrets/db/recover") => {
                recovered.replace(true);
                secret("", &tags)
            }
            ("PUT", _) if *recovered.borrow() => secret("v", &mark),
            ("PUT", _) => deleted(),
            other => panic!("{other:?}"),
        });
        assert_eq!((said, sent.len()), (expected, count), "{:?}", requests(&sent));
    }
    // What may only be made is not brought back: it would be there before.
    let made = pushed_as(false, |method, path| match (method, path) {
        ("GET", "/secrets/db") => absent(),
        ("PUT", _) => deleted(),
        other => panic!("{other:?}"),
    });
    assert_eq!(made.0, "denied");
    // It is not there at once.
    let (said, _) = pushed(|method, path| match (method, path) {
        ("GET", "/secrets/db") => absent(),
        ("PUT", _) => deleted(),
        _ => secret("", &mark),
    });
    assert_eq!(said, "unavailable");
}

#[test]
fn deletions_and_looks() {
    let mark = json!({"managed-by": "external-secrets"});
    for (there, expected, deletes) in
        [(Some(mark.clone()), "value", 1), (Some(json!({})), "denied", 0), (None, "value", 0)]
    {
        let count = RefCell::new(0);
        let fake = Fake::new(|request: &Request| match (request.method, &there) {
            _ if request.url.contains("/oauth2/") => granted("token"),
            ("DELETE", _) => {
                *count.borrow_mut() += 1;
                secret("", &mark)
            }
            (_, Some(tags)) => secret("v", tags),
            (_, None) => absent(),
        });
        let session = session();
        let client = Client::new(&session, &fake).unwrap();
        let removal = Removal { key: "db".to_owned(), expected_version: None };
        let answer = delete(&client, &[removal]).unwrap().pop().unwrap();
        assert_eq!((kind(&answer), *count.borrow()), (expected, deletes), "{there:?}");
        let known = exists(&client, &["db".to_owned()]).unwrap().pop().unwrap();
        assert_eq!(known.unwrap(), there.is_some());
        let wrong = exists(&client, &["a/b/c".to_owned()]).unwrap().pop().unwrap();
        assert_eq!(kind(&wrong), "other");
    }
}

/// The requests of Key Vault's REST API reference, and the permission that its access policies have for each.
#[test]
fn each_kind_has_requests_of_its_own() {
    let pem = include_str!("../tests/certificates/pkcs8.pem");
    let key = &pem[pem.find("-----BEGIN PRIVATE KEY-----").unwrap()..];
    let jwk: Value = serde_json::from_str(include_str!("../tests/certificates/pkcs8.jwk.json")).unwrap();
    let cer: String = pem
        .split("-----BEGIN CERTIFICATE-----")
        .nth(1)
        .unwrap()
        .split("-----END")
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let id = |collection: &str| format!("https://my.vault.azure.net/{collection}/db/{VERSION}");
    let mark = json!({"managed-by": "external-secrets"});
    let tagged = json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata",
        "spec": {"tags": {"team": "red"}},
    });
    for (name, value, stored, made, [create, update]) in [
        (
            "secret/db",
            "v",
            json!({"id": id("secrets"), "value": "v", "tags": mark}),
            "PUT /secrets/db",
            ["Set", "Set"],
        ),
        (
            "cert/db",
            pem,
            json!({"id": id("certificates"), "cer": cer, "tags": mark}),
            "POST /certificates/db/import",
            ["Import", "Update"],
        ),
        (
            "key/db",
            key,
            json!({"key": {"kid": id("keys"), "kty": "RSA", "n": jwk["n"], "e": jwk["e"]}, "tags": mark}),
            "PUT /keys/db",
            ["Import", "Update"],
        ),
    ] {
        let collection = made.split('/').nth(1).unwrap();
        let patched = format!("PATCH /{collection}/db/{VERSION}");
        let code = match collection {
            "secrets" => "SecretNotFound",
            "certificates" => "CertificateNotFound",
            _ => "KeyNotFound",
        };
        for (there, request, permission) in [(false, made, create), (true, patched.as_str(), update)] {
            let sent = RefCell::new(Vec::new());
            let fake = Fake::new(|request: &Request| {
                if request.url.contains("/oauth2/") {
                    return granted("token");
                }
                let path = request.url.split(".net").nth(1).unwrap().split('?').next().unwrap();
                sent.borrow_mut().push(format!("{} {path}", request.method));
                match request.method {
                    "GET" if there => said(200, &stored.to_string()),
                    "GET" => kv_error(404, code, "It was not found in this key vault.", None),
                    _ => kv_error(403, "Forbidden", "Caller is not authorized to perform action.", None),
                }
            });
            let session = session();
            let client = Client::new(&session, &fake).unwrap();
            let write = Write {
                key: name.to_owned(),
                value: value.as_bytes().to_vec(),
                expected_version: Some(VERSION.to_owned()).filter(|_| there),
                metadata: Some(tagged.to_string()),
                replace: true,
            };
            let answer = push(&client, &[write]).unwrap().pop().unwrap();
            let Err(Error::Denied(text)) = answer else { panic!("{name}: not denied") };
            assert!(text.contains(&format!(" permission {permission})")), "{text}");
            assert_eq!(sent.take(), [&format!("GET /{collection}/db"), request], "{name}");
        }
    }
}
