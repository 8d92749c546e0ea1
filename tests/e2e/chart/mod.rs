//! The Helm chart: what it renders of which values, what the reference document's command makes of it on a real API
//! server, the plugins and the policy that it brings, and that the end-to-end tests have its rights and no others.

mod install;
mod notes;
mod plugins;
mod render;
mod rights;
mod tokens;
mod values;
mod writes;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::RunDir;
use serde_json::{Value, json};

use crate::support::{Person, World, noise};

/// The chart where a person finds it, for a server of a version that has everything.
const TEMPLATE: &str =
    "helm template external-secrets charts/claviger -n external-secrets-system --kube-version 1.33.0";

/// A person and a folder, in a corner of a test that needs no more.
fn with_person<T>(world: &World, test: impl FnOnce(&Person<'_>, &Path) -> T) -> T {
    let dir = RunDir::create(&world.name).unwrap();
    test(&Person::new(world, dir.path()), dir.path())
}

/// What is rendered, as text; Helm's own remarks are left out.
fn rendered(person: &Person<'_>, flags: &str) -> String {
    person.does(&format!("{TEMPLATE} {flags} 2>/dev/null"))
}

/// The same, as objects.
fn objects(person: &Person<'_>, flags: &str) -> Vec<Value> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered(person, flags)).unwrap();
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

/// Those of a kind.
fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The one of a kind.
fn the<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    match of_kind(objects, kind)[..] {
        [one] => one,
        ref other => panic!("one {kind}: {other:?}"),
    }
}

/// The arguments of the operator.
fn args(deployment: &Value) -> Vec<String> {
    let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    args.as_array().unwrap().iter().map(|arg| arg.as_str().unwrap().to_owned()).collect()
}

/// What the chart takes for a package by zstd, of so many KiB that no compressor makes fewer; in base64.
fn package_of(kib: usize) -> String {
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    STANDARD.encode([&magic[..], &noise(kib * 1024 - magic.len())].concat())
}

fn deployment(world: &World, namespace: &str, name: &str) -> Value {
    let text = world.kubectl(&["-n", namespace, "get", "deployment", name, "-o", "json"]);
    serde_json::from_str(&text).unwrap()
}

/// Arguments and variables of its container, as the kubelet would give them.
fn process(deployment: &Value, namespace: &str) -> (Vec<String>, Vec<(String, String)>) {
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let value = |variable: &Value| match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
        Some("metadata.namespace") => namespace.to_owned(),
        Some("metadata.name") => "external-secrets-0".to_owned(),
        Some(other) => panic!("{other}"),
        None => text(&variable["value"]),
    };
    let variables = container["env"].as_array().unwrap().iter();
    (args(deployment), variables.map(|variable| (text(&variable["name"]), value(variable))).collect())
}

/// A command line that would make a Secret that an ExternalSecret owns and holds, as somebody else; nothing is made.
fn owned_secret(user: &str, namespace: &str) -> String {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "owned", "namespace": namespace, "ownerReferences": [{
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "some", "uid": "some",
            "controller": true, "blockOwnerDeletion": true,
        }]},
    });
    format!("echo '{secret}' | kubectl create --dry-run=server --as={user} -f -")
}

fn definitions(world: &World) -> Vec<String> {
    world.kubectl(&["get", "crd", "-o", "name"]).lines().map(str::to_owned).collect()
}
