//! Manifests in the older spelling: each parses, serializes back to what it says, and has no field that
//! the API server would prune.

use claviger_crds::external_secret::ExternalSecret;
use claviger_crds::store::{ClusterSecretStore, SecretStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::node::schema_of;

fn manifests() -> Vec<(String, Value)> {
    let dir = std::path::Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/seed");
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_saphyr::from_str(&text).unwrap())
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found.len(), 20, "16 manifests and 4 alternatives that they give in comments");
    found
}

fn round_trip<T: Serialize + DeserializeOwned>(manifest: &Value) -> Value {
    let object: T = serde_json::from_value(manifest.clone()).unwrap();
    serde_json::to_value(object).unwrap()
}

#[test]
fn every_manifest_parses_and_keeps_what_it_says() {
    for (name, manifest) in manifests() {
        let back = match manifest["kind"].as_str().unwrap() {
            "ExternalSecret" => round_trip::<ExternalSecret>(&manifest),
            "SecretStore" => round_trip::<SecretStore>(&manifest),
            "ClusterSecretStore" => round_trip::<ClusterSecretStore>(&manifest),
            other => panic!("{name}: kind {other}"),
        };
        let mut lost = Vec::new();
        missing(&manifest["spec"], &back["spec"], "spec", &mut lost);
        assert!(lost.is_empty(), "{name}: {lost:?}");
    }
}

/// What `want` says and `have` does not; `have` may say more, namely defaults.
fn missing(want: &Value, have: &Value, at: &str, lost: &mut Vec<String>) {
    match (want, have) {
        (Value::Object(want), Value::Object(have)) => {
            for (name, value) in want {
                match have.get(name) {
                    Some(inner) => missing(value, inner, &format!("{at}.{name}"), lost),
                    None => lost.push(format!("{at}.{name}")),
                }
            }
        }
        (Value::Array(want), Value::Array(have)) if want.len() == have.len() => {
            for (index, (want, have)) in want.iter().zip(have).enumerate() {
                missing(want, have, &format!("{at}[{index}]"), lost);
            }
        }
        _ if want == have => {}
        _ => lost.push(format!("{at}: {want} became {have}")),
    }
}

#[test]
fn no_manifest_has_a_field_that_would_be_pruned() {
    for (name, manifest) in manifests() {
        let schema = schema_of(manifest["kind"].as_str().unwrap());
        let mut pruned = Vec::new();
        undeclared(&manifest["spec"], &schema["properties"]["spec"], "spec", &mut pruned);
        assert!(pruned.is_empty(), "{name}: {pruned:?}");
    }
}

/// Fields of `value` that the schema does not declare, as the API server's pruning sees it.
fn undeclared(value: &Value, schema: &Value, at: &str, pruned: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                let at = format!("{at}.{name}");
                if let Some(declared) = schema["properties"].get(name) {
                    undeclared(inner, declared, &at, pruned);
                } else if let Some(declared) = schema.get("additionalProperties") {
                    undeclared(inner, declared, &at, pruned);
                } else if schema.get("x-kubernetes-preserve-unknown-fields").is_none() {
                    pruned.push(at);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                undeclared(item, &schema["items"], at, pruned);
            }
        }
        _ => {}
    }
}

#[test]
fn what_a_manifest_leaves_out_is_what_the_api_server_would_fill_in() {
    let object: ExternalSecret = serde_saphyr::from_str(
        "{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: a}, spec: {}}",
    )
    .unwrap();
    let spec = serde_json::to_value(&object.spec).unwrap();
    let schema = schema_of("ExternalSecret");
    for field in ["target", "refreshInterval"] {
        assert_eq!(spec[field], schema["properties"]["spec"]["properties"][field]["default"], "{field}");
    }
    assert_eq!(spec.as_object().unwrap().len(), 2, "{spec}");
}

#[test]
fn a_provider_has_exactly_one_entry() {
    let provider = |yaml: &str| -> claviger_crds::store::Provider { serde_saphyr::from_str(yaml).unwrap() };
    assert_eq!(provider("{any-plugin: {a: 1}}").entry().unwrap().0, "any-plugin");
    assert!(provider("{}").entry().is_none());
    assert!(provider("{vault: {}, aws: {}}").entry().is_none());
}
