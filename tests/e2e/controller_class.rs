//! Whose a store is: operators of several classes in one cluster.

use claviger_testenv::{PlainApi, Proxy, RunDir};

use crate::support::{Operator, world};

/// The ExternalSecret has no store yet, so every operator looks at it. The store comes while one of them is at it.
#[test]
fn a_store_that_turns_out_to_be_anothers_is_not_used() {
    let world = world!("class");
    let ns = &world.name;
    let store = |name: &str, class: &str| {
        world.apply(&format!(
            "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: {name}, namespace: {ns}}}\n\
             spec: {{controller: {class}, provider: {{fake: {{data: [{{key: k, value: v}}]}}}}}}\n"
        ));
    };
    // What merges asks for the Secret, whatever the watches show.
    let external_secret = |name: &str, store: &str, policy: &str| {
        world.apply(&format!(
            "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {name}, namespace: {ns}}}\n\
             spec: {{secretStoreRef: {{name: {store}}}, target: {{creationPolicy: {policy}}}, data: [{{secretKey: k, remoteRef: {{key: k}}}}]}}\n"
        ));
    };
    let dir = RunDir::create(ns).unwrap();
    let plain = PlainApi::of_bearers(&world.env.cluster, dir.path()).unwrap();
    let proxy = Proxy::start(plain.address()).unwrap();
    let operator = Operator::start_by(&world, &proxy.address());
    let since = world.env.cluster.audit_mark();

    // It knows of no store of that name when it asks for the Secret, and of one when it is answered.
    proxy.hold("GET", &format!("/namespaces/{ns}/secrets/early"));
    external_secret("early", "anothers", "Merge");
    world.wait("the Secret to be asked for", || if proxy.holds() { Ok(()) } else { Err(operator.log()) });
    store("anothers", "somebody-else");
    store("ours", ns);
    world.wait_ready("secretstore", "ours");
    proxy.let_go();

    external_secret("late", "ours", "Owner");
    world.wait_ready("externalsecret", "late");
    let written: Vec<_> = world
        .env
        .cluster
        .audit_requests(since)
        .unwrap()
        .into_iter()
        .filter(|request| request.user == operator.user() && request.verb != "get")
        .filter(|request| request.uri.contains("early") || request.uri.contains("anothers"))
        .collect();
    assert!(written.is_empty(), "{written:?}");
    assert!(world.get("secret", "early").is_none());
    assert_eq!(
        operator.metric("claviger_failures_total{kind=\"ExternalSecret\",reason=\"OtherController\"}"),
        None
    );
}
