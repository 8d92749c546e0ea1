//! The manifests of docs/push.md are accepted, and say what the text says.

use claviger_testenv::workspace_root;
use serde_json::{Value, json};

use super::{places, secret, store, synced};
use crate::support::{Operator, world};

fn documented() -> Vec<Value> {
    let text = std::fs::read_to_string(workspace_root().join("docs/push.md")).unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| serde_saphyr::from_str(block).unwrap()).collect()
}

#[test]
fn every_manifest_of_the_documentation_is_pushed() {
    let world = world!("push-docs");
    // Vault's properties are keys of that very name; these are the same as paths.
    store(&world, "vault", &json!({"backup": "yes"}), &json!({"fake": {"data": []}}));
    let _operator = Operator::start(&world);
    let labels = json!({"backup": "yes"});
    secret(&world, "database", &labels, &json!({"user": "ann", "password": "x", "db_host": "h"}));
    let mut kinds = Vec::new();
    for mut object in documented() {
        kinds.push(object["kind"].as_str().unwrap().to_owned());
        if object["kind"] == "ClusterPushSecret" {
            // Of another test's operator's business, if it selected something.
            object["metadata"]["name"] = json!(world.name);
            world.apply(&object.to_string());
            world.kubectl(&["delete", "clusterpushsecret", &world.name]);
            continue;
        }
        object["metadata"]["namespace"] = json!(world.name);
        world.apply(&object.to_string());
    }
    assert_eq!(kinds, ["PushSecret", "PushSecret", "PushSecret", "ClusterPushSecret"]);
    for (name, expected) in [
        ("database", vec!["apps/database/password", "apps/database/user"]),
        ("connection", vec!["apps/connection/url"]),
        ("everything", vec!["backup/host"]),
    ] {
        assert_eq!(places(&synced(&world, name), "SecretStore/vault"), expected, "{name}");
    }
    // The command of the text.
    let text = std::fs::read_to_string(workspace_root().join("docs/push.md")).unwrap();
    let command = text.lines().find_map(|line| line.strip_prefix("    kubectl patch pushsecret")).unwrap();
    let patch = command.split('\'').nth(1).unwrap();
    let finalizers = || world.get("pushsecret", "database").unwrap()["metadata"]["finalizers"].clone();
    assert_eq!(finalizers(), json!(["pushsecret.externalsecrets.io/finalizer"]));
    world.kubectl(&["-n", &world.name, "patch", "pushsecret", "database", "--type=merge", "-p", patch]);
    world.wait("the finalizer to go", || if finalizers().is_null() { Ok(()) } else { Err(String::new()) });
}
