//! Refusals of API servers and of what stands before them. Only tests.

use claviger_plugin_sdk::testing::kind;
use serde_json::{Value, json};

use super::*;
use crate::fake::status;

fn reply(status: u16, retry_after_ms: Option<u64>, body: &str) -> Reply {
    Reply { retry_after_ms, ..Reply::new(status, body) }
}

fn of(code: u16, retry: Option<u64>, body: &str, asked: &Asked) -> (&'static str, String) {
    let error = error(&reply(code, retry, body), asked, "team");
    let text = format!("{error:?}");
    (kind::<()>(&Err(error)), text)
}

/// Bodies as kube-apiserver 1.36 writes them.
#[test]
fn what_refusals_mean() {
    let about = |name: &str| json!({"name": name, "kind": "secrets"});
    let secret = Asked::Secret("db".to_owned());
    let (review, list) = (Asked::Review("selfsubjectrulesreviews"), Asked::List);
    let forbidden = "secrets \"db\" is forbidden: User \"u\" cannot get resource \"secrets\" in API group \"\" in the namespace \"team\"";
    for (code, reason, message, details, asked, expected, says) in [
        (
            404,
            "NotFound",
            "secrets \"db\" not found",
            about("db"),
            &secret,
            "not-found",
            "not in namespace team",
        ),
        (404, "NotFound", "secrets \"other\" not found", about("other"), &secret, "other", "HTTP 404"),
        (
            404,
            "NotFound",
            "namespaces \"team\" not found",
            json!({"name": "team", "kind": "namespaces"}),
            &secret,
            "other",
            "namespaces",
        ),
        (
            404,
            "NotFound",
            "x",
            json!({"name": "db", "kind": "secrets", "group": "x.example"}),
            &secret,
            "other",
            "HTTP 404",
        ),
        (
            404,
            "NotFound",
            "the server could not find the requested resource",
            json!({}),
            &secret,
            "other",
            "could not find",
        ),
        (
            404,
            "NotFound",
            "the server could not find the requested resource",
            Value::Null,
            &list,
            "other",
            "could not find",
        ),
        (404, "", "x", about("db"), &secret, "other", "HTTP 404"),
        (
            401,
            "Unauthorized",
            "Unauthorized",
            Value::Null,
            &secret,
            "unauthenticated",
            "does not know the credential",
        ),
        (
            403,
            "Forbidden",
            forbidden,
            about("db"),
            &secret,
            "denied",
            "the right to get secrets in namespace team is needed",
        ),
        (
            403,
            "Forbidden",
            "x",
            json!({"kind": "secrets"}),
            &list,
            "denied",
            "the right to list secrets in namespace team is needed",
        ),
        (
            403,
            "Forbidden",
            "x",
            json!({"kind": "selfsubjectrulesreviews", "group": "authorization.k8s.io"}),
            &review,
            "denied",
            "create selfsubjectrulesreviews (API group authorization.k8s.io)",
        ),
        // Of a path that is none, and of authorizers in between.
        (
            403,
            "Forbidden",
            "cannot post path",
            json!({}),
            &review,
            "other",
            "is the path of server.url right?",
        ),
        (403, "Forbidden", "cannot get path", json!({}), &secret, "denied", "cannot get path"),
        (403, "Forbidden", "x", Value::Null, &list, "denied", "HTTP 403"),
        (
            410,
            "Expired",
            "The provided continue parameter is too old",
            Value::Null,
            &list,
            "conflict",
            "HTTP 410",
        ),
        (410, "Gone", "x", Value::Null, &secret, "other", "HTTP 410"),
        (500, "InternalError", "etcd", Value::Null, &secret, "unavailable", "etcd"),
        (503, "ServiceUnavailable", "x", Value::Null, &secret, "unavailable", "HTTP 503"),
        (
            503,
            "ServiceUnavailable",
            "x",
            json!({"retryAfterSeconds": 3}),
            &secret,
            "rate-limited",
            "Some(3000)",
        ),
        (504, "Timeout", "x", Value::Null, &secret, "unavailable", "HTTP 504"),
        (429, "TooManyRequests", "x", json!({"retryAfterSeconds": 1}), &list, "rate-limited", "Some(1000)"),
        (400, "BadRequest", "unable to parse requirement", Value::Null, &list, "other", "unable to parse"),
    ] {
        let (kind, text) = of(code, None, &status(code, reason, message, details), asked);
        assert_eq!(kind, expected, "{code} {text}");
        assert!(text.contains(says), "{says:?}: {text}");
    }
    // What is on its way back to the list's beginning.
    let gone = status(410, "Expired", "x", Value::Null);
    assert!(matches!(error(&reply(410, None, &gone), &list, "team"), Error::Conflict(_)));
}

/// Of whatever is not an API server.
#[test]
fn what_others_say_is_no_answer_about_a_key() {
    let secret = Asked::Secret("db".to_owned());
    for (code, retry, expected) in [
        (404, None, "other"),
        (403, None, "other"),
        (400, None, "other"),
        (401, None, "unauthenticated"),
        (302, None, "unavailable"),
        (502, None, "unavailable"),
        (503, None, "unavailable"),
        (503, Some(2000), "rate-limited"),
        (429, Some(7000), "rate-limited"),
    ] {
        for body in ["<html>", "{}", r#"{"kind":"Secret"}"#, "404 page not found", ""] {
            assert_eq!(of(code, retry, body, &secret).0, expected, "{code} {body}");
        }
    }
    // Retry-After comes first.
    let limited = status(429, "TooManyRequests", "x", json!({"retryAfterSeconds": 1}));
    assert!(of(429, Some(9000), &limited, &secret).1.contains("Some(9000)"));
}
