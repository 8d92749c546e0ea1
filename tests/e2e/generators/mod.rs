//! Generators: what each kind makes, when it is made again, and that it is not made again for any other reason, by the
//! API server's audit log. What they share is here; those that make credentials on lease are in `leases`.

mod made;
mod places;
mod refresh;
mod refused;
mod render;
mod state;
mod stay;
mod tokens;

use std::collections::BTreeMap;
use std::time::Duration;

use claviger_testenv::{Mark, workspace_root};
use serde_json::{Value, json};

use crate::support::{Operator, World};

pub(super) type Data = BTreeMap<String, Vec<u8>>;

/// A store of the test's own class, which every ExternalSecret of it names: so they are its own operator's.
pub(crate) fn store(world: &World) {
    let object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "own", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "k", "value": "stored"}]}}},
    });
    world.apply(&object.to_string());
}

pub(crate) fn generator(world: &World, kind: &str, name: &str, spec: &Value) {
    let object = json!({
        "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": world.name}, "spec": spec,
    });
    world.apply(&object.to_string());
}

/// An entry of `dataFrom`.
pub(crate) fn from(kind: &str, name: &str) -> Value {
    json!({"sourceRef": {"generatorRef": {"kind": kind, "name": name}}})
}

pub(crate) fn es(world: &World, name: &str, data_from: &[Value], more: &Value) {
    let mut spec = json!({"refreshInterval": "1h", "secretStoreRef": {"name": "own"}, "dataFrom": data_from});
    let fields = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(fields);
    let object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name}, "spec": spec,
    });
    world.apply(&object.to_string());
}

pub(super) fn text(data: &Data, key: &str) -> String {
    String::from_utf8(data.get(key).unwrap_or_else(|| panic!("{key} of {:?}", data.keys())).clone()).unwrap()
}

pub(super) fn data(world: &World, secret: &str) -> Data {
    world.data(secret).unwrap_or_else(|| panic!("no Secret {secret}"))
}

/// Waits until a key of a Secret is another than `before`.
pub(super) fn wait_other(world: &World, secret: &str, key: &str, before: &str) -> String {
    // One and a half intervals of the longest here, and time to spare.
    world.wait_for(Duration::from_secs(120), &format!("another {key} of {secret}"), || {
        match world.data(secret) {
            Some(data) if data.contains_key(key) && text(&data, key) != before => Ok(text(&data, key)),
            Some(_) => Err("the same".to_owned()),
            None => Err("no Secret".to_owned()),
        }
    })
}

pub(super) fn refreshes(world: &World, operator: &Operator, name: &str) -> f64 {
    let labels = format!("externalsecret_sync_calls_total{{name=\"{name}\",namespace=\"{}\"}}", world.name);
    operator.metric(&labels).unwrap_or_default()
}

pub(super) fn wait_refreshes(world: &World, operator: &Operator, name: &str, more: f64) {
    let wanted = refreshes(world, operator, name) + more;
    world.wait(&format!("refreshes of {name}"), || match refreshes(world, operator, name) {
        count if count >= wanted => Ok(()),
        count => Err(format!("{count} of {wanted}")),
    });
}

/// Writes of Secrets of the test's namespace by its operator.
pub(super) fn writes(world: &World, since: Mark) -> Vec<String> {
    let user = format!("system:serviceaccount:{ns}:operator-{ns}", ns = world.name);
    let secrets = format!("/namespaces/{}/secrets", world.name);
    let all = world.env.cluster.audit_requests(since).unwrap().into_iter();
    let own = all.filter(|request| request.user == user && request.uri.contains(&secrets));
    let writes = own.filter(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch"));
    writes.map(|request| format!("{} {}", request.verb, request.uri)).collect()
}

/// The YAML of docs/generators.md.
pub(super) fn documented() -> Vec<Value> {
    let text = std::fs::read_to_string(workspace_root().join("docs/generators.md")).unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let documents = blocks.flat_map(|block| block.split("\n---\n"));
    documents.map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

/// The annotation on the Secret that says when what is held was made.
pub(super) fn record(world: &World, secret: &str) -> String {
    let annotations = world.get("secret", secret).unwrap_or_default()["metadata"]["annotations"].clone();
    let mut records = annotations.as_object().into_iter().flatten();
    let found = records.find(|(name, _)| name.starts_with("lease.claviger.io/"));
    found.map_or_else(String::new, |(_, text)| text.to_string())
}
