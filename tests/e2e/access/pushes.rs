//! Pushing under a policy: with ReadWrite only, to one's own keys only, and none of it keeps others from theirs.

use serde_json::{Value, json};

use super::{cleared, external_secret, fake, forbidden, key, neighbour, store};
use crate::support::{Operator, World, assert_no_value_left, world};

fn source(at: &World, value: &str) {
    at.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "source", "namespace": at.name},
        "stringData": {"k": value},
    }));
}

/// A PushSecret of that Secret to the store called `store`.
fn push(at: &World, store: &str, name: &str, spec: &Value) {
    let mut full = json!({
        "refreshInterval": "1h", "deletionPolicy": "Delete", "selector": {"secret": {"name": "source"}},
        "secretStoreRefs": [{"kind": "ClusterSecretStore", "name": store}],
    });
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    at.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
        "metadata": {"name": name, "namespace": at.name}, "spec": full,
    }));
}

fn to(remote: &[&str]) -> Value {
    let entry = |key: &&str| json!({"match": {"secretKey": "k", "remoteRef": {"remoteKey": key}}});
    json!({"data": remote.iter().map(entry).collect::<Vec<_>>()})
}

fn synced(at: &World, name: &str) {
    at.wait(&format!("PushSecret {name} to be synced"), || match at.ready("pushsecret", name) {
        Some((status, reason, _)) if status == "True" && reason == "Synced" => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn a_namespace_writes_its_own_and_nobody_else_s() {
    let world = world!("access-push");
    let other = neighbour(&world);
    let own = format!("teams/{}/db", world.name);
    let theirs = format!("teams/{}/db", other.name);
    let policy = json!([
        {"name": "own", "access": "ReadWrite", "keys": ["teams/{{namespace}}/*"]},
        {"name": "common", "keys": ["common/*"]},
    ]);
    store(&world, &fake(&["common/ca"]), &policy);
    source(&world, "MARKED-pushed-by-a");
    source(&other, "MARKED-pushed-by-b");
    let operator = Operator::start(&world);
    // Before the owner comes: what may not be written is no place that could be kept from anybody.
    push(&world, &world.name, "thief", &to(&[&theirs, "common/ca", &own]));
    let message = world.wait_reason("pushsecret", "thief", "Errored");
    assert!(message.contains("(and 1 more)"), "{message}");
    assert!(message.contains("is not for namespace"), "{message}");
    external_secret(&world, &world.name, "own", &key(&own));
    world.wait_data("own", &[("v", "MARKED-pushed-by-a")]);
    external_secret(&world, &world.name, "ca", &key("common/ca"));
    world.wait_data("ca", &[("v", "MARKED-common/ca")]);
    external_secret(&other, &world.name, "own", &key(&theirs));
    other.wait_reason("externalsecret", "own", "RemoteKeyNotFound");
    push(&other, &world.name, "owner", &to(&[&theirs]));
    synced(&other, "owner");
    other.sync_now("own");
    other.wait_data("own", &[("v", "MARKED-pushed-by-b")]);

    for (name, spec, words) in [
        ("common", to(&["common/new"]), "writing needs a rule with access ReadWrite"),
        ("dots", to(&[&format!("teams/{}/../x", world.name)]), "it might be read as another one"),
        (
            "bulk",
            json!({"dataTo": [{"storeRef": {"kind": "ClusterSecretStore", "name": world.name}, "rewrite": [
                {"regexp": {"source": "^", "target": format!("teams/{}/", other.name)}},
            ]}]}),
            "its spec.accessPolicy allows",
        ),
    ] {
        push(&world, &world.name, name, &spec);
        let message = world.wait_reason("pushsecret", name, "Errored");
        assert!(message.contains(words), "{name}: {message}");
        let status = world.get("pushsecret", name).unwrap()["status"].clone();
        assert!(status["syncedPushSecrets"].as_object().is_none_or(serde_json::Map::is_empty), "{status}");
    }

    // With less allowed, what was pushed stays where it is: neither taken for stale nor deleted by who goes.
    store(&world, &fake(&["common/ca"]), &json!([{"name": "all", "keys": ["teams/*"]}]));
    let read_only = |name: &str| {
        world.wait(&format!("{name} to say that it may only be read"), || {
            match world.ready("pushsecret", name) {
                Some((_, _, message)) if message.contains("lets it be read only") => Ok(message),
                other => Err(format!("{other:?}")),
            }
        })
    };
    push(&world, &world.name, "thief", &to(&[&own]));
    read_only("thief");
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "thief", "--wait=false"]);
    world.wait("its deletion to say what holds it", || {
        let message = read_only("thief");
        if message.contains("deletionPolicy None") { Ok(()) } else { Err(message) }
    });
    world.wait_data("own", &[("v", "MARKED-pushed-by-a")]);
    let none = json!({"spec": {"deletionPolicy": "None"}}).to_string();
    world.kubectl(&["-n", &world.name, "patch", "pushsecret", "thief", "--type=merge", "-p", &none]);
    world.wait("it to go", || match world.get("pushsecret", "thief") {
        None => Ok(()),
        Some(object) => Err(object["status"].to_string()),
    });
    store(&world, &fake(&["common/ca"]), &json!([{"name": "none", "keys": ["nothing"]}]));
    forbidden(&world, "own", "allows \"nothing\":");
    assert_no_value_left(&world, &operator, &["MARKED-pushed-by-a", "MARKED-pushed-by-b"]);
    for (at, name) in [(&world, "common"), (&world, "dots"), (&world, "bulk"), (&other, "owner")] {
        at.kubectl(&["-n", &at.name, "patch", "pushsecret", name, "--type=merge", "-p", &none]);
    }
    cleared(&world);
}
