//! Several PushSecrets, or Secrets, that want one place; and what is stale.

use serde_json::json;

use super::{counts, entry, fake, places, push, secret, synced, wait_there};
use crate::support::{Operator, world};

#[test]
fn the_older_one_writes_and_the_other_says_so() {
    let world = world!("push-places");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"k": "old"}));
    secret(&world, "other", &json!({}), &json!({"k": "young"}));
    let operator = Operator::start(&world);
    let delete = json!("Delete");
    push(
        &world,
        "old",
        &json!({"deletionPolicy": delete, "data": [entry("k", "shared"), entry("k", "object#a")]}),
    );
    synced(&world, "old");
    let of_other = json!({"secret": {"name": "other"}});
    // The whole of a key is each of its properties, too.
    push(
        &world,
        "young",
        &json!({"deletionPolicy": delete, "selector": of_other,
        "data": [entry("k", "shared"), entry("k", "object"), entry("k", "own")]}),
    );
    let message = world.wait_reason("pushsecret", "young", "Errored");
    assert!(message.contains("is written by PushSecret push-places/old"), "{message}");
    wait_there(&world, "fake", "own", Some("young"));
    wait_there(&world, "fake", "shared", Some("old"));
    let status = world.get("pushsecret", "young").unwrap()["status"].clone();
    assert_eq!(places(&status, "SecretStore/fake"), ["own"]);
    // No fight: each change of either is one write.
    let before = counts(&operator);
    secret(&world, "other", &json!({}), &json!({"k": "younger"}));
    wait_there(&world, "fake", "own", Some("younger"));
    let after = counts(&operator);
    assert_eq!((after[0], after[1]), (before[0], before[1] + 1));

    // The younger goes: the older's stays. The older goes: the waiting one writes.
    push(
        &world,
        "young",
        &json!({"deletionPolicy": delete, "selector": of_other, "data": [entry("k", "shared")]}),
    );
    wait_there(&world, "fake", "own", None);
    wait_there(&world, "fake", "shared", Some("old"));
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "old"]);
    wait_there(&world, "fake", "shared", Some("younger"));
    synced(&world, "young");
    wait_there(&world, "fake", "object", None);
}

/// Who may not use a store keeps nobody from a place of it.
#[test]
fn a_wish_without_a_right_takes_no_place() {
    let world = world!("push-no-right");
    let ns = &world.name;
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ClusterSecretStore\nmetadata: {{name: {ns}}}\n\
         spec:\n  controller: {ns}\n  conditions: [{{namespaces: [{ns}]}}]\n  provider: {{fake: {{data: []}}}}\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata: {{name: {ns}-outside}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: source, namespace: {ns}-outside}}\nstringData: {{k: theirs}}\n"
    ));
    world.wait("the store to be there", || world.get("clustersecretstore", ns).ok_or(String::new()));
    secret(&world, "source", &json!({}), &json!({"k": "ours"}));
    let _operator = Operator::start(&world);
    let spec = json!({
        "refreshInterval": "1h", "secretStoreRefs": [{"name": ns, "kind": "ClusterSecretStore"}],
        "selector": {"secret": {"name": "source"}}, "data": [entry("k", "pay")],
    });
    let outside = json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
        "metadata": {"name": "older", "namespace": format!("{ns}-outside")}, "spec": spec,
    });
    world.apply(&outside.to_string());
    world.wait("it to be refused", || {
        let path = "jsonpath={.status.conditions[0].reason}";
        let reason =
            world.kubectl(&["-n", &format!("{ns}-outside"), "get", "pushsecret", "older", "-o", path]);
        if reason == "Errored" { Ok(()) } else { Err(reason) }
    });
    push(&world, "ours", &spec);
    let status = synced(&world, "ours");
    assert_eq!(places(&status, &format!("ClusterSecretStore/{ns}")), ["pay"]);
}

#[test]
fn what_is_wanted_no_more_goes_and_a_neighbour_stays() {
    let world = world!("push-stale");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"a": "1", "b": "2"}));
    let operator = Operator::start(&world);
    push(
        &world,
        "app",
        &json!({"deletionPolicy": "Delete", "data": [
        entry("a", "object#a"), entry("b", "object#b"), entry("a", "whole"), entry("b", "moved")]}),
    );
    synced(&world, "app");
    push(
        &world,
        "app",
        &json!({"deletionPolicy": "Delete", "data": [entry("b", "object#b"), entry("b", "elsewhere")]}),
    );
    let status = synced(&world, "app");
    assert_eq!(places(&status, "SecretStore/fake"), ["elsewhere", "object/b"]);
    wait_there(&world, "fake", "object", Some("{\"b\":\"2\"}"));
    wait_there(&world, "fake", "whole", None);
    wait_there(&world, "fake", "moved", None);
    wait_there(&world, "fake", "elsewhere", Some("2"));
    let deleted = counts(&operator)[3];
    assert_eq!(deleted, 3, "two keys and a property");

    // With None they stay, and are recorded no more.
    push(&world, "app", &json!({"deletionPolicy": "None", "data": [entry("b", "object#b")]}));
    let status = synced(&world, "app");
    assert_eq!(places(&status, "SecretStore/fake"), ["object/b"]);
    wait_there(&world, "fake", "elsewhere", Some("2"));
    assert_eq!(counts(&operator)[3], deleted);
    assert!(world.get("pushsecret", "app").unwrap()["metadata"]["finalizers"].is_null());
}

#[test]
fn secrets_by_their_labels_do_not_take_one_anothers_away() {
    let world = world!("push-labels");
    fake(&world);
    let labels = json!({"push": "yes"});
    secret(&world, "one", &labels, &json!({"one": "1"}));
    secret(&world, "two", &labels, &json!({"two": "2"}));
    secret(&world, "not", &json!({}), &json!({"not": "3"}));
    let operator = Operator::start(&world);
    let spec = json!({"deletionPolicy": "Delete", "selector": {"secret": {"selector": {"matchLabels": labels}}},
        "dataTo": [{"storeRef": {"name": "fake"}}]});
    push(&world, "app", &spec);
    let status = synced(&world, "app");
    assert_eq!(places(&status, "SecretStore/fake"), ["one", "two"]);
    // ESO deletes each one's entries while it pushes the other's.
    assert_eq!(counts(&operator), [2, 0, 0, 0, 0]);
    // One that comes, one that loses its label, one that goes.
    secret(&world, "three", &labels, &json!({"three": "3"}));
    wait_there(&world, "fake", "three", Some("3"));
    world.kubectl(&["-n", &world.name, "label", "secret", "one", "push-"]);
    wait_there(&world, "fake", "one", None);
    world.kubectl(&["-n", &world.name, "delete", "secret", "two"]);
    wait_there(&world, "fake", "two", None);
    wait_there(&world, "fake", "three", Some("3"));
    // Two that go to one place would be written over one another for ever.
    secret(&world, "again", &labels, &json!({"three": "other"}));
    let message = world.wait_reason("pushsecret", "app", "Errored");
    assert!(message.contains("Secret again and Secret three both go to key \"three\""), "{message}");
    wait_there(&world, "fake", "three", Some("3"));
}
