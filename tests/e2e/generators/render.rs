//! The commands that know generators.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use super::documented;
use crate::support::world;

#[test]
fn render_and_inspect_know_them() {
    let world = world!("generators-render");
    let claviger = |args: &[&str]| {
        let output = Command::new(&world.env.claviger)
            .args(["--log-level", "error"])
            .args(args)
            .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), err)
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.yaml");
    let vault = "---\napiVersion: generators.external-secrets.io/v1alpha1\nkind: VaultDynamicSecret\nmetadata: {name: v}\n\
        spec: {path: database/creds/app, provider: {server: \"http://127.0.0.1:1\", auth: {tokenSecretRef: {name: t, key: t}}}}\n---\n\
        apiVersion: v1\nkind: Secret\nmetadata: {name: t}\nstringData: {t: token}\n---\n\
        apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: leased}\n\
        spec: {dataFrom: [{sourceRef: {generatorRef: {kind: VaultDynamicSecret, name: v}}}]}\n";
    let documents: Vec<String> = documented().iter().map(Value::to_string).collect();
    std::fs::write(&file, format!("{}\n{vault}", documents.join("\n---\n"))).unwrap();
    let plugins = world.env.plugin_dir.to_str().unwrap();
    let render = || claviger(&["render", "-f", file.to_str().unwrap(), "--plugin-dir", plugins]);
    let (code, out, err) = render();
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("1 failed, 5 rendered"), "{err}");
    assert!(err.contains("it makes credentials, which need a Secret that they are recorded in"), "{err}");
    let secrets: BTreeMap<String, Value> = out
        .split("---\n")
        .filter(|document| !document.trim().is_empty())
        .map(|document| serde_saphyr::from_str::<Value>(document).unwrap())
        .map(|secret| (secret["metadata"]["name"].as_str().unwrap().to_owned(), secret["data"].clone()))
        .collect();
    let names: Vec<&str> = secrets.keys().map(String::as_str).collect();
    assert_eq!(names, ["database", "deploy", "instance", "strong", "trial"]);
    // base64 of what it says.
    assert_eq!(secrets["trial"], json!({"user": "dHJpYWw=", "password": "bm90LXNlY3JldA=="}));
    let (_, again, _) = render();
    assert_ne!(again, out, "another each time");

    let component = world.env.plugin_dir.join("generators.wasm");
    let (code, out, err) = claviger(&["plugin", "inspect", component.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    let line = out.lines().find(|line| line.starts_with("Generators:")).unwrap_or(&out);
    let kinds: Vec<&str> = line.split_whitespace().skip(1).collect();
    assert_eq!(kinds, ["Fake", "Password", "SSHKey", "UUID"], "{out}");
}
