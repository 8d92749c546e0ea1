//! Projects in JavaScript, and the example of a template engine around a package of npm. (The other example, etcd, is in
//! `conformance`.)

use std::collections::BTreeMap;

use claviger_testenv::{Progress, example, workspace_root};
use serde::Deserialize;
use serde_json::{Value, json};

use super::synced;
use crate::support::{Operator, World, digest, pack, world};

#[test]
fn a_provider_goes_from_new_to_a_secret() {
    let world = world!("author-js");
    synced(&world, "js", "provider");
}

#[test]
fn a_template_engine_goes_from_new_to_a_secret() {
    let world = world!("author-js-template");
    synced(&world, "js", "template");
}

/// Name of the Plugin object, which is cluster-wide.
const ENGINE: &str = "author-mustache";

#[derive(Deserialize)]
struct Corpus {
    data: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    #[serde(default)]
    lenient: bool,
    tags: Option<[String; 2]>,
}

/// What pystache made of a template; none where it failed.
#[derive(Deserialize)]
struct Expected {
    output: Option<String>,
}

/// The example's own corpus, through the sandbox into a Secret. `cargo xtask test` has built the component, where there
/// was a network.
#[test]
fn mustache_renders_as_pystache_does() {
    let world = world!("author-mustache");
    let component = example(&Progress::default(), "template-mustache").unwrap();
    let bytes = std::fs::read(component).unwrap();
    let folder = workspace_root().join("plugins/examples/template-mustache/test/corpus");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let corpus: Corpus = serde_json::from_slice(&read("corpus.json")).unwrap();
    let expected: Vec<Expected> = serde_json::from_slice(&read("expected.json")).unwrap();
    assert_eq!(corpus.cases.len(), expected.len());
    let _operator = Operator::start(&world);
    let objects = pack(&world, &bytes, ENGINE, &[]);
    assert_eq!(objects.len(), 2, "it fits into one ConfigMap");
    for object in &objects {
        world.apply_json(object);
    }
    let status = world.wait_loaded(ENGINE, &digest(&bytes));
    assert_eq!(status["worlds"], json!(["template-engine@1.0.0"]));

    // An ExternalSecret is strict and has the usual delimiters; the rest of the corpus is the example's own test.
    let (mut templates, mut rendered) = (serde_json::Map::new(), BTreeMap::new());
    for (index, (case, expected)) in corpus.cases.iter().zip(expected).enumerate() {
        let Some(output) = expected.output.filter(|_| !case.lenient && case.tags.is_none()) else { continue };
        templates.insert(format!("case-{index}"), json!(case.template));
        rendered.insert(format!("case-{index}"), output);
    }
    assert!(rendered.len() > 80, "the corpus has shrunk");
    store(&world, &corpus.data);
    external_secret(&world, "corpus", &corpus.data, Value::Object(templates));
    external_secret(
        &world,
        "broken",
        &corpus.data,
        json!({"out": "{{user}}\n  {{#users}}{{absent}}{{/users}}"}),
    );
    let rendered: Vec<(&str, &str)> =
        rendered.iter().map(|(key, output)| (key.as_str(), output.as_str())).collect();
    world.wait_data("corpus", &rendered);
    let message = world.wait_reason("externalsecret", "broken", "TemplateFailed");
    assert!(message.contains("out, line 2, column 13"), "{message}");
    world.kubectl(&["delete", "plugin", ENGINE]);
}

/// A store that has the data itself, under keys that have no blanks.
fn store(world: &World, data: &BTreeMap<String, String>) {
    let values: Vec<Value> = data
        .values()
        .enumerate()
        .map(|(index, value)| json!({"key": format!("key-{index}"), "value": value}))
        .collect();
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "fake", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": values}}},
    }));
}

fn external_secret(world: &World, name: &str, data: &BTreeMap<String, String>, templates: Value) {
    let keys: Vec<Value> = data
        .keys()
        .enumerate()
        .map(|(index, key)| json!({"secretKey": key, "remoteRef": {"key": format!("key-{index}")}}))
        .collect();
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {
            "refreshInterval": "1h", "secretStoreRef": {"name": "fake"}, "data": keys,
            "target": {"template": {"engineVersion": ENGINE, "data": templates}},
        },
    }));
}
