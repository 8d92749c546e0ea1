//! Reads: what is asked, what an answer becomes, and what no request is made for. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::testing::{Host, kind};
use serde_json::json;

use super::*;
use crate::fake::{item, said, secret, session, session_of, status};

#[test]
fn a_secret_is_read_with_its_bytes() {
    let fake = Host::new(|request| {
        assert_eq!(request.url, "https://api.example:6443/api/v1/namespaces/team-b/secrets/db.main");
        let has = |name: &str, value: &str| request.headers.contains(&(name.to_owned(), value.to_owned()));
        assert!(has("authorization", "Bearer the-token") && has("accept", "application/json"));
        assert_eq!((request.method, request.body.len()), ("GET", 0));
        secret("db.main", json!({"bin": "/wD/", "text": "aGk="}))
    });
    let session = session(&fake);
    let client = Client::new(&session).unwrap();
    let value = get(&client, &[item("db.main")]).remove(0).unwrap();
    assert!(value.data.is_empty(), "the host makes the whole");
    let entries = value.entries.unwrap();
    assert_eq!(entries, [("bin".to_owned(), vec![255, 0, 255]), ("text".to_owned(), b"hi".to_vec())]);
    assert_eq!((value.version.as_deref(), value.shareable, value.dynamic), (Some("41"), true, false));
}

/// ESO's text of a Secret's metadata.
#[test]
fn metadata_is_whole_and_in_parts() {
    let fake = Host::new(|_| {
        let metadata = json!({"name": "db", "resourceVersion": "7", "labels": {"dev": "<seb>"}, "annotations": {"date": "today"}});
        said(200, &json!({"kind": "Secret", "metadata": metadata, "data": {"a": "eA=="}}).to_string())
    });
    let session = session(&fake);
    let client = Client::new(&session).unwrap();
    let item = Item { facet: Facet::Metadata, ..item("db") };
    let value = get(&client, &[item]).remove(0).unwrap();
    assert_eq!(value.data, br#"{"annotations":{"date":"today"},"labels":{"dev":"<seb>"}}"#);
    let entries = value.entries.unwrap();
    assert_eq!(entries[0], ("annotations".to_owned(), br#"{"date":"today"}"#.to_vec()));
    assert_eq!(entries[1], ("labels".to_owned(), br#"{"dev":"<seb>"}"#.to_vec()));
}

#[test]
fn one_answer_for_each() {
    let fake = Host::new(|request| match request.url.rsplit('/').next().unwrap() {
        "good" => secret("good", json!({"a": "eA=="})),
        "denied" => said(403, &status(403, "Forbidden", "no", json!({}))),
        "Odd%5FName" => {
            said(404, &status(404, "NotFound", "x", json!({"name": "Odd_Name", "kind": "secrets"})))
        }
        "proxy" => said(404, "not here"),
        "web" => said(200, "<html>"),
        other => panic!("{other}"),
    });
    let session = session(&fake);
    let client = Client::new(&session).unwrap();
    let versioned = Item { version: Some("1".to_owned()), ..item("good") };
    let known = Item { known_version: Some("41".to_owned()), ..item("good") };
    let older = Item { known_version: Some("40".to_owned()), ..item("good") };
    let keys = ["good", "denied", "a/b", "Odd_Name", "..", "proxy", "web", ""];
    let items: Vec<Item> = keys.into_iter().map(item).chain([versioned, known, older]).collect();
    let kinds: Vec<&str> = get(&client, &items).iter().map(kind).collect();
    let expected = [
        "value",
        "denied",
        "other",
        "not-found",
        "other",
        "other",
        "other",
        "other",
        "unsupported",
        "not-modified",
        "value",
    ];
    assert_eq!(kinds, expected);
}

/// A credential that a server quotes stands in no error.
#[test]
fn tokens_are_not_quoted() {
    let fake = Host::new(|_| said(401, &status(401, "Unauthorized", "who is the-token?", json!({}))));
    let session = session(&fake);
    let client = Client::new(&session).unwrap();
    let Err(Error::Unauthenticated(text)) = get(&client, &[item("x")]).remove(0) else { panic!() };
    assert!(text.contains("[hidden]") && !text.contains("the-token"), "{text}");
}

#[test]
fn with_a_certificate_no_token_is_sent() {
    use claviger_plugin_sdk::provider::connection::Resolved;
    let fake = Host::new(|request| {
        assert!(request.headers.iter().all(|(name, _)| name != "authorization"));
        assert!(request.url.starts_with("https://kubernetes.default/api/v1/namespaces/default/secrets/"));
        secret("x", json!({}))
    });
    let reference = json!({"name": "n", "key": "k"});
    let config = json!({"auth": {"cert": {"clientCert": reference, "clientKey": reference}}});
    let have = [("client certificate", Resolved::Withheld), ("client key", Resolved::Withheld)];
    let session = session_of(&fake, &config, &have);
    assert!(get(&Client::new(&session).unwrap(), &[item("x")])[0].is_ok());
}
