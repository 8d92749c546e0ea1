//! What a ClusterExternalSecret and a ClusterPushSecret make is held to the policy by the namespace that it is in: one manifest
//! reaches in each namespace what is that namespace's, and nothing of another's.

use serde_json::{Value, json};

use super::{cleared, fake, neighbour, store};
use crate::support::{Operator, World, assert_no_value_left, world};

/// Keeps other tests' operators from it until they have seen whose store it names.
fn seen(world: &World) {
    world.wait("the store to be there", || world.get("clustersecretstore", &world.name).ok_or(String::new()));
}

fn wait_failed(at: &World, kind: &str, reason: &str, words: &str) {
    at.wait(&format!("the {kind} to say {words:?}"), || match at.ready(kind, "made") {
        Some((status, said, message)) if status == "False" && said == reason && message.contains(words) => {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn an_external_secret_that_was_made_reaches_its_own_namespace_s_keys() {
    let world = world!("access-spread");
    let other = neighbour(&world);
    let own = format!("teams/{}/db", world.name);
    let policy = json!([{"name": "own", "keys": ["teams/{{namespace}}/*"]}]);
    store(&world, &fake(&[&own, &format!("teams/{}/db", other.name)]), &policy);
    seen(&world);
    let operator = Operator::start(&world);
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret", "metadata": {"name": world.name},
        "spec": {
            "namespaces": [world.name, other.name], "externalSecretName": "made",
            "externalSecretSpec": {
                "refreshInterval": "1h", "secretStoreRef": {"kind": "ClusterSecretStore", "name": world.name},
                "target": {"name": "made"}, "data": [{"secretKey": "v", "remoteRef": {"key": own}}],
            },
        },
    }));
    world.wait_ready("externalsecret", "made");
    world.wait_data("made", &[("v", &format!("MARKED-{own}"))]);
    wait_failed(&other, "externalsecret", "KeyForbidden", &format!("is not for namespace {}", other.name));
    assert!(other.get("secret", "made").is_none(), "nothing came through");
    assert_no_value_left(&world, &operator, &[&format!("MARKED-{own}")]);
    world.kubectl(&["delete", "clusterexternalsecret", &world.name]);
    cleared(&world);
}

#[test]
fn a_push_secret_that_was_made_writes_its_own_namespace_s_keys() {
    let world = world!("access-push-spread");
    let other = neighbour(&world);
    let own = format!("teams/{}/db", world.name);
    let policy = json!([{"name": "own", "access": "ReadWrite", "keys": ["teams/{{namespace}}/*"]}]);
    store(&world, &fake(&[]), &policy);
    seen(&world);
    for (at, value) in [(&world, "MARKED-of-the-owner"), (&other, "MARKED-of-the-thief")] {
        at.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "source", "namespace": at.name},
            "stringData": {"k": value},
        }));
        let labels = json!({"metadata": {"labels": {"access-push-spread": world.name}}}).to_string();
        at.kubectl(&["patch", "namespace", &at.name, "--type=merge", "-p", &labels]);
    }
    let operator = Operator::start(&world);
    let entry: Value = json!({"match": {"secretKey": "k", "remoteRef": {"remoteKey": own}}});
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "ClusterPushSecret", "metadata": {"name": world.name},
        "spec": {
            "namespaceSelectors": [{"matchLabels": {"access-push-spread": world.name}}], "pushSecretName": "made",
            "pushSecretSpec": {
                "refreshInterval": "1h", "secretStoreRefs": [{"kind": "ClusterSecretStore", "name": world.name}],
                "selector": {"secret": {"name": "source"}}, "data": [entry],
            },
        },
    }));
    world.wait("the push", || match world.ready("pushsecret", "made") {
        Some((status, reason, _)) if status == "True" && reason == "Synced" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    wait_failed(&other, "pushsecret", "Errored", &format!("is not for namespace {}", other.name));
    let status = other.get("pushsecret", "made").unwrap()["status"].clone();
    assert!(status["syncedPushSecrets"].as_object().is_none_or(serde_json::Map::is_empty), "{status}");
    super::external_secret(&world, &world.name, "read", &super::key(&own));
    world.wait_data("read", &[("v", "MARKED-of-the-owner")]);
    assert_no_value_left(&world, &operator, &["MARKED-of-the-owner", "MARKED-of-the-thief"]);
    world.kubectl(&["delete", "clusterpushsecret", &world.name]);
    cleared(&world);
}
