//! `claviger render` of the same, without a cluster: partial syncs, other kinds than Secrets, windows.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::world;

const MANIFESTS: &str = r#"
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: s}
spec: {provider: {fake: {data: [{key: one, value: v1}]}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: a-map}
spec:
  secretStoreRef: {name: s}
  data: [{secretKey: k, remoteRef: {key: one}}]
  target: {manifest: {apiVersion: v1, kind: ConfigMap}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: b-part, annotations: {claviger.io/partial-sync: "true"}}
spec:
  secretStoreRef: {name: s}
  data: [{secretKey: k, remoteRef: {key: one}}, {secretKey: l, remoteRef: {key: two}}]
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: c-whole}
spec:
  secretStoreRef: {name: s}
  data: [{secretKey: k, remoteRef: {key: two}}, {secretKey: l, remoteRef: {key: three}}]
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: d-window}
spec:
  secretStoreRef: {name: s}
  syncWindows: {kind: deny, windows: [{schedule: "0 0 * * 7", duration: 1h}]}
  data: [{secretKey: k, remoteRef: {key: one}}]
"#;

#[test]
fn render_covers_what_is_beyond_values() {
    let world = world!("render-beyond");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.yaml");
    std::fs::write(&file, MANIFESTS).unwrap();
    let output = Command::new(&world.env.claviger)
        .args(["--log-level", "error", "render", "-f", file.to_str().unwrap()])
        .args(["--plugin-dir", world.env.plugin_dir.to_str().unwrap()])
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{err}");
    let objects: Vec<Value> = out
        .split("---\n")
        .filter(|document| !document.trim().is_empty())
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect();
    let said: Vec<_> = objects
        .iter()
        .map(|object| (object["kind"].clone(), object["metadata"]["name"].clone(), object["data"].clone()))
        .collect();
    // base64 of v1
    let expected = [
        (json!("ConfigMap"), json!("a-map"), json!({"k": "v1"})),
        (json!("Secret"), json!("b-part"), json!({"k": "djE="})),
    ];
    assert_eq!(said, expected, "{err}");
    for part in [
        "default/b-part: PartiallySynced: 1 of 2 entries could not be read: ",
        "default/b-part: data[1]: RemoteKeyNotFound",
        "default/c-whole: data[0]: RemoteKeyNotFound",
        "default/c-whole: data[1]: RemoteKeyNotFound",
        "default/d-window: ManifestInvalid",
        "spec.syncWindows.windows[0].schedule",
        "3 failed, 2 rendered",
    ] {
        assert!(err.contains(part), "{part:?} is not in:\n{err}");
    }
}
