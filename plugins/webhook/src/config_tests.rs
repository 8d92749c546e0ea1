//! Configs, good and bad. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::fake::parsed;

fn parse(config: &Value, of_cluster: bool) -> Result<Config, String> {
    parsed(config, of_cluster).map_err(|error| match error {
        Error::InvalidConfig(wrong) => wrong.path,
        other => format!("{other:?}"),
    })
}

#[test]
fn defaults_are_esos() {
    let config = parse(&json!({"url": "https://api.example/{{ .remoteRef.key }}"}), false).unwrap();
    assert_eq!((config.method, config.origin.as_str()), ("GET", "https://api.example"));
    assert_eq!((config.timeout, config.ca, config.apart), (None, Ca::Public, false));
    assert!(config.secrets.is_empty() && config.headers.is_empty());
}

#[test]
fn what_is_wrong_is_named() {
    let secret = json!({"name": "n"});
    for (more, of_cluster, expected) in [
        (json!({"url": "https://{{ .remoteRef.key }}/"}), false, "/url"),
        (json!({"url": null}), false, "/url"),
        (json!({"method": "BREW"}), false, "/method"),
        (json!({"timeout": "5"}), false, "/timeout"),
        (json!({"timeout": "-5s"}), false, "/timeout"),
        (json!({"headers": {"a b": ""}}), false, "/headers"),
        (json!({"headers": {"Transfer-Encoding": "chunked"}}), false, "/headers"),
        (
            json!({"auth": {"ntlm": {"usernameSecret": secret, "passwordSecret": secret}}}),
            false,
            "/auth/ntlm",
        ),
        (json!({"caProvider": {"type": "Secret", "name": "n"}}), true, "/caProvider"),
    ] {
        let mut config = json!({"url": "https://api.example/"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(parse(&config, of_cluster).map(drop), Err(expected.to_owned()), "{more}");
    }
}

/// ESO hands a whole Secret to the templates; here it is the keys that they can mean.
#[test]
fn keys_are_those_that_the_templates_can_mean() {
    let config = |reference: Value| {
        json!({
            "url": "https://api.example/{{ .remoteRef.key }}", "body": "{{ .other.thing }}",
            "headers": {"Authorization": "Basic {{ print .auth.username \":\" (index .auth \"pass-word\") | b64enc }}"},
            "secrets": [{"name": "auth", "secretRef": reference}, {"name": "unused", "secretRef": {"name": "u"}}],
        })
    };
    let keys = |reference: Value| {
        let secrets = parse(&config(reference), false).unwrap().secrets;
        assert_eq!(secrets[1].keys, Vec::<String>::new());
        (secrets[0].named, secrets[0].keys.clone(), secrets[0].at.clone())
    };
    let at = "/secrets/0/secretRef".to_owned();
    let all = ["auth", "pass-word", "username"].map(ToOwned::to_owned).to_vec();
    assert_eq!(keys(json!({"name": "s"})), (false, all, at.clone()));
    assert_eq!(keys(json!({"name": "s", "key": "k"})), (true, vec!["k".to_owned()], at));
}

#[test]
fn who_shares_answers() {
    for (url, reference, of_cluster, expected) in [
        ("https://a.example/{{ .remoteRef.key }}{{ .s.k }}", json!({"name": "s"}), false, false),
        ("https://a.example/{{ .remoteRef.key }}{{ .s.k }}", json!({"name": "s"}), true, true),
        (
            "https://a.example/{{ .remoteRef.key }}{{ .s.k }}",
            json!({"name": "s", "namespace": "n"}),
            true,
            true,
        ),
        ("https://a.example/?{{ .remoteRef | toJson }}", json!({"name": "s", "namespace": "n"}), true, true),
        ("https://a.example/{{ .remoteRef.namespace }}", json!({"name": "s", "namespace": "n"}), true, true),
    ] {
        let config = json!({"url": url, "secrets": [{"name": "s", "secretRef": reference}]});
        assert_eq!(parse(&config, of_cluster).unwrap().apart, expected, "{config}");
    }
}

/// Go's net/http writes `Host` and `Content-Length` itself.
#[test]
fn headers_that_go_writes_itself_are_passed_over() {
    let config =
        json!({"url": "https://a.example/", "headers": {"Host": "b", "content-length": "1", "X-A": "1"}});
    assert_eq!(parse(&config, false).unwrap().headers, [("X-A".to_owned(), "1".to_owned())]);
}

#[test]
fn timeouts_are_gos() {
    for (written, expected) in
        [("1s", Some(1_000)), ("1m30s", Some(25_000)), ("0s", None), ("1.5s", Some(1_500))]
    {
        let config = json!({"url": "https://a.example/", "timeout": written});
        assert_eq!(parse(&config, false).unwrap().timeout, expected.map(Duration::from_millis), "{written}");
    }
}
