//! Components as ConfigMaps and Plugin objects of a test's own operator, and components that differ.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::World;

/// A built component.
pub(crate) fn component(world: &World, name: &str) -> Vec<u8> {
    let file = world.env.plugin_dir.join(format!("{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// `sha256:…`
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The same component with another digest: a custom section (id 0) at the end, which nothing reads.
pub(crate) fn relabelled(component: &[u8], label: &str) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let name = b"label";
    bytes.extend([0, u8::try_from(1 + name.len() + label.len()).unwrap(), u8::try_from(name.len()).unwrap()]);
    bytes.extend(name);
    bytes.extend(label.as_bytes());
    bytes
}

/// The `chameleon` fixture, turned to a version and a behaviour.
pub(crate) fn chameleon(world: &World, knob: &str) -> Vec<u8> {
    claviger_testenv::chameleon(&component(world, "chameleon"), knob)
}

impl World {
    /// Puts bytes into a ConfigMap `NAME-plugin` of the operator's namespace.
    pub(crate) fn put_component(&self, name: &str, bytes: &[u8]) {
        self.apply_json(&json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("{name}-plugin"), "namespace": self.name},
            "binaryData": {"component.wasm": STANDARD.encode(bytes)},
        }));
    }

    /// A Plugin object of that ConfigMap, for the test's own operator.
    pub(crate) fn put_plugin(&self, name: &str, digests: &[String], rest: Value) {
        let mut spec = json!({
            "controller": self.name,
            "source": {"configMap": {"name": format!("{name}-plugin")}},
            "digest": digests,
        });
        if let (Some(spec), Some(rest)) = (spec.as_object_mut(), rest.as_object()) {
            spec.extend(rest.clone());
        }
        self.apply_json(&json!({
            "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": name}, "spec": spec,
        }));
    }

    /// Both.
    pub(crate) fn install(&self, name: &str, bytes: &[u8], rest: Value) {
        self.put_component(name, bytes);
        self.put_plugin(name, &[digest(bytes)], rest);
    }

    /// `kubectl apply` of JSON, which must be accepted.
    pub(crate) fn apply_json(&self, object: &Value) {
        self.apply(&object.to_string());
    }

    /// A Plugin's Ready condition, and its status.
    pub(crate) fn plugin(&self, name: &str) -> Option<(String, String, String, Value)> {
        let output = self.try_kubectl(&["get", "plugin", name, "-o", "json"]);
        let object: Value = serde_json::from_slice(&output.stdout).ok()?;
        let status = object["status"].clone();
        let ready = status["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")?;
        let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        // A condition of an earlier generation is no answer.
        (status["observedGeneration"] == object["metadata"]["generation"])
            .then(|| (text("status"), text("reason"), text("message"), status.clone()))
    }

    /// Waits until the Plugin is loaded with that digest; its status.
    pub(crate) fn wait_loaded(&self, name: &str, digest: &str) -> Value {
        self.wait(&format!("Plugin {name} to be loaded"), || match self.plugin(name) {
            Some((ready, _, _, status)) if ready == "True" && status["digest"] == digest => Ok(status),
            other => Err(format!("{other:?}")),
        })
    }

    /// Waits until the Plugin is not Ready for that reason; the message and the status.
    pub(crate) fn wait_refused(&self, name: &str, reason: &str) -> (String, Value) {
        self.wait(&format!("Plugin {name} to say {reason}"), || match self.plugin(name) {
            Some((ready, found, message, status)) if ready == "False" && found == reason => {
                Ok((message, status))
            }
            other => Err(format!("{other:?}")),
        })
    }
}
