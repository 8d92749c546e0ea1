//! Manifests of the reference document, moved into a test's corner: its namespace for `production`, its
//! controller class, the test account for ACCOUNT-ID. Nothing else is changed.

use claviger_testenv::workspace_root;
use serde_json::Value;

use super::World;

/// The document's namespace for applications.
const NAMESPACE: &str = "production";

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
}
