//! What a store needs before it is ready. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::fake::{bytes, session_of};

fn ready(step: Step) -> Ready {
    match step {
        Step::Ready(ready) => ready,
        Step::Need(needs) => panic!("{needs:?}"),
    }
}

#[test]
fn nothing_is_needed_without_secrets() {
    let of = |config: &Value| ready(connect(&session_of(config, &[])).unwrap());
    let found = of(&json!({"url": "http://api.example/", "caBundle": "eA=="}));
    assert_eq!(
        (found.origins[0].url.as_str(), found.origins[0].tls.is_some()),
        ("http://api.example", false)
    );
    let found = of(&json!({"url": "https://api.example/{{ .remoteRef.key }}", "caBundle": "eA=="}));
    let tls = found.origins[0].tls.as_ref().unwrap();
    assert!(matches!(&tls.ca[..], [Material::InlineBase64(at)] if at == "/caBundle"));
    assert_eq!(found.partition, None);
}

#[test]
fn keys_that_may_be_meant_are_asked_for_and_may_be_missing() {
    let config = json!({
        "url": "https://api.example/", "headers": {"X-A": "{{ .auth.token }}", "X-B": "{{ .plain.k }}"},
        "secrets": [
            {"name": "auth", "secretRef": {"name": "s"}}, {"name": "plain", "secretRef": {"name": "p", "key": "k"}},
        ],
        "caProvider": {"type": "ConfigMap", "name": "ca", "key": "ca.crt"},
    });
    let Step::Need(needs) = connect(&session_of(&config, &[])).unwrap() else { panic!("ready") };
    let said: Vec<_> = needs
        .iter()
        .map(|need| match need {
            Need::Object(need) => (need.at.as_str(), need.default_key.as_deref(), need.optional, need.hidden),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        said,
        [
            ("/secrets/0/secretRef", Some("auth"), true, false),
            ("/secrets/0/secretRef", Some("token"), true, false),
            ("/secrets/1/secretRef", None, false, false),
            ("/caProvider", None, false, true),
        ]
    );
    let have = |second: Resolved| {
        session_of(
            &config,
            &[
                ("secret 0 key 0", Resolved::Absent),
                ("secret 0 key 1", second),
                ("secret 1 key 0", bytes("v")),
                ("authorities", Resolved::Withheld),
            ],
        )
    };
    assert!(ready(connect(&have(bytes("t"))).unwrap()).origins[0].tls.is_some());
    let parsed = Config::parse(&config.to_string(), false).unwrap();
    let object = |name: &str, key: &str, value: &str| {
        (name.to_owned(), vec![(key.to_owned(), value.as_bytes().to_vec())])
    };
    assert_eq!(
        objects(&parsed, &have(bytes("t"))).unwrap(),
        [object("auth", "token", "t"), object("plain", "k", "v")]
    );
    let Err(Error::InvalidConfig(wrong)) = connect(&have(Resolved::Absent)) else { panic!("ready") };
    assert_eq!(wrong.path, "/secrets/0/secretRef");
}
