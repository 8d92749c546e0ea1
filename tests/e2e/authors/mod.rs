//! An author's project, from `claviger plugin new` to a Secret on the real API server.
//!
//! `cargo xtask test` starts and builds the projects before the tests' own network begins, since READMEs fetch packages;
//! here each is installed under a real operator and reads from a server that knows nothing of Claviger. A file for each
//! language; Rust's is docs/plugins/author.md itself, command by command.

mod go;
mod js;
mod page;
mod python;
mod rust;

use std::path::{Path, PathBuf};

use claviger_testenv::{AUTHORS_VAR, Files, RunDir, author_projects};
use serde_json::{Value, json};

use crate::support::{Operator, World, assert_no_value_left, digest, pack};

/// What the backend has at `/v1/app/login`.
const LOGIN: &str = r#"{"user":"app-user-1","password":"MARKED-author-password"}"#;
const PASSWORD: &str = "MARKED-author-password";

/// Says loudly that a test is not run; on CI that is a failure.
fn skip(why: &str) {
    let message = format!("SKIPPED: {why}");
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
    eprintln!("{message}");
}

/// Where the built projects are; none, loudly, where `cargo xtask test` built none.
fn projects() -> Option<PathBuf> {
    let folder = std::env::var_os(AUTHORS_VAR).map(PathBuf::from);
    if folder.is_none() {
        skip("projects of authors are built by `cargo xtask test`");
    }
    folder
}

/// A server of files, with the one that the starters' manifests read.
fn backend(world: &World, run: &RunDir) -> Files {
    let folder = run.path().join("served");
    std::fs::create_dir_all(folder.join("v1/app")).unwrap();
    std::fs::write(folder.join("v1/app/login"), LOGIN).unwrap();
    Files::start(&world.env.tools, run.path(), &folder).unwrap()
}

/// From the built project to the Secret.
fn synced(world: &World, lang: &str, kind: &str) {
    let Some(folder) = projects() else { return };
    let (_, name) = author_projects(lang).into_iter().find(|(of, _)| *of == kind).unwrap();
    let folder = folder.join(&name);
    let component = folder.join(format!("dist/{name}.wasm"));
    let Ok(bytes) = std::fs::read(&component) else {
        return skip(&format!("{} was not built", component.display()));
    };
    let run = RunDir::create(&world.name).unwrap();
    let files = backend(world, &run);
    let operator = Operator::start(world);
    for object in pack(world, &bytes, &name, &[]) {
        world.apply_json(&object);
    }
    world.wait_loaded(&name, &digest(&bytes));
    let manifests = manifests(world, &folder.join("manifests.yaml"), &name, files.address());
    for object in &manifests {
        world.apply_json(object);
    }
    world.wait_ready("externalsecret", &name);
    let expected = expected(&manifests);
    let expected: Vec<(&str, &str)> =
        expected.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    world.wait_data(&name, &expected);
    world.kubectl(&["delete", "plugin", &name]);
    assert_no_value_left(world, &operator, &[PASSWORD]);
}

/// The manifests of a project, in the test's namespace and for its operator, with the server's address in place.
fn manifests(world: &World, file: &Path, name: &str, address: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    // It is for the author to make, where it does not stand there.
    if !objects.iter().any(|object| object["kind"] == "Secret") {
        objects.insert(
            0,
            json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("{name}-login")},
                "stringData": {"token": "MARKED-author-token"},
            }),
        );
    }
    for object in &mut objects {
        ours(world, object, address);
    }
    objects
}

/// An object as this test's operator takes it.
fn ours(world: &World, object: &mut Value, address: &str) {
    match object["kind"].as_str() {
        Some("Plugin") => object["spec"]["controller"] = json!(world.name),
        Some("SecretStore") => {
            object["spec"]["controller"] = json!(world.name);
            for provider in object["spec"]["provider"].as_object_mut().unwrap().values_mut() {
                if provider.get("url").is_some() {
                    provider["url"] = json!(format!("{address}/v1"));
                }
            }
            object["metadata"]["namespace"] = json!(world.name);
        }
        _ => object["metadata"]["namespace"] = json!(world.name),
    }
}

/// What has to be in the Secret: the password that was read, or the templates of the manifests with what stands in the
/// store, put in place by another hand than the engine's.
fn expected(manifests: &[Value]) -> Vec<(String, String)> {
    let of_kind = |kind: &str| manifests.iter().find(|object| object["kind"] == kind).unwrap();
    let (store, secret) = (of_kind("SecretStore"), of_kind("ExternalSecret"));
    let Some(templates) = secret["spec"]["target"]["template"]["data"].as_object() else {
        return vec![("password".to_owned(), PASSWORD.to_owned())];
    };
    let data = store["spec"]["provider"]["fake"]["data"][0]["value"].as_str().unwrap();
    let data: std::collections::BTreeMap<String, String> = serde_json::from_str(data).unwrap();
    let filled = |template: &Value| {
        let text = template.as_str().unwrap().to_owned();
        data.iter().fold(text, |text, (key, value)| text.replace(&format!("${{{key}}}"), value))
    };
    templates.iter().map(|(key, template)| (key.clone(), filled(template))).collect()
}
