//! Manifests of the reference document, moved into a test's corner: its namespace for `production`, its
//! controller class, the test account for ACCOUNT-ID. Nothing else is changed. And what its Secrets have to be, whole:
//! what ESO's own packages make of the same values (`tests/gotemplates/seed.go`).

use claviger_testenv::workspace_root;
use serde_json::{Value, json};

use super::World;
use crate::cases::marks;

/// The document's namespace for applications.
const NAMESPACE: &str = "production";

/// Begins annotations that ESO copies from an ExternalSecret and Claviger does not: docs/eso-differences.md has the row.
const NOT_COPIED: &str = "external-secrets.io/rotation-";

fn read(file: &str) -> Value {
    let path = workspace_root().join("tests/gotemplates").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What the document's store of that name holds in these tests: texts by key.
pub(crate) fn seed_values(store: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let all = read("seed-values.json");
    let values = all[store].as_object().unwrap_or_else(|| panic!("nothing is in {store}"));
    values.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

impl World {
    /// The document's manifest of that file name in `crds/tests/seed`, as this corner's.
    pub(crate) fn seed(&self, name: &str) -> Value {
        let path = workspace_root().join("crds/tests/seed").join(format!("{name}.yaml"));
        let manifest = std::fs::read_to_string(path).unwrap().replace("ACCOUNT-ID", "123456789012");
        let mut object: Value = serde_saphyr::from_str(&manifest).unwrap();
        if object["metadata"]["namespace"] == NAMESPACE {
            object["metadata"]["namespace"] = self.name.as_str().into();
        }
        if object["kind"].as_str().unwrap().ends_with("SecretStore") {
            object["spec"]["controller"] = self.name.as_str().into();
        }
        object
    }

    /// Waits until the Secret of the document's ExternalSecret is what ESO makes of [`seed_values`]: data, type, labels
    /// and annotations, byte for byte, but for annotations of Claviger's own. Keys in `own` have to be there, with
    /// values that are the test's business: made by a backend, or the time.
    pub(crate) fn wait_seed(&self, name: &str, own: &[&str]) {
        let mut wanted = read("seed-expected.json")[name].clone();
        let secret = wanted["metadata"]["name"].as_str().unwrap().to_owned();
        wanted["metadata"]["namespace"] = self.name.as_str().into();
        let label = "reconcile.external-secrets.io/created-by";
        wanted["metadata"]["labels"][label] = marks::created_by(&self.name, name).into();
        wanted["metadata"]["annotations"]
            .as_object_mut()
            .unwrap()
            .retain(|key, _| !key.starts_with(NOT_COPIED));
        self.wait(&format!("Secret {secret} to be what ESO makes of it"), || {
            let found = self.get("secret", &secret).ok_or("no such Secret")?;
            let mut wanted = wanted.clone();
            for key in own.iter().filter(|key| found["data"].get(**key).is_some()) {
                assert!(wanted["data"].get(*key).is_some(), "{key} is none of the document's");
                wanted["data"][*key] = found["data"][*key].clone();
            }
            if !own.is_empty() {
                let data = self.data(&secret).ok_or("no such Secret")?;
                let hash = marks::data_hash(&data);
                wanted["metadata"]["annotations"]["reconcile.external-secrets.io/data-hash"] = hash.into();
            }
            let mut annotations = found["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
            annotations.retain(|key, _| {
                let domain = key.split('/').next().unwrap();
                !(domain == "claviger.io" || domain.ends_with(".claviger.io"))
            });
            let found = json!({
                "apiVersion": found["apiVersion"], "kind": found["kind"], "type": found["type"], "data": found["data"],
                "metadata": {
                    "name": found["metadata"]["name"], "namespace": found["metadata"]["namespace"],
                    "labels": found["metadata"]["labels"], "annotations": annotations,
                },
            });
            if found == wanted { Ok(()) } else { Err(format!("expected {wanted}\nfound {found}")) }
        });
    }
}
