//! Keys that fail: each is named in the status, and the annotation lets the rest be written.

use serde_json::{Value, json};

use super::{external_secret, store, syncs};
use crate::support::{Operator, World, world};

const PARTIAL: &str = "claviger.io/partial-sync: 'true'";
const THREE: &str = "  refreshInterval: 1s\n  data:\n  - {secretKey: a, remoteRef: {key: one}}\n\
                     \x20 - {secretKey: b, remoteRef: {key: two}}\n  - {secretKey: c, remoteRef: {key: three, property: x}}";

/// (entry, key, reason) of each failure in the status.
fn failures(world: &World, name: &str) -> Vec<[String; 3]> {
    let status = world.get("externalsecret", name).map(|es| es["status"]["failures"].clone());
    let list = status.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    list.iter().map(|one| ["entry", "key", "reason"].map(|field| text(one, field))).collect()
}

fn named(expected: &[[&str; 3]]) -> Vec<[String; 3]> {
    expected.iter().map(|one| one.map(ToOwned::to_owned)).collect()
}

fn wait_failures(world: &World, name: &str, expected: &[[&str; 3]]) {
    world.wait(&format!("{name} to name what fails"), || {
        let found = failures(world, name);
        if found == named(expected) { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

#[test]
fn each_failing_key_is_named_and_nothing_is_written() {
    let world = world!("failing-keys");
    store(&world, "{key: one, value: v1}, {key: three, value: 'no json'}");
    let _operator = Operator::start(&world);
    external_secret(&world, "all", "", THREE);
    let message = world.wait_reason("externalsecret", "all", "RemoteKeyNotFound");
    assert!(
        message.contains("\"two\"") && message.contains("and 1 more key: see status.failures"),
        "{message}"
    );
    let expected = [["data[1]", "two", "RemoteKeyNotFound"], ["data[2]", "three", "ValueNotUsable"]];
    wait_failures(&world, "all", &expected);
    assert!(world.get("secret", "all").is_none());
    // Gone when all is well.
    store(&world, "{key: one, value: v1}, {key: two, value: v2}, {key: three, value: '{\"x\": \"v3\"}'}");
    world.sync_now("all");
    world.wait_data("all", &[("a", "v1"), ("b", "v2"), ("c", "v3")]);
    world.wait_ready("externalsecret", "all");
    wait_failures(&world, "all", &[]);
}

#[test]
fn what_could_be_read_is_written_and_the_rest_stays() {
    let world = world!("partial-sync");
    store(&world, "{key: one, value: v1}, {key: two, value: v2}");
    let operator = Operator::start(&world);
    external_secret(&world, "part", PARTIAL, THREE);
    let message = world.wait_reason("externalsecret", "part", "PartiallySynced");
    assert!(message.starts_with("1 of 3 entries could not be read: "), "{message}");
    world.wait_data("part", &[("a", "v1"), ("b", "v2")]);
    wait_failures(&world, "part", &[["data[2]", "three", "RemoteKeyNotFound"]]);
    // Another one changes, one goes, and what is gone keeps what the Secret has.
    store(&world, "{key: one, value: changed}, {key: three, value: '{\"x\": \"v3\"}'}");
    world.sync_now("part");
    world.wait_data("part", &[("a", "changed"), ("b", "v2"), ("c", "v3")]);
    wait_failures(&world, "part", &[["data[1]", "two", "RemoteKeyNotFound"]]);
    // A whole extract that fails: what it brought stays, what it never brought and nothing gives goes.
    store(&world, "{key: one, value: v1}, {key: object, value: '{\"x\": \"1\", \"y\": \"2\"}'}");
    let with_object = "  refreshInterval: 1s\n  data: [{secretKey: a, remoteRef: {key: one}}]\n  dataFrom: [{extract: {key: object}}]";
    external_secret(&world, "object", PARTIAL, with_object);
    world.wait_data("object", &[("a", "v1"), ("x", "1"), ("y", "2")]);
    store(&world, "{key: one, value: v2}");
    world.sync_now("object");
    world.wait_data("object", &[("a", "v2"), ("x", "1"), ("y", "2")]);
    wait_failures(&world, "object", &[["dataFrom[0].extract", "object", "RemoteKeyNotFound"]]);
    // One that fails might have overridden what comes before it, and an object that restarts workloads is not looked at
    // again and again.
    store(
        &world,
        "{key: common, value: '{\"p\": \"default\"}'}, {key: prod, value: '{\"p\": \"real\"}'}, {key: one, value: v1}",
    );
    let overridden = "  data: [{secretKey: a, remoteRef: {key: one}}]\n  dataFrom: [{extract: {key: common}}, {extract: {key: prod}}]";
    let restarting = format!("{PARTIAL}, claviger.io/rollout-restart: deployment/none");
    external_secret(&world, "overridden", &restarting, overridden);
    world.wait_data("overridden", &[("a", "v1"), ("p", "real")]);
    store(&world, "{key: common, value: '{\"p\": \"default\"}'}, {key: one, value: v2}");
    world.sync_now("overridden");
    world.wait_data("overridden", &[("a", "v2"), ("p", "real")]);
    world.wait_reason("externalsecret", "overridden", "PartiallySynced");
    let partly = world.get("externalsecret", "overridden").unwrap();
    let version = partly["status"]["syncedResourceVersion"].as_str().unwrap_or_default();
    assert!(version.starts_with(&format!("{}-", partly["metadata"]["generation"])), "{partly}");
    let tries = syncs(&operator, &world.name, "overridden");
    assert!((2.0..8.0).contains(&tries), "{tries}");
    // A template may need what is missing: the Secret stays.
    store(&world, "{key: one, value: v1}, {key: two, value: v2}");
    let templated = "  refreshInterval: 1s\n  data: [{secretKey: a, remoteRef: {key: one}}, {secretKey: b, remoteRef: {key: two}}]\n\
                     \x20 target: {template: {data: {both: '{{ .a }}-{{ .b }}'}}}";
    external_secret(&world, "templated", PARTIAL, templated);
    world.wait_data("templated", &[("both", "v1-v2")]);
    store(&world, "{key: one, value: v3}");
    world.sync_now("templated");
    world.wait_reason("externalsecret", "templated", "RemoteKeyNotFound");
    world.wait_data("templated", &[("both", "v1-v2")]);
    // Nothing at all: that is no part of it.
    store(&world, "{key: other, value: v}");
    external_secret(&world, "nothing", PARTIAL, THREE);
    world.wait_reason("externalsecret", "nothing", "RemoteKeyNotFound");
    assert!(world.get("secret", "nothing").is_none());
    let status = world.get("externalsecret", "nothing").unwrap()["status"].clone();
    assert_eq!(status["failures"].as_array().map(Vec::len), Some(3), "{status}");
    assert_eq!(status["refreshTime"], json!(null));
}

/// With creationPolicy Merge there may be nothing to write to: it waits for that, as with all or nothing, and says what
/// fails. What varies is not rendered again at each try.
#[test]
fn a_part_waits_for_the_secret_that_it_is_merged_into() {
    let world = world!("partial-merge");
    store(&world, "{key: one, value: v1}");
    let operator = Operator::start(&world);
    let spec = "  refreshInterval: 1s\n  data: [{secretKey: a, remoteRef: {key: one}}, {secretKey: b, remoteRef: {key: two}}]\n\
                \x20 target: {creationPolicy: Merge, template: {metadata: {annotations: {id: '{{ uuidv4 }}'}}}}";
    external_secret(&world, "part", PARTIAL, spec);
    let message = world.wait("it to wait", || match world.ready("externalsecret", "part") {
        Some((status, reason, message)) if status == "True" && reason == "SecretMissing" => Ok(message),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(
        message,
        "secret will not be created due to CreationPolicy=Merge; 1 key could not be read: see status.failures"
    );
    wait_failures(&world, "part", &[["data[1]", "two", "RemoteKeyNotFound"]]);
    assert!(world.get("secret", "part").is_none());
    // It comes, with a key of its own, and is written at once.
    world.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: part, namespace: {}}}\nstringData: {{base: x}}\n",
        world.name
    ));
    world.wait_data("part", &[("a", "v1"), ("base", "x")]);
    world.wait_reason("externalsecret", "part", "PartiallySynced");
    let id = || world.get("secret", "part").unwrap()["metadata"]["annotations"]["id"].clone();
    let first = id();
    assert!(first.is_string(), "{first}");
    let tries = syncs(&operator, &world.name, "part");
    world.wait("three more tries", || match syncs(&operator, &world.name, "part") - tries {
        more if more >= 3.0 => Ok(()),
        more => Err(more.to_string()),
    });
    assert_eq!(id(), first);
    // Nor when the other writer changes what is its own.
    let patch = r#"{"stringData":{"base":"y"}}"#;
    world.kubectl(&["-n", &world.name, "patch", "secret", "part", "--type=merge", "-p", patch]);
    let tries = syncs(&operator, &world.name, "part");
    world.wait("two more tries", || match syncs(&operator, &world.name, "part") - tries {
        more if more >= 2.0 => Ok(()),
        more => Err(more.to_string()),
    });
    assert_eq!(id(), first);
    world.wait_data("part", &[("a", "v1"), ("base", "y")]);
}
