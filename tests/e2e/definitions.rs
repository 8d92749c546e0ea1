//! The definitions on the real API server: the reference document's manifests go in, nothing is pruned,
//! and both versions show the same.

use std::fs;

use claviger_testenv::workspace_root;
use serde_json::Value;

use crate::support::world;

#[test]
fn the_reference_manifests_survive_both_versions() {
    let world = world!("definitions");
    let folder = workspace_root().join("crds/tests/seed");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for document in text.split("\n---") {
            let Ok(sent) = serde_saphyr::from_str::<Value>(document) else { continue };
            let Some(kind) =
                sent["kind"].as_str().filter(|kind| kind.ends_with("Store") || *kind == "ExternalSecret")
            else {
                continue;
            };
            seen += 1;
            let mut sent = sent.clone();
            // Nobody's: the operators of other tests leave it alone.
            if kind != "ExternalSecret" {
                sent["spec"]["controller"] = Value::from("nobody");
            }
            // The document cuts its certificates short.
            if let Some(bundle) = sent.pointer_mut("/spec/provider/vault/caBundle") {
                *bundle = Value::from("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t");
            }
            let cluster = kind == "ClusterSecretStore";
            if !cluster {
                sent["metadata"]["namespace"] = Value::from(world.name.as_str());
            }
            // Strict validation: an unknown field is an error, not a silent loss.
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(&file, sent.to_string()).unwrap();
            world.kubectl(&["create", "--validate=strict", "-f", file.path().to_str().unwrap()]);
            let name = sent["metadata"]["name"].as_str().unwrap();
            let plural = format!("{}s", kind.to_lowercase());
            let read = |version: &str| -> Value {
                let resource = format!("{plural}.{version}.external-secrets.io");
                serde_json::from_str(&world.kubectl(&[
                    "-n",
                    &world.name,
                    "get",
                    &resource,
                    name,
                    "-o",
                    "json",
                ]))
                .unwrap()
            };
            let (v1, v1beta1) = (read("v1"), read("v1beta1"));
            assert_eq!(v1["spec"], v1beta1["spec"], "{kind} {name}");
            contains(&v1["spec"], &sent["spec"], &format!("{kind} {name}: spec"));
            // And back: what v1beta1 shows is written by v1beta1 without a change.
            let mut back = v1beta1.clone();
            back["metadata"]["managedFields"] = Value::Null;
            // Operators of other tests write a status to it meanwhile.
            back["metadata"]["resourceVersion"] = Value::Null;
            fs::write(&file, back.to_string()).unwrap();
            world.kubectl(&["replace", "-f", file.path().to_str().unwrap()]);
            assert_eq!(read("v1")["spec"], v1["spec"], "{kind} {name}");
            // Some names stand in the document more than once.
            world.kubectl(&["-n", &world.name, "delete", &plural, name]);
        }
    }
    assert!(seen >= 15, "only {seen} manifests were found");
}

/// Everything that was sent is there; defaults may have come on top.
fn contains(found: &Value, sent: &Value, place: &str) {
    match (found, sent) {
        (Value::Object(found), Value::Object(sent)) => {
            for (key, value) in sent {
                let found = found.get(key).unwrap_or_else(|| panic!("{place}.{key} was pruned"));
                contains(found, value, &format!("{place}.{key}"));
            }
        }
        (Value::Array(found), Value::Array(sent)) => {
            assert_eq!(found.len(), sent.len(), "{place}");
            for (index, (found, sent)) in found.iter().zip(sent).enumerate() {
                contains(found, sent, &format!("{place}[{index}]"));
            }
        }
        (found, sent) => assert_eq!(found, sent, "{place}"),
    }
}
