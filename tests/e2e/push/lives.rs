//! The life of a PushSecret: its finalizer, a Secret or a store that goes, a restart.

use serde_json::{Value, json};

use super::{calls, counts, entry, fake, push, secret, store, synced, wait_there};
use crate::support::{Operator, World, world};

const FINALIZER: &str = "pushsecret.externalsecrets.io/finalizer";

fn finalizers(world: &World, name: &str) -> Value {
    world.get("pushsecret", name).unwrap_or_default()["metadata"]["finalizers"].clone()
}

fn wait_gone(world: &World, name: &str) {
    world.wait("the PushSecret to go", || {
        world.get("pushsecret", name).map_or(Ok(()), |it| Err(it.to_string()))
    });
}

#[test]
fn what_was_pushed_goes_with_it_and_with_its_secret() {
    let world = world!("push-deletion");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"k": "v"}));
    let _operator = Operator::start(&world);
    push(
        &world,
        "app",
        &json!({"deletionPolicy": "Delete", "data": [entry("k", "gone"), entry("k", "part#p")]}),
    );
    push(&world, "stays", &json!({"data": [entry("k", "stays")]}));
    synced(&world, "app");
    synced(&world, "stays");
    assert_eq!((finalizers(&world, "app"), finalizers(&world, "stays")), (json!([FINALIZER]), Value::Null));

    // The Secret goes, and comes back.
    world.kubectl(&["-n", &world.name, "delete", "secret", "source"]);
    let message = world.wait_reason("pushsecret", "app", "SourceDeleted");
    assert_eq!(message, "source secret deleted; provider secrets cleaned up");
    assert!(world.wait_reason("pushsecret", "stays", "Errored").starts_with("could not get source secret"));
    wait_there(&world, "fake", "gone", None);
    wait_there(&world, "fake", "stays", Some("v"));
    secret(&world, "source", &json!({}), &json!({"k": "again"}));
    wait_there(&world, "fake", "gone", Some("again"));

    for name in ["app", "stays"] {
        world.kubectl(&["-n", &world.name, "delete", "pushsecret", name]);
        wait_gone(&world, name);
    }
    wait_there(&world, "fake", "gone", None);
    wait_there(&world, "fake", "part", None);
    wait_there(&world, "fake", "stays", Some("again"));
}

/// Whoever replaces a Secret deletes it first; a store may be on its way out; a manifest may be wrong when it is deleted.
#[test]
fn nothing_is_deleted_that_somebody_still_wants() {
    let world = world!("push-wanted");
    fake(&world);
    store(&world, "held", &json!({}), &json!({"fake": {"data": []}}));
    let finalizer = json!({"metadata": {"finalizers": ["example.com/held"]}}).to_string();
    world.kubectl(&["-n", &world.name, "patch", "secretstore", "held", "--type=merge", "-p", &finalizer]);
    secret(&world, "source", &json!({}), &json!({"k": "v"}));
    let operator = Operator::start(&world);
    push(
        &world,
        "app",
        &json!({"deletionPolicy": "Delete", "secretStoreRefs": [{"name": "fake"}, {"name": "held"}], "data": [entry("k", "k")]}),
    );
    synced(&world, "app");
    // The Secret is replaced, and one of the stores is being deleted.
    world.kubectl(&["-n", &world.name, "delete", "secret", "source"]);
    secret(&world, "source", &json!({}), &json!({"k": "new"}));
    wait_there(&world, "fake", "k", Some("new"));
    world.kubectl(&["-n", &world.name, "delete", "secretstore", "held", "--wait=false"]);
    secret(&world, "source", &json!({}), &json!({"k": "newer"}));
    wait_there(&world, "fake", "k", Some("newer"));
    let status = synced(&world, "app");
    assert_eq!(counts(&operator)[3], 0, "nothing was deleted");
    assert_eq!(status["syncedPushSecrets"].as_object().unwrap().len(), 2, "{status}");
    let none = json!({"metadata": {"finalizers": null}}).to_string();
    world.kubectl(&["-n", &world.name, "patch", "secretstore", "held", "--type=merge", "-p", &none]);
    // It is told by now that this store is gone, and what it said of its interval was never one.
    push(
        &world,
        "app",
        &json!({"refreshInterval": "1x", "deletionPolicy": "Delete", "data": [entry("k", "k")]}),
    );
    world.wait("the interval to be refused", || match world.ready("pushsecret", "app") {
        Some((_, _, message)) if message.contains("refreshInterval") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "app", "--wait=false"]);
    world.wait("what was pushed to be taken back", || match counts(&operator)[3] {
        1 => Ok(()),
        other => Err(other.to_string()),
    });
    let patch = json!({"spec": {"deletionPolicy": "None"}}).to_string();
    world.kubectl(&["-n", &world.name, "patch", "pushsecret", "app", "--type=merge", "-p", &patch]);
    wait_gone(&world, "app");
}

