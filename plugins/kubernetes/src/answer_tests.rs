//! Answers of API servers, read; and what is none. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;

#[test]
fn a_secret_is_the_one_that_was_asked_for() {
    let body = |kind: &str, name: &str| {
        json!({"kind": kind, "apiVersion": "v1", "metadata": {"name": name, "resourceVersion": "7"},
               "data": {"a": "/wA=", "b": ""}, "type": "Opaque"})
        .to_string()
    };
    let secret = Secret::parse(body("Secret", "db").as_bytes(), "db").unwrap();
    assert_eq!(secret.version(), Some("7"));
    assert_eq!(secret.entries().unwrap(), [("a".to_owned(), vec![255, 0]), ("b".to_owned(), Vec::new())]);
    for other in [body("Secret", "other"), body("ConfigMap", "db"), "<html>".to_owned(), "{}".to_owned()] {
        assert!(matches!(Secret::parse(other.as_bytes(), "db"), Err(Error::Other(_))), "{other}");
    }
    let empty = json!({"kind": "Secret", "metadata": {"name": "db"}}).to_string();
    let empty = Secret::parse(empty.as_bytes(), "db").unwrap();
    assert_eq!(empty.version(), None);
    assert!(empty.entries().unwrap().is_empty());
    let broken = json!({"kind": "Secret", "metadata": {"name": "db"}, "data": {"a": "MARKED!"}}).to_string();
    let Err(Error::Other(text)) = Secret::parse(broken.as_bytes(), "db").unwrap().entries() else { panic!() };
    assert_eq!(text, "Secret db: key a is not base64");
}

/// Texts as ESO's tests have them, and Go's `null` for a map that is not there.
#[test]
fn metadata_is_esos() {
    let body =
        json!({"kind": "Secret", "metadata": {"name": "db", "labels": {"dev": "<seb>", "a": "\u{2028}"}}});
    let secret = Secret::parse(body.to_string().as_bytes(), "db").unwrap();
    assert_eq!(
        secret.metadata(),
        [("annotations", "null".to_owned()), ("labels", "{\"a\":\"\\u2028\",\"dev\":\"<seb>\"}".to_owned())]
    );
}

#[test]
fn pages() {
    let page = |kind: &str, metadata: Value, items: Value| {
        Page::parse(json!({"kind": kind, "metadata": metadata, "items": items}).to_string().as_bytes()).ok()
    };
    let items = json!([{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]);
    let names = vec!["a".to_owned(), "b".to_owned()];
    let more = json!({"resourceVersion": "9", "continue": "eyJ2", "remainingItemCount": 3});
    let expected = Page { names: names.clone(), next: Some("eyJ2".to_owned()) };
    assert_eq!(page("PartialObjectMetadataList", more, items.clone()), Some(expected));
    let last = Page { names, next: None };
    assert_eq!(page("SecretList", json!({"continue": ""}), items.clone()), Some(last));
    let empty = Page { names: Vec::new(), next: None };
    assert_eq!(page("PartialObjectMetadataList", json!({}), Value::Null), Some(empty));
    assert_eq!(page("ConfigMapList", json!({}), items), None);
    assert!(Page::parse(b"<html>").is_err());
}

/// ESO's cases of `TestValidate`, and those between.
#[test]
fn rules() {
    let rule = |verbs: &[&str], groups: &[&str], resources: &[&str]| json!({"verbs": verbs, "apiGroups": groups, "resources": resources});
    for (rules, expected) in [
        (json!([rule(&["get"], &[""], &["secrets"])]), true),
        (json!([rule(&["get"], &[], &["secrets"])]), true),
        (json!([rule(&["*"], &["*"], &["*"])]), true),
        (
            json!([
                rule(&["list"], &[""], &["pods"]),
                rule(&["list", "get"], &["x", ""], &["pods", "secrets"])
            ]),
            true,
        ),
        (json!([rule(&["list"], &[""], &["secrets"])]), false),
        (json!([rule(&["get"], &["x"], &["secrets"])]), false),
        (json!([rule(&["get"], &[""], &["pods"])]), false),
        (json!([]), false),
        (Value::Null, false),
    ] {
        let body = json!({"kind": "SelfSubjectRulesReview", "status": {"resourceRules": rules, "incomplete": false}});
        assert_eq!(may_get(body.to_string().as_bytes()).unwrap(), expected, "{body}");
    }
    assert!(may_get(b"<html>").is_err() && is_allowed(b"{}").is_err());
    assert!(is_allowed(br#"{"status":{"allowed":true}}"#).unwrap());
    assert!(!is_allowed(br#"{"status":{"reason":"no"}}"#).unwrap());
}
