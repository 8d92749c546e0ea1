//! What a push is made of: templates, many keys at once, generators.

use serde_json::{Value, json};

use super::{counts, entry, fake, places, push, secret, synced, wait_there};
use crate::support::{Operator, world};

#[test]
fn templates_bundles_and_rewritten_names() {
    let world = world!("push-shapes");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"db_user": "ann", "db_pass": "x", "other": "y"}));
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "texts", "namespace": world.name},
        "data": {"dsn": "pg://{{ .db_user }}@first"}});
    world.apply(&map.to_string());
    let operator = Operator::start(&world);
    push(
        &world,
        "app",
        &json!({
        "template": {"data": {"url": "{{ .db_user }}:{{ .db_pass | upper }}"},
            "templateFrom": [{"configMap": {"name": "texts", "items": [{"key": "dsn"}]}}]},
        "data": [entry("url", "url"), entry("dsn", "dsn"), entry("other", "plain")],
        "dataTo": [
            {"storeRef": {"name": "fake"}, "match": {"regexp": "^db_"}, "rewrite": [
                {"regexp": {"source": "^db_", "target": "app/"}}, {"transform": {"template": "{{ .value | upper }}"}}]},
            {"storeRef": {"name": "fake"}, "match": {"regexp": "^db_"}, "remoteKey": "bundle"},
        ]}),
    );
    let status = synced(&world, "app");
    assert_eq!(
        places(&status, "SecretStore/fake"),
        ["APP/PASS", "APP/USER", "bundle", "dsn", "plain", "url"]
    );
    for (key, value) in [
        ("url", "ann:X"),
        ("dsn", "pg://ann@first"),
        ("plain", "y"),
        ("APP/PASS", "x"),
        ("bundle", "{\"db_pass\":\"x\",\"db_user\":\"ann\"}"),
    ] {
        wait_there(&world, "fake", key, Some(value));
    }
    // What the template reads is watched, too.
    let before = counts(&operator);
    let map = map.to_string().replace("first", "second");
    world.apply(&map);
    wait_there(&world, "fake", "dsn", Some("pg://ann@second"));
    let after = counts(&operator);
    assert_eq!((after[0], after[1]), (before[0], before[1] + 1), "one key changed");
}

#[test]
fn what_a_generator_makes_is_pushed_once_an_interval() {
    let world = world!("push-generator");
    fake(&world);
    let generator = json!({"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password",
        "metadata": {"name": "pw", "namespace": world.name}, "spec": {"length": 20}});
    world.apply(&generator.to_string());
    let mut operator = Operator::start(&world);
    push(
        &world,
        "app",
        &json!({"selector": {"generatorRef": {"kind": "Password", "name": "pw"}},
        "data": [entry("password", "pw")]}),
    );
    synced(&world, "app");
    assert_eq!(counts(&operator), [1, 0, 0, 0, 0]);
    operator.kill();
    operator.restart();
    world.wait("a look", || {
        if operator.log().matches("a push with nothing to do").count() > 0 {
            Ok(())
        } else {
            Err(operator.log())
        }
    });
    assert_eq!(counts(&operator), [0; 5], "a restart makes no password");
    // Another at each interval.
    push(
        &world,
        "often",
        &json!({"refreshInterval": "2s",
        "selector": {"generatorRef": {"kind": "Password", "name": "pw"}}, "data": [entry("password", "often")]}),
    );
    world.wait("another password", || match counts(&operator) {
        [1, updated, ..] if updated >= 2 => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn the_manifest_is_checked_as_esos_definition_has_it() {
    let world = world!("push-schema");
    let refused = |spec: Value| {
        let object = json!({"apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
            "metadata": {"name": "x", "namespace": world.name}, "spec": spec});
        world.env.cluster.apply(&object.to_string()).map_err(|error| error.to_string())
    };
    let base = |more: Value| {
        let mut spec = json!({"secretStoreRefs": [{"name": "a"}], "selector": {"secret": {"name": "s"}}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    #[rustfmt::skip]
    let cases = [
        (base(json!({})), None),
        (base(json!({"selector": {"secret": {"name": "s"}, "generatorRef": {"kind": "UUID", "name": "g"}}})), Some("spec.selector")),
        (base(json!({"dataTo": [{}]})), Some("storeRef must specify either name or labelSelector")),
        (base(json!({"dataTo": [{"storeRef": {"name": "a"}, "remoteKey": "b", "rewrite": [{"regexp": {"source": "a", "target": "b"}}]}]})), Some("mutually exclusive")),
        (base(json!({"dataTo": [{"storeRef": {"name": "a"}, "rewrite": [{}]}]})), Some("exactly one of regexp or transform must be set")),
        (base(json!({"updatePolicy": "Never"})), Some("Unsupported value")),
    ];
    for (spec, why) in cases {
        match (refused(spec.clone()), why) {
            (Ok(()), None) => {}
            (Err(said), Some(why)) => assert!(said.contains(why), "{spec}: {said}"),
            (other, _) => panic!("{spec}: {other:?}"),
        }
    }
}
