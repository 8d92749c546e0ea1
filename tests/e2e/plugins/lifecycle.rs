//! The life of a plugin that is no built-in: installed, upgraded, broken, rolled back, removed; and
//! meanwhile no refresh of another store fails.

use claviger_testenv::{Etcd, RunDir};
use serde_json::{Value, json};

use crate::support::{
    Operator, World, assert_no_value_left, chameleon, component, digest, noise, pack, relabelled, section,
    world,
};

/// An ExternalSecret that is refreshed every second, and its store.
fn bystander(world: &World) {
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: other, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{{key: k, value: v}}]}}}}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: other, namespace: {ns}}}\n\
         spec: {{refreshInterval: 1s, secretStoreRef: {{name: other}}, data: [{{secretKey: k, remoteRef: {{key: k}}}}]}}\n",
        ns = world.name
    ));
    world.wait_ready("externalsecret", "other");
}

fn calls(operator: &Operator, world: &World, series: &str) -> f64 {
    operator.metric(&format!("{series}{{name=\"other\",namespace=\"{}\"}}", world.name)).unwrap()
}

fn store(world: &World, provider: &Value) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "store", "namespace": world.name},
        "spec": {"controller": world.name, "provider": provider},
    }));
}

fn external_secret(world: &World, key: &str) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "es", "namespace": world.name},
        "spec": {
            "refreshInterval": "1s", "secretStoreRef": {"name": "store"},
            "data": [{"secretKey": "password", "remoteRef": {"key": key}}],
        },
    }));
}

#[test]
fn a_plugin_is_installed_upgraded_broken_rolled_back_and_removed() {
    let world = world!("plugin-lifecycle");
    let name = "lifecycle-etcd";
    let run = RunDir::create("etcd").unwrap();
    let etcd = Etcd::start(&world.env.tools, run.path()).unwrap();
    etcd.put("/apps/db/password", "MARKED-lifecycle-one").unwrap();
    etcd.require_login("reader", "MARKED-etcd-login", "/apps/").unwrap();
    let operator = Operator::start(&world);
    bystander(&world);
    let before = calls(&operator, &world, "externalsecret_sync_calls_total");
    // While the operator started, its plugins were not there yet.
    let failed_before = calls(&operator, &world, "externalsecret_sync_calls_error");

    // The store comes first: its users wait for the plugin, and are woken by it.
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": world.name},
        "stringData": {"password": "MARKED-etcd-login"},
    }));
    store(
        &world,
        &json!({name: {
            "endpoint": etcd.address(), "prefix": "/apps/",
            "auth": {"username": "reader", "passwordSecretRef": {"name": "login", "key": "password"}},
        }}),
    );
    external_secret(&world, "db/password");
    let message = world.wait_reason("secretstore", "store", "ProviderUnknown");
    assert!(message.contains(name), "{message}");

    let first = component(&world, "etcd");
    for object in pack(&world, &first, name, &[]) {
        world.apply_json(&object);
    }
    let status = world.wait_loaded(name, &digest(&first));
    assert_eq!(status["worlds"], json!(["provider-plugin@1.0.0"]));
    world.wait_data("es", &[("password", "MARKED-lifecycle-one")]);
    let shown = world.kubectl(&["get", "plugins", name]);
    println!("{shown}{}", world.kubectl(&["describe", "plugin", name]));
    for part in [
        "NAME",
        "VERSION",
        "WORLD",
        "STATUS",
        "READY",
        "AGE",
        "0.1.0",
        "provider-plugin@1.0.0",
        "Loaded",
        "True",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }

    // Upgrade: both digests are admitted, then the bytes change, then the old digest goes.
    let second = relabelled(&first, "second");
    world.put_plugin(name, &[digest(&first), digest(&second)], json!({}));
    for object in pack(&world, &second, name, &[]).iter().filter(|object| object["kind"] == "ConfigMap") {
        world.apply_json(object);
    }
    world.wait_loaded(name, &digest(&second));
    etcd.put("/apps/db/password", "MARKED-lifecycle-two").unwrap();
    world.wait_data("es", &[("password", "MARKED-lifecycle-two")]);

    // Broken, each in its own way: the last good one goes on.
    let trapping = chameleon(&world, "2.0.0 describe-traps");
    for (bytes, digests, reason) in [
        (relabelled(&first, "unknown"), vec![digest(&second)], "DigestMismatch"),
        (first[..first.len() / 2].to_vec(), vec![digest(&first[..first.len() / 2])], "NotAComponent"),
        (trapping.clone(), vec![digest(&trapping)], "DescribeFailed"),
    ] {
        world.put_component(name, &bytes);
        world.put_plugin(name, &digests, json!({}));
        let (message, status) = world.wait_refused(name, reason);
        assert!(message.contains("meanwhile lifecycle-etcd@0.1.0 goes on"), "{message}");
        assert_eq!(status["digest"], json!(digest(&second)), "{reason}");
        let value = format!("MARKED-lifecycle-{reason}");
        etcd.put("/apps/db/password", &value).unwrap();
        world.wait_data("es", &[("password", &value)]);
    }

    // Rolled back.
    world.put_component(name, &first);
    world.put_plugin(name, &[digest(&first)], json!({}));
    world.wait_loaded(name, &digest(&first));
    etcd.put("/apps/db/password", "MARKED-lifecycle-three").unwrap();
    world.wait_data("es", &[("password", "MARKED-lifecycle-three")]);
    world.wait_ready("secretstore", "store");

    // Removed: the store says so, the Secret stays.
    world.kubectl(&["delete", "plugin", name]);
    world.wait_reason("secretstore", "store", "ProviderUnknown");
    world.wait_data("es", &[("password", "MARKED-lifecycle-three")]);

    let after = calls(&operator, &world, "externalsecret_sync_calls_total");
    println!("refreshes of another store meanwhile: {}", after - before);
    assert!(after > before + 10.0, "{before} and {after} refreshes");
    assert_eq!(calls(&operator, &world, "externalsecret_sync_calls_error"), failed_before);
    let values = [
        "MARKED-lifecycle-DigestMismatch",
        "MARKED-lifecycle-NotAComponent",
        "MARKED-lifecycle-DescribeFailed",
        "MARKED-lifecycle-one",
        "MARKED-lifecycle-two",
        "MARKED-lifecycle-three",
        "MARKED-etcd-login",
    ];
    assert_no_value_left(&world, &operator, &values);
}

