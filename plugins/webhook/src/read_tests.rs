//! What answers become, from a server that is a function. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;
use crate::fake::{Fake, bytes, item, kind, session_of};

fn session(more: serde_json::Value) -> Session {
    let mut config = json!({
        "url": "https://api.example/{{ .remoteRef.key }}", "headers": {"X-Token": "{{ .auth.token }}"},
        "secrets": [{"name": "auth", "secretRef": {"name": "s", "key": "token"}}],
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    session_of(&config, &[("secret 0 key 0", bytes("marked-token"))])
}

#[test]
fn each_item_is_a_request_and_fails_alone() {
    let fake = Fake::new(|request| {
        assert_eq!(request.headers, [("X-Token".to_owned(), "marked-token".to_owned())]);
        match request.url.as_str() {
            "https://api.example/good" => (200, r#"{"v": {"user": "u"}}"#.to_owned()),
            _ => (404, "not here".to_owned()),
        }
    });
    let with = |property: &str| Item { property: Some(property.to_owned()), ..item("good") };
    let items = [with("user"), item(".."), item("gone"), with("absent")];
    let session = session(json!({"result": {"jsonPath": "$.v.{{ .remoteRef.property }}"}}));
    let found = get(&session, &fake, &items).unwrap();
    assert_eq!(found.iter().map(kind).collect::<Vec<_>>(), ["value", "invalid-config", "not-found", "other"]);
    assert_eq!(found[0].as_ref().unwrap().data, b"u");
    assert!(found[0].as_ref().unwrap().shareable);
    assert_eq!(fake.count(), 3);
}

#[test]
fn only_what_get_answers_is_shared() {
    for (method, expected) in [("GET", true), ("POST", false), ("PUT", false)] {
        let fake = Fake::new(|request| {
            assert_eq!(request.method, method);
            (200, "x".to_owned())
        });
        let found = get(&session(json!({ "method": method })), &fake, &[item("k")]).unwrap();
        assert_eq!(found[0].as_ref().unwrap().shareable, expected, "{method}");
    }
}

#[test]
fn refusals() {
    for (status, retry, expected) in [
        (301, None, "other"),
        (304, None, "other"),
        (400, None, "other"),
        (401, None, "unauthenticated"),
        (403, None, "denied"),
        (404, None, "not-found"),
        (410, None, "other"),
        (429, Some(1000), "rate-limited"),
        (500, None, "unavailable"),
        (503, None, "unavailable"),
        (503, Some(1000), "rate-limited"),
    ] {
        let reply = Reply { status, retry_after_ms: retry, body: b"marked-body".to_vec() };
        let answer = checked(Ok(reply), "key \"k\"");
        assert_eq!(kind(&answer), expected, "{status}");
        assert!(!format!("{:?}", answer.err()).contains("marked"));
    }
}

#[test]
fn generators_give_objects_and_miss_nothing() {
    let config = json!({"url": "https://api.example/token", "method": "POST", "body": "b", "result": {"jsonPath": "$.d"}});
    let moment = Moment { now_ms: 0, seed: vec![1; 32] };
    let made = |status, body: &'static str| {
        let fake = Fake::new(|request| {
            assert_eq!((request.method, request.body.as_slice()), ("POST", &b"b"[..]));
            (status, body.to_owned())
        });
        generate(&session_of(&config, &[]), &fake, &moment)
    };
    assert_eq!(made(200, r#"{"d": {"a": "1"}}"#).unwrap(), [("a".to_owned(), b"1".to_vec())]);
    assert_eq!(kind(&made(404, "")), "other");
    assert_eq!(kind(&made(200, r#"{"d": "x"}"#)), "other");
}

#[test]
fn the_check_sends_no_secret() {
    let fake = Fake::new(|request| {
        assert_eq!((request.method, request.url.as_str()), ("HEAD", "https://api.example/"));
        assert!(request.headers.is_empty() && request.body.is_empty());
        (404, String::new())
    });
    assert!(matches!(check(&session(json!({})), &fake), Ok(Health::Ready)));
}
