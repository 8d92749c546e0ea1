//! Definitions of an older version, in a cluster of their own: what of them is named, and that the remedy is one.

use claviger_testenv::{Cluster, RunDir, workspace_root};
use serde_json::Value;

use super::{Said, doctor};
use crate::support::{Person, world};

/// The definitions as an older version had them: without these fields (file, pointer to the properties, name).
const SINCE: [(&str, &str, &str); 2] = [
    (
        "external-secrets.io_pushsecrets.yaml",
        "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties",
        "pushing",
    ),
    (
        "external-secrets.io_clustersecretstores.yaml",
        "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties",
        "accessPolicy",
    ),
];

/// The messages of what is said about definitions, with level and details.
fn said(said: &Said) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = said.of("definitions");
    let one = |it: &Value| (text(&it["level"]), text(&it["message"]), it["details"].to_string());
    findings.iter().map(one).collect()
}

#[test]
fn definitions_of_an_older_version_are_named_and_the_remedy_is_one() {
    let world = world!("doctor-definitions");
    let dir = RunDir::create(&world.name).unwrap();
    let cluster = Cluster::start(&world.env.tools, dir.path()).unwrap();
    let bao = world.env.bao.clone();
    let world = world.moved(cluster.view(), &bao);
    let person = Person::new(&world, dir.path());
    let flags = ["--operator-namespace", &world.name, "-o", "json"];
    let look = || doctor(&world, &person.kubeconfig, &flags);

    let found = said(&look());
    assert!(found[0].0 == "problem" && found[0].1.contains("definitions are missing"), "{found:?}");
    let folder = workspace_root().join("crds/generated");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut crd: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for (_, properties, field) in SINCE.iter().filter(|(file, ..)| *file == name) {
            let properties = crd.pointer_mut(properties).and_then(Value::as_object_mut).unwrap();
            properties.remove(*field).unwrap();
        }
        let file = dir.path().join("crd.json");
        std::fs::write(&file, crd.to_string()).unwrap();
        person.does(&format!("kubectl apply --server-side -f {}", file.display()));
    }
    world.wait_established();

    let older = look();
    let found = said(&older);
    assert_eq!(found.len(), 2, "{found:?}");
    for ((level, message, details), (words, field)) in found.iter().zip([
        (
            "they are dropped when somebody sets them",
            "clustersecretstores.external-secrets.io v1: .spec.accessPolicy",
        ),
        ("is lost", "pushsecrets.external-secrets.io v1alpha1: .status.pushing"),
    ]) {
        assert!(level == "warning" && message.contains("are older than this version"), "{message}");
        assert!(message.contains(words) && details.contains(field), "{message} {details}");
    }
    let remedies = older.of("definitions");
    let remedy = remedies[1]["remedy"].as_str().unwrap();
    person.does(remedy);
    world.wait_established();
    let found = said(&look());
    assert!(found.len() == 1 && found[0].0 == "ok", "{found:?}");
}