#[test]
fn a_store_that_is_gone_holds_the_deletion_and_says_the_way_out() {
    let world = world!("push-store-gone");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"k": "v"}));
    let _operator = Operator::start(&world);
    push(&world, "app", &json!({"deletionPolicy": "Delete", "data": [entry("k", "k")]}));
    synced(&world, "app");
    world.kubectl(&["-n", &world.name, "delete", "secretstore", "fake"]);
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "app", "--wait=false"]);
    let said = world.wait("what is in the way", || match world.ready("pushsecret", "app") {
        Some((_, reason, message)) if reason == "Errored" && message.contains("Failed to Delete") => {
            Ok(message)
        }
        other => Err(format!("{other:?}")),
    });
    assert!(said.contains("SecretStore push-store-gone/fake does not exist"), "{said}");
    assert!(said.contains("deletionPolicy None"), "{said}");
    assert_eq!(finalizers(&world, "app"), json!([FINALIZER]));
    // The way out.
    let patch = json!({"spec": {"deletionPolicy": "None"}}).to_string();
    world.kubectl(&["-n", &world.name, "patch", "pushsecret", "app", "--type=merge", "-p", &patch]);
    wait_gone(&world, "app");
}

#[test]
fn a_restart_asks_nobody() {
    let world = world!("push-restart");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"k": "v"}));
    let mut operator = Operator::start(&world);
    push(&world, "app", &json!({"data": [entry("k", "k"), entry("k", "object#p")]}));
    synced(&world, "app");
    operator.kill();
    operator.restart();
    // The store is validated, once: then everything was looked at.
    world.wait("a look", || {
        if operator.log().matches("a push with nothing to do").count() > 0 {
            Ok(())
        } else {
            Err(operator.log())
        }
    });
    world
        .wait("the store's validation", || if calls(&operator) > 0.0 { Ok(()) } else { Err(operator.log()) });
    assert_eq!(counts(&operator), [0; 5]);
    // What changes while nobody works is pushed at the start. (What fake was given is lost with its process.)
    operator.kill();
    secret(&world, "source", &json!({}), &json!({"k": "changed"}));
    operator.restart();
    wait_there(&world, "fake", "k", Some("changed"));
    assert_eq!(counts(&operator), [2, 0, 0, 0, 0]);
}

#[test]
fn a_store_that_comes_later_or_begins_to_work_is_pushed_to() {
    let world = world!("push-later");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"k": "v"}));
    let _operator = Operator::start(&world);
    store(&world, "broken", &json!({"to": "both"}), &json!({"fake": {"data": [], "validationResult": 2}}));
    world.wait_reason("secretstore", "broken", "ProviderUnavailable");
    push(
        &world,
        "app",
        &json!({
        "secretStoreRefs": [{"name": "fake"}, {"labelSelector": {"matchLabels": {"to": "both"}}}],
        "data": [entry("k", "k")]}),
    );
    let message = world.wait_reason("pushsecret", "app", "Errored");
    assert!(message.contains("SecretStore push-later/broken is not ready"), "{message}");
    wait_there(&world, "fake", "k", Some("v"));
    store(&world, "broken", &json!({"to": "both"}), &json!({"fake": {"data": []}}));
    let status = synced(&world, "app");
    let stores: Vec<&String> = status["syncedPushSecrets"].as_object().unwrap().keys().collect();
    assert_eq!(stores, ["SecretStore/broken", "SecretStore/fake"]);
    store(&world, "late", &json!({"to": "both"}), &json!({"fake": {"data": []}}));
    wait_there(&world, "late", "k", Some("v"));
    // One that has long been there gets the label, and loses it: that moves no generation.
    store(&world, "labelled", &json!({}), &json!({"fake": {"data": []}}));
    world.wait_ready("secretstore", "labelled");
    let wait_listed = |listed: bool| {
        world.wait("the PushSecret to hear of the label", || {
            let status = world.get("pushsecret", "app").unwrap_or_default()["status"].clone();
            let there = status["syncedPushSecrets"]["SecretStore/labelled"].is_object();
            if there == listed { Ok(()) } else { Err(status.to_string()) }
        });
    };
    store(&world, "labelled", &json!({"to": "both"}), &json!({"fake": {"data": []}}));
    wait_listed(true);
    wait_there(&world, "labelled", "k", Some("v"));
    store(&world, "labelled", &json!({}), &json!({"fake": {"data": []}}));
    wait_listed(false);
}
