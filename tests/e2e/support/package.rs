//! Components as ConfigMaps and Plugin objects of a test's own operator, and components that differ.

use std::process::Command;

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
    section(&mut bytes, 0, &[&[5][..], b"label", label.as_bytes()].concat());
    bytes
}

/// The `chameleon` fixture, turned to a version and a behaviour.
pub(crate) fn chameleon(world: &World, knob: &str) -> Vec<u8> {
    claviger_testenv::chameleon(&component(world, "chameleon"), knob)
}

/// What `claviger plugin pack` prints, made to be of this test's operator.
pub(crate) fn pack(world: &World, bytes: &[u8], name: &str, extra: &[&str]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("component.wasm");
    std::fs::write(&file, bytes).unwrap();
    let output = Command::new(&world.env.claviger)
        .args(["plugin", "pack", file.to_str().unwrap(), "--name", name, "--namespace", &world.name])
        .args(extra)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    for object in &mut objects {
        if object["kind"] == "Plugin" {
            object["spec"]["controller"] = json!(world.name);
        }
    }
    objects
}

/// A section of a wasm file.
pub(crate) fn section(into: &mut Vec<u8>, id: u8, content: &[u8]) {
    into.push(id);
    leb(into, u32::try_from(content.len()).unwrap());
    into.extend(content);
}

/// Unsigned LEB128; of numbers below 64 the signed one too.
pub(crate) fn leb(into: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Bytes that no compressor makes smaller (xorshift64).
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(step).flatten().take(length).collect()
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