#[test]
fn a_component_above_a_mebibyte_comes_in_parts() {
    let world = world!("plugin-parts");
    let name = "parts-chameleon";
    let _operator = Operator::start(&world);
    // Bytes that no compressor makes smaller, in a custom section.
    let mut bytes = chameleon(&world, "7.0.0 good");
    section(&mut bytes, 0, &[&[1, b'x'][..], &noise(2_500_000)].concat());
    let objects = pack(&world, &bytes, name, &[]);
    assert_eq!(objects.len(), 4, "three parts and the Plugin");
    let missing =
        objects.iter().position(|object| object["metadata"]["name"] == "parts-chameleon-plugin-1").unwrap();
    for (index, object) in objects.iter().enumerate() {
        if index != missing {
            world.apply_json(object);
        }
    }
    let (message, _) = world.wait_refused(name, "SourceNotFound");
    assert!(message.contains("parts-chameleon-plugin-1"), "{message}");
    // The missing part arrives, and that alone wakes the Plugin.
    world.apply_json(&objects[missing]);
    let status = world.wait_loaded(name, &digest(&bytes));
    assert_eq!(status["version"], json!("7.0.0"));
    // A part of another package.
    let mut foreign = objects[missing].clone();
    foreign["metadata"]["annotations"]["claviger.io/part-digest"] = json!(digest(b"another"));
    world.apply_json(&foreign);
    let (message, status) = world.wait_refused(name, "PartsInvalid");
    assert!(message.contains("another package"), "{message}");
    assert_eq!(status["digest"], json!(digest(&bytes)), "the last good one goes on");
    world.kubectl(&["delete", "plugin", name]);
}
