//! What a store needs, where its session goes, and what TLS it gets there. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::provider::connection::Step;
use claviger_plugin_sdk::testing::{self, bytes, input as session_of};
use serde_json::{Value, json};

use super::*;
use crate::Kubernetes;

fn connect(input: &ConnectInput) -> Result<Step, Error> {
    testing::connect::<Kubernetes>(input.clone())
}

fn reference() -> Value {
    json!({"name": "n", "key": "k"})
}

fn ready(config: &Value, have: &[(&str, Resolved)]) -> Ready {
    match connect(&session_of(config, have)).unwrap() {
        Step::Ready(ready) => ready,
        Step::Need(needs) => panic!("{needs:?}"),
    }
}

/// Slot, place, and whether the plugin sees it.
fn asked(config: &Value) -> Vec<(String, String, bool)> {
    let Step::Need(needs) = connect(&session_of(config, &[])).unwrap() else { panic!("ready") };
    let told = |need: Need| match need {
        Need::Object(need) => (need.slot, need.at, need.hidden),
        Need::Token(need) => (format!("{} {:?}", need.slot, need.audiences), need.at, false),
        other => panic!("{other:?}"),
    };
    needs.into_iter().map(told).collect()
}

#[test]
fn what_is_asked_for() {
    let own = |slot: &str, at: &str, hidden| (slot.to_owned(), at.to_owned(), hidden);
    let provider = json!({"type": "ConfigMap", "name": "ca", "key": "ca.crt"});
    for (config, expected) in [
        (
            json!({"auth": {"token": {"bearerToken": reference()}}, "server": {"caProvider": provider}}),
            vec![
                own("token", "/auth/token/bearerToken", false),
                own("authorities", "/server/caProvider", true),
            ],
        ),
        (
            json!({"auth": {"cert": {"clientCert": reference(), "clientKey": reference()}}}),
            vec![
                own("client certificate", "/auth/cert/clientCert", true),
                own("client key", "/auth/cert/clientKey", true),
            ],
        ),
        (
            json!({"auth": {"serviceAccount": {"name": "sa", "audiences": ["other"]}}}),
            vec![own("token [\"other\"]", "/auth/serviceAccount", false)],
        ),
        (
            json!({"auth": {"serviceAccount": {"name": "sa"}}}),
            vec![own("token []", "/auth/serviceAccount", false)],
        ),
        (
            json!({"authRef": reference(), "server": {"caProvider": provider}}),
            vec![own("kubeconfig", "/authRef", false)],
        ),
    ] {
        assert_eq!(asked(&config), expected, "{config}");
    }
}

#[test]
fn where_it_goes() {
    let config = json!({
        "server": {"url": "https://gate.example/k8s/c-1", "caBundle": "Q0E="}, "remoteNamespace": "team",
        "auth": {"token": {"bearerToken": reference()}},
    });
    let ready = ready(&config, &[("token", bytes("t"))]);
    let [origin] = &ready.origins[..] else { panic!("{ready:?}") };
    assert_eq!(origin.url, "https://gate.example");
    assert_eq!(
        origin.paths,
        ["/k8s/c-1/api/v1/namespaces/team/secrets", "/k8s/c-1/apis/authorization.k8s.io/v1/"]
    );
    let tls = origin.tls.as_ref().unwrap();
    assert!(matches!(&tls.ca[..], [Material::InlineBase64(at)] if at == "/server/caBundle"));
    assert!(tls.client_cert.is_none() && tls.insecure.is_none());
    assert_eq!((ready.partition, ready.account.as_deref()), (None, Some("")));
}

#[test]
fn tls_is_what_the_store_says() {
    let cert = json!({"cert": {"clientCert": reference(), "clientKey": reference()}});
    let have = [("client certificate", Resolved::Withheld), ("client key", Resolved::Withheld)];
    let tls = ready(&json!({ "auth": cert }), &have).origins.remove(0).tls.unwrap();
    assert!(matches!(tls.client_cert, Some(Material::Slot(slot)) if slot == "client certificate"));
    assert!(matches!(tls.client_key, Some(Material::Slot(slot)) if slot == "client key"));
    assert!(tls.ca.is_empty());
    let token = json!({"token": {"bearerToken": reference()}});
    let plain = ready(&json!({ "auth": token }), &[("token", bytes("t"))]);
    assert!(plain.origins[0].tls.is_none() && plain.origins[0].url == "https://kubernetes.default");
    // Authorities say nothing of what is not encrypted.
    let http = json!({"auth": token, "server": {"url": "http://127.0.0.1:8001", "caBundle": "Q0E="}});
    assert!(ready(&http, &[("token", bytes("t"))]).origins[0].tls.is_none());
}

#[test]
fn a_kubeconfig_says_it_all() {
    let file = "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n\
                clusters: [{name: c, cluster: {server: 'https://10.0.0.1:6443', certificate-authority-data: Q0E=}}]\n\
                users: [{name: u, user: {client-certificate-data: Q0U=, client-key-data: S0U=}}]\n";
    let ready = ready(&json!({"authRef": reference()}), &[("kubeconfig", bytes(file))]);
    let origin = &ready.origins[0];
    assert_eq!(origin.url, "https://10.0.0.1:6443");
    let tls = origin.tls.as_ref().unwrap();
    let part = |material: &Material| match material {
        Material::InSlot(part) => format!("{} {}", part.slot, part.base64),
        other => panic!("{other:?}"),
    };
    assert_eq!(part(&tls.ca[0]), "kubeconfig Q0E=");
    assert_eq!(part(tls.client_cert.as_ref().unwrap()), "kubeconfig Q0U=");
    assert_eq!(part(tls.client_key.as_ref().unwrap()), "kubeconfig S0U=");
}

#[test]
fn tokens_that_are_none() {
    let config = json!({"auth": {"token": {"bearerToken": reference()}}});
    for (token, good) in [("a.b.c\n", true), ("", false), ("\n", false), ("two words", false), ("ü", false)]
    {
        let found = connect(&session_of(&config, &[("token", bytes(token))]));
        assert_eq!(found.is_ok(), good, "{token:?}");
        if !good {
            let Err(Error::Unauthenticated(text)) = found else { panic!("{token:?}") };
            assert!(text.starts_with("/auth/token/bearerToken: the token is"), "{text}");
        }
    }
}

/// Tenants of a store that leaves namespaces out share nothing.
#[test]
fn whoever_is_meant_is_kept_apart() {
    let mut session = session_of(&json!({"authRef": reference()}), &[("kubeconfig", bytes(""))]);
    session.store.namespace = None;
    session.have[0].value = bytes(
        "{\"current-context\":\"x\",\"contexts\":[{\"name\":\"x\",\"context\":{\"cluster\":\"c\",\"user\":\"u\"}}],\
         \"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"h:1\"}}],\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\"}}]}",
    );
    let Step::Ready(ready) = connect(&session).unwrap() else { panic!("ready") };
    assert_eq!(ready.partition.as_deref(), Some("team"));
    assert_eq!(ready.origins[0].url, "https://h:1");
}
