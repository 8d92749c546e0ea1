//! Writes to a provider that fail, or whose answer is lost: each value is written once.

use std::time::Duration;

use claviger_testenv::{Fault, FaultProxy};
use serde_json::{Value, json};

use super::asked;
use super::provider::Vault;
use crate::push::synced;
use crate::support::{Operator, world};

#[test]
fn a_push_that_fails_or_is_not_heard_of_is_made_once() {
    let world = world!("faults-push");
    let proxy = FaultProxy::start(world.env.bao.address()).unwrap();
    let vault = Vault::new(&world, &proxy.address());
    let mount = &vault.mount;
    let all = "[\"create\", \"update\", \"read\", \"delete\", \"list\"]";
    let policy = format!(
        "path \"{p}/data/*\" {{ capabilities = {all} }}\npath \"{p}/metadata/*\" {{ capabilities = {all} }}",
        p = mount.path
    );
    mount.api("PUT", &format!("sys/policies/acl/{}", mount.path), json!({"policy": policy}));
    let operator = Operator::start(&world);
    world.wait_ready("secretstore", "vault");
    // How often each is sent, first and then again for another value.
    let cases = [
        ("lost", Fault::Lost, 1),
        ("internal", Fault::json(500, &json!({"errors": ["internal error"]})), 2),
        ("reset", Fault::Reset, 2),
        ("limited", Fault::answer(429, &[("Retry-After", "2")], r#"{"errors":["too many requests"]}"#), 2),
    ];
    let source = |value: &str| {
        world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "source", "namespace": world.name},
            "stringData": {"whole": json!({"v": value}).to_string()},
        }));
    };
    for (round, value) in ["first", "second"].into_iter().enumerate() {
        proxy.seen();
        for (name, fault, _) in &cases {
            proxy.fail("PUT", &[&format!("/data/{name}")], 1, fault.clone());
        }
        source(value);
        for (name, ..) in &cases {
            let entry = json!({"match": {"secretKey": "whole", "remoteRef": {"remoteKey": name}}});
            world.apply_json(&json!({
                "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
                "metadata": {"name": name, "namespace": world.name},
                "spec": {"refreshInterval": "1h", "secretStoreRefs": [{"name": "vault"}],
                    "selector": {"secret": {"name": "source"}}, "data": [entry]},
            }));
        }
        for (name, ..) in &cases {
            world.wait(&format!("{name} to hold {value}"), || {
                let path = format!("{}/data/{name}", mount.path);
                let (_, answer) = world.env.bao.api("GET", &path, &Value::Null).unwrap();
                let data = &answer["data"];
                // A version is a write.
                match (&data["data"]["v"], &data["metadata"]["version"]) {
                    (found, version) if found == value && *version == json!(round + 1) => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            });
            synced(&world, name);
        }
        let seen = proxy.seen();
        for (name, _, times) in &cases {
            let sent = asked(&seen, "PUT", &format!("/data/{name}"));
            assert_eq!(sent.len(), *times, "{name}, {value}: {sent:?}");
            if *name == "limited" {
                let apart = sent[1].at.duration_since(sent[0].at);
                assert!(apart >= Duration::from_secs(2), "{apart:?}");
            }
        }
    }
    assert!(operator.runs());
}
