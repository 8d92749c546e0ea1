//! The conformance suite over the shipped providers and the example, each with a bench that a test prepares in a real
//! backend, through the binary as an author runs it.

mod aws;
mod azure;
mod etcd;
mod gcp;
mod kubernetes;
mod onepassword;
mod recording;
mod vault;
mod webhook;

use std::process::Command;

use serde_json::{Map, Value, json};

use crate::support::World;

/// Runs `claviger plugin test` over a plugin, which is a name among the built ones or the path of another, without its
/// ending; its table, if everything passed.
fn conforms(world: &World, plugin: &str, bench: &Value) -> String {
    let (code, out) = tested(world, plugin, bench, &[]);
    assert_eq!(code, Some(0), "{out}");
    println!("{out}");
    out
}

/// The same over the component that was built of it when version 1 of the interface was frozen.
fn still_conforms(world: &World, plugin: &str, bench: &Value) -> String {
    let kept = format!("host/plugins/tests/v1/{plugin}.wasm.zst");
    let kept = claviger_testenv::workspace_root().join(kept);
    conforms(world, kept.to_str().unwrap(), bench)
}

/// The same with more flags, whatever comes of it: the exit code, the table and what else was said.
fn tested(world: &World, plugin: &str, bench: &Value, flags: &[&str]) -> (Option<i32>, String) {
    let ending = if plugin.ends_with(".zst") { "" } else { ".wasm" };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bench.yaml");
    // JSON is YAML.
    std::fs::write(&file, bench.to_string()).unwrap();
    let output = Command::new(&world.env.claviger)
        .args(["plugin", "test"])
        .arg(world.env.plugin_dir.join(format!("{plugin}{ending}")))
        .arg("--bench")
        .arg(&file)
        .args(flags)
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// Cases that need nothing but to be asked for, and those that a provider adds or says more of.
fn with_usual(cases: Map<String, Value>) -> Map<String, Value> {
    let usual = [
        "badCredential",
        "throttled",
        "serverError",
        "serverErrorAtLogin",
        "timeout",
        "slow",
        "truncatedBody",
        "oversizedBody",
        "notTheBackend",
        "unreachable",
        "loginOnce",
        "validate",
        "validateBadCredential",
    ];
    usual.into_iter().map(|case| (case.to_owned(), json!({}))).chain(cases).collect()
}

/// What a provider cannot do that is not written to, and why.
fn read_only(unsupported: Value) -> Value {
    let cases = ["push", "createOnly", "pushUnmanaged", "pushConflict", "pushMetadata", "deletePushed"];
    let Value::Object(mut unsupported) = unsupported else { panic!("{unsupported}") };
    unsupported.extend(cases.map(|case| (case.to_owned(), json!("it cannot be written to"))));
    unsupported.into()
}

/// Cases of what is written to, below a folder; `unmanaged` is a key that is there.
fn pushes(folder: &str, unmanaged: &str, metadata: &Value) -> Map<String, Value> {
    let key = |name: &str| json!({"key": format!("{folder}{name}")});
    let mut with_metadata = key("metadata");
    with_metadata.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    [
        ("push", key("push")),
        ("createOnly", key("create-only")),
        ("pushUnmanaged", json!({"key": unmanaged})),
        ("pushConflict", key("conflict")),
        ("pushMetadata", with_metadata),
        ("deletePushed", key("deleted")),
    ]
    .map(|(case, bench)| (case.to_owned(), bench))
    .into_iter()
    .collect()
}
