//! What answers become, from a server that is a function. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::testing::{Host, bytes, kind};
use serde_json::json;

use super::*;
use crate::fake::{item, session_of};

fn session<'h>(host: &'h Host<'_>, more: serde_json::Value) -> Session<'h, Manifest> {
    let mut config = json!({
        "url": "https://api.example/{{ .remoteRef.key }}", "headers": {"X-Token": "{{ .auth.token }}"},
        "secrets": [{"name": "auth", "secretRef": {"name": "s", "key": "token"}}],
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    session_of(host, &config, &[("secret 0 key 0", bytes("marked-token"))])
}

#[test]
fn each_item_is_a_request_and_fails_alone() {
    let host = Host::new(|request| {
        assert_eq!(request.headers, [("X-Token".to_owned(), "marked-token".to_owned())]);
        match request.url.as_str() {
            "https://api.example/good" => Reply::new(200, r#"{"v": {"user": "u"}}"#),
            _ => Reply::new(404, "not here"),
        }
    });
    let with = |property: &str| Item { property: Some(property.to_owned()), ..item("good") };
    let items = [with("user"), item(".."), item("gone"), with("absent")];
    let session = session(&host, json!({"result": {"jsonPath": "$.v.{{ .remoteRef.property }}"}}));
    let found = get(&session, &items).unwrap();
    assert_eq!(found.iter().map(kind).collect::<Vec<_>>(), ["value", "invalid-config", "not-found", "other"]);
    assert_eq!(found[0].as_ref().unwrap().data, b"u");
    assert!(found[0].as_ref().unwrap().shareable);
    assert_eq!(host.count(), 3);
}

#[test]
fn only_what_get_answers_is_shared() {
    for (method, expected) in [("GET", true), ("POST", false), ("PUT", false)] {
        let host = Host::new(|request| {
            assert_eq!(request.method, method);
            Reply::new(200, "x")
        });
        let found = get(&session(&host, json!({ "method": method })), &[item("k")]).unwrap();
        assert_eq!(found[0].as_ref().unwrap().shareable, expected, "{method}");
    }
}

#[test]
fn generators_give_objects_and_miss_nothing() {
    let config = json!({"url": "https://api.example/token", "method": "POST", "body": "b", "result": {"jsonPath": "$.d"}});
    let moment = Moment { now_ms: 0, seed: vec![1; 32] };
    let made = |status, body: &'static str| {
        let host = Host::new(|request| {
            assert_eq!((request.method, request.body.as_slice()), ("POST", &b"b"[..]));
            Reply::new(status, body)
        });
        generate(&session_of(&host, &config, &[]), &moment)
    };
    assert_eq!(made(200, r#"{"d": {"a": "1"}}"#).unwrap(), [("a".to_owned(), b"1".to_vec())]);
    assert_eq!(kind(&made(404, "")), "other");
    assert_eq!(kind(&made(200, r#"{"d": "x"}"#)), "other");
}

#[test]
fn the_check_sends_no_secret() {
    let host = Host::new(|request| {
        assert_eq!((request.method, request.url.as_str()), ("HEAD", "https://api.example/"));
        assert!(request.headers.is_empty() && request.body.is_empty());
        Reply::new(404, "")
    });
    assert!(matches!(check(&session(&host, json!({}))), Ok(Health::Ready)));
}
