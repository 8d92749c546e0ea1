//! What a store needs before it is ready. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::testing::{Bench, Host};
use serde_json::{Value as Json, json};

use super::*;
use crate::Webhook;
use crate::fake::parsed;

fn bench(config: &Json) -> Bench<'static, Webhook> {
    Bench::new(config, Host::silent())
}

#[test]
fn nothing_is_needed_without_secrets() {
    let of = |config: &Json| bench(config).connect().unwrap();
    let found = of(&json!({"url": "http://api.example/", "caBundle": "eA=="}));
    assert_eq!(
        (found.origins[0].url.as_str(), found.origins[0].tls.is_some()),
        ("http://api.example", false)
    );
    let found = of(&json!({"url": "https://api.example/{{ .remoteRef.key }}", "caBundle": "eA=="}));
    let tls = found.origins[0].tls.as_ref().unwrap();
    assert!(matches!(&tls.ca[..], [Material::InlineBase64(at)] if at == "/caBundle"));
    assert_eq!((found.partition, found.account.as_deref()), (None, Some("")));
}

/// Whose request it is may stand in it.
#[test]
fn namespaces_are_apart_in_a_store_of_the_cluster() {
    let ready = bench(&json!({"url": "https://api.example/"})).cluster_store("team").connect().unwrap();
    assert_eq!(ready.partition.as_deref(), Some("team"));
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
    let parsed = parsed(&config, false).unwrap();
    let needs = needs(&parsed);
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
    let others = || bench(&config).secret("p", "k", "v").config_map("ca", "ca.crt", "pem");
    let good = others().secret("s", "token", "t");
    assert!(good.connect().unwrap().origins[0].tls.is_some());
    let object = |name: &str, key: &str, value: &str| {
        (name.to_owned(), vec![(key.to_owned(), value.as_bytes().to_vec())])
    };
    assert_eq!(
        objects(&parsed, good.session().unwrap().input()).unwrap(),
        [object("auth", "token", "t"), object("plain", "k", "v")]
    );
    let Err(Error::InvalidConfig(wrong)) = others().connect() else { panic!("ready") };
    assert_eq!(wrong.path, "/secrets/0/secretRef");
}
