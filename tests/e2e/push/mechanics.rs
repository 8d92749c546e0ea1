//! What is pushed, when, and what is left alone.

use serde_json::{Value, json};

use super::{counts, entry, fake, places, push, secret, synced, wait_there};
use crate::support::{Operator, assert_no_value_left, chameleon, digest, world};

#[test]
fn a_change_is_pushed_at_once_and_nothing_else_asks_the_provider() {
    let world = world!("push-change");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"user": "MARKED-user-ann", "pass": "MARKED-pass-one"}));
    let operator = Operator::start(&world);
    push(
        &world,
        "app",
        &json!({"data": [entry("user", "app/user"), entry("pass", "app/all#pass"), entry("user", "app/all#user")]}),
    );
    let status = synced(&world, "app");
    assert_eq!(places(&status, "SecretStore/fake"), ["app/all/pass", "app/all/user", "app/user"]);
    assert_eq!(status["conditions"][0]["message"], "PushSecret synced successfully");
    // Two properties of one key are one write.
    assert_eq!(counts(&operator), [2, 0, 0, 0, 0]);
    wait_there(&world, "fake", "app/user", Some("MARKED-user-ann"));
    wait_there(
        &world,
        "fake",
        "app/all",
        Some("{\"pass\":\"MARKED-pass-one\",\"user\":\"MARKED-user-ann\"}"),
    );

    // A change of one key: the interval is an hour.
    secret(&world, "source", &json!({}), &json!({"pass": "MARKED-pass-two"}));
    wait_there(
        &world,
        "fake",
        "app/all",
        Some("{\"pass\":\"MARKED-pass-two\",\"user\":\"MARKED-user-ann\"}"),
    );
    world.wait("the counts", || match counts(&operator) {
        [2, 1, 1, 0, 0] => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(operator.metric(
        "pushsecret_status_condition{name=\"app\",namespace=\"push-change\",condition=\"Ready\",status=\"True\"}"
    ), Some(1.0));

    // A label makes another version of the Secret: that is compared, and written nowhere.
    let unchanged = counts(&operator)[2];
    world.kubectl(&["-n", &world.name, "label", "secret", "source", "wake=one"]);
    world.wait("the comparison", || match counts(&operator) {
        [2, 1, now, 0, 0] if now == unchanged + 2 => Ok(()),
        other => Err(format!("{other:?}")),
    });

    // A refresh that is asked for compares, and writes nothing.
    let unchanged = counts(&operator)[2];
    world.kubectl(&["-n", &world.name, "annotate", "pushsecret", "app", "force-sync=1"]);
    world.wait("another comparison", || match counts(&operator) {
        [2, 1, now, 0, 0] if now >= unchanged + 2 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let events = world.kubectl(&["-n", &world.name, "get", "events", "-o", "json"]);
    let events: Value = serde_json::from_str(&events).unwrap();
    let of_push =
        |event: &&Value| event["involvedObject"]["kind"] == "PushSecret" && event["reason"] == "Synced";
    assert!(events["items"].as_array().unwrap().iter().any(|event| of_push(&event)), "{events}");
    assert_no_value_left(&world, &operator, &["MARKED-user-ann", "MARKED-pass-one", "MARKED-pass-two"]);
}

#[test]
fn what_is_there_stays_and_what_is_not_managed_is_refused() {
    let world = world!("push-policy");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"k": "new"}));
    let operator = Operator::start(&world);
    push(&world, "first", &json!({"data": [entry("k", "there"), entry("k", "object#a")]}));
    synced(&world, "first");
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "first"]);
    // IfNotExists: what is there stays, the rest is made.
    secret(&world, "source", &json!({}), &json!({"k": "newer"}));
    push(
        &world,
        "kept",
        &json!({"updatePolicy": "IfNotExists", "deletionPolicy": "Delete",
        "data": [entry("k", "there"), entry("k", "object#a"), entry("k", "object#b"), entry("k", "made"), entry("k", "declared")]}),
    );
    let status = synced(&world, "kept");
    assert_eq!(
        status["conditions"][0]["message"],
        "PushSecret synced successfully. Existing secrets in providers unchanged."
    );
    wait_there(&world, "fake", "there", Some("new"));
    wait_there(&world, "fake", "object", Some("{\"a\":\"new\",\"b\":\"newer\"}"));
    wait_there(&world, "fake", "made", Some("newer"));
    // With it goes what it has made, and nothing that was there.
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "kept"]);
    wait_there(&world, "fake", "made", None);
    wait_there(&world, "fake", "object", Some("{\"a\":\"new\"}"));
    wait_there(&world, "fake", "there", Some("new"));
    wait_there(&world, "fake", "declared", Some("declared"));

    // What nobody pushed is nobody's to write over.
    push(&world, "thief", &json!({"data": [entry("k", "declared"), entry("k", "fine")]}));
    let message = world.wait_reason("pushsecret", "thief", "Errored");
    assert!(message.starts_with("set secret failed: ") && message.contains("key \"declared\""), "{message}");
    wait_there(&world, "fake", "fine", Some("newer"));
    let status = world.get("pushsecret", "thief").unwrap()["status"].clone();
    assert_eq!(places(&status, "SecretStore/fake"), ["fine"], "what worked is recorded");
    assert!(counts(&operator)[4] >= 1);

    // A provider that takes no metadata, and a manifest that cannot be meant.
    let mut with_metadata = entry("k", "more");
    with_metadata["metadata"] = json!({"kind": "PushSecretMetadata"});
    push(&world, "metadata", &json!({"data": [with_metadata]}));
    let message = world.wait_reason("pushsecret", "metadata", "Errored");
    assert!(message.contains("it takes no metadata"), "{message}");
    push(&world, "missing", &json!({"data": [entry("nope", "x")]}));
    let message = world.wait_reason("pushsecret", "missing", "Errored");
    assert!(message.contains("secret key nope does not exist"), "{message}");
}

#[test]
fn a_store_that_cannot_be_written_to_says_so() {
    let world = world!("push-read-only");
    let _operator = Operator::start(&world);
    let plugin = "push-read-only-chameleon";
    let bytes = chameleon(&world, "1.0.0");
    world.install(plugin, &bytes, json!({}));
    world.wait_loaded(plugin, &digest(&bytes));
    super::store(&world, "read", &json!({}), &json!({plugin: {}}));
    secret(&world, "source", &json!({}), &json!({"k": "v"}));
    push(&world, "app", &json!({"secretStoreRefs": [{"name": "read"}], "data": [entry("k", "k")]}));
    let message = world.wait_reason("pushsecret", "app", "Errored");
    assert!(message.contains("nothing can be written there (push-read-only-chameleon@"), "{message}");
    fake(&world);
    world.wait("capabilities", || {
        let found = world.get("secretstore", "fake").unwrap()["status"]["capabilities"].clone();
        if found == "ReadWrite" { Ok(()) } else { Err(found.to_string()) }
    });
}

#[test]
fn tokens_of_the_cluster_are_not_pushed() {
    let world = world!("push-tokens");
    fake(&world);
    let token = json!({"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": "source", "namespace": world.name}, "stringData": {"token-id": "abcdef"}});
    world.apply(&token.to_string());
    let operator = Operator::start(&world);
    push(&world, "app", &json!({"data": [entry("token-id", "k")]}));
    let message = world.wait_reason("pushsecret", "app", "Errored");
    assert!(message.contains("a Secret of type bootstrap.kubernetes.io/token is refused"), "{message}");
    assert_eq!(counts(&operator), [0; 5]);
}
