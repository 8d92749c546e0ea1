//! Policies that cannot be meant, at the API server, in the status and by `claviger render`; and that one survives the
//! older version of the definition.

use std::process::Command;

use serde_json::{Value, json};

use super::{cleared, external_secret, fake, key, refreshed, store};
use crate::support::{Operator, World, world};

fn object(kind: &str, world: &World, version: &str, policy: &Value) -> Value {
    let mut object = json!({
        "apiVersion": format!("external-secrets.io/{version}"), "kind": kind, "metadata": {"name": world.name},
        "spec": {"controller": world.name, "provider": fake(&["a"]), "accessPolicy": policy},
    });
    if kind == "SecretStore" {
        object["metadata"]["namespace"] = json!(world.name);
    }
    object
}

#[test]
fn the_api_server_takes_no_other_policies() {
    let world = world!("access-schema");
    let rule = json!({"name": "own", "keys": ["teams/{{namespace}}/*"]});
    for (kind, policy, words) in [
        ("SecretStore", json!([rule]), "spec.accessPolicy"),
        ("ClusterSecretStore", json!([]), "spec.accessPolicy"),
        ("ClusterSecretStore", json!([rule, rule]), "uplicate"),
        ("ClusterSecretStore", json!([{"name": "own", "keys": []}]), "spec.accessPolicy[0].keys"),
        ("ClusterSecretStore", json!([{"name": "own"}]), "spec.accessPolicy[0].keys"),
        ("ClusterSecretStore", json!([{"keys": ["a"]}]), "accessPolicy"),
        (
            "ClusterSecretStore",
            json!([{"name": "own", "keys": ["a"], "namespaces": []}]),
            "spec.accessPolicy[0].namespaces",
        ),
        (
            "ClusterSecretStore",
            json!([{"name": "own", "keys": ["a"], "access": "WriteOnly"}]),
            "spec.accessPolicy[0].access",
        ),
    ] {
        for version in ["v1", "v1beta1"] {
            let applied = world.env.cluster.apply(&object(kind, &world, version, &policy).to_string());
            let said = applied.expect_err(&policy.to_string()).to_string();
            assert!(said.contains(words), "{kind} {version} {policy}: {said}");
        }
    }
    let mut written = rule.clone();
    written["namespaces"] = json!([world.name]);
    written["namespaceSelector"] = json!({"matchLabels": {"a": "b"}});
    world.apply_json(&object("ClusterSecretStore", &world, "v1beta1", &json!([written])));
    let read = world.get("clustersecretstores.v1.external-secrets.io", &world.name).unwrap();
    written["access"] = json!("ReadOnly");
    assert_eq!(read["spec"]["accessPolicy"], json!([written]));
    cleared(&world);
}

#[test]
fn a_policy_that_cannot_be_meant_lets_nobody_through() {
    let world = world!("access-invalid");
    store(&world, &fake(&["a"]), &json!([{"name": "own", "keys": ["a"]}]));
    let _operator = Operator::start(&world);
    external_secret(&world, &world.name, "es", &key("a"));
    world.wait_data("es", &[("v", "MARKED-a")]);
    for (keys, words) in [
        (json!(["a", "b/{{name}}/*"]), "spec.accessPolicy[0].keys[1]: {{name}} is not known"),
        (json!(["{{namespace}}-*"]), "spec.accessPolicy[0].keys[0]: behind {{namespace}} stands"),
        (json!(["a/*/b"]), "spec.accessPolicy[0].keys[0]: a * stands at the end only"),
    ] {
        store(&world, &fake(&["a"]), &json!([{"name": "own", "keys": keys}]));
        world.wait("the store to say what is wrong", || {
            match world.ready("clustersecretstore", &world.name) {
                Some((status, reason, message))
                    if status == "False" && reason == "ManifestInvalid" && message.contains(words) =>
                {
                    Ok(())
                }
                other => Err(format!("{other:?}")),
            }
        });
    }
    refreshed(&world, "es", "its user to say so", || match world.ready("externalsecret", "es") {
        Some((_, reason, message)) if reason == "StoreNotReady" && message.contains("ManifestInvalid") => {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
    world.wait_data("es", &[("v", "MARKED-a")]);
    cleared(&world);
}

/// Exit code and what was said.
fn render(world: &World, objects: &[Value]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.yaml");
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    std::fs::write(&file, documents.join("\n---\n")).unwrap();
    let output = Command::new(&world.env.claviger)
        .args(["--log-level", "error", "render", "-f"])
        .arg(&file)
        .arg("--plugin-dir")
        .arg(&world.env.plugin_dir)
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        .env("KUBECONFIG", dir.path().join("absent"))
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

#[test]
fn files_are_held_to_it_too() {
    let world = world!("access-render");
    let provider = fake(&["teams/a/db", "blue/x"]);
    let policy = json!([
        {"name": "own", "keys": ["teams/{{namespace}}/*"]},
        {"name": "blue", "namespaceSelector": {"matchLabels": {"team": "blue"}}, "keys": ["blue/*"]},
    ]);
    let store = |kind: &str| {
        json!({"apiVersion": "external-secrets.io/v1", "kind": kind, "metadata": {"name": "s", "namespace": if kind == "SecretStore" { "a" } else { "" }},
            "spec": {"provider": provider, "accessPolicy": policy}})
    };
    let es = |kind: &str, namespace: &str, key: &str| {
        json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "es", "namespace": namespace},
            "spec": {"secretStoreRef": {"kind": kind, "name": "s"}, "data": [{"secretKey": "v", "remoteRef": {"key": key}}]}})
    };
    let labels = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c", "labels": {"team": "blue"}}});
    let cluster = "ClusterSecretStore";
    for (store_kind, namespace, key, words) in [
        (cluster, "a", "teams/a/db", None),
        (cluster, "c", "blue/x", None),
        (cluster, "b", "teams/a/db", Some("is not for namespace b")),
        (cluster, "b", "blue/x", Some("is not for namespace b")),
        (cluster, "../a", "teams/../a/db", Some("is not for namespace ../a")),
        ("SecretStore", "a", "teams/a/db", Some("spec.accessPolicy is for ClusterSecretStores")),
    ] {
        let (code, said) =
            render(&world, &[store(store_kind), labels.clone(), es(store_kind, namespace, key)]);
        match words {
            None => assert_eq!(code, Some(0), "{namespace} {key}: {said}"),
            Some(words) => assert!(code != Some(0) && said.contains(words), "{namespace} {key}: {said}"),
        }
    }
}
