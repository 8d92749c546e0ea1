//! What the documentation's manifests make.

use std::collections::BTreeSet;

use serde_json::json;

use super::{data, documented, store, text};
use crate::support::{Operator, world};

#[test]
fn every_manifest_of_the_documentation_gives_its_secret() {
    let world = world!("generators-docs");
    store(&world);
    let mut kinds = BTreeSet::new();
    for mut object in documented() {
        let kind = object["kind"].as_str().unwrap().to_owned();
        if kind == "ExternalSecret" {
            object["spec"]["secretStoreRef"] = json!({"name": "own"});
        }
        if kind != "ClusterGenerator" {
            object["metadata"]["namespace"] = json!(world.name);
        }
        world.apply(&object.to_string());
        kinds.insert(kind);
    }
    let expected = ["ClusterGenerator", "ExternalSecret", "Fake", "Password", "SSHKey", "UUID"];
    assert_eq!(kinds, expected.map(ToOwned::to_owned).into());
    let _operator = Operator::start(&world);
    for name in ["database", "instance", "deploy", "trial", "strong"] {
        world.wait_ready("externalsecret", name);
    }
    let database = data(&world, "database");
    let keys: Vec<&str> = database.keys().map(String::as_str).collect();
    assert_eq!(keys, ["owner", "reader"]);
    assert_ne!(database["owner"], database["reader"]);
    for password in [text(&database, "owner"), text(&database, "reader")] {
        let count = |of: fn(&char) -> bool| password.chars().filter(of).count();
        let symbols = password.chars().filter(|char| "-_$@".contains(*char)).count();
        let found = (count(char::is_ascii_alphabetic), count(char::is_ascii_digit), symbols);
        assert_eq!(found, (22, 6, 4), "{password}");
    }
    let instance = data(&world, "instance");
    assert_eq!(instance.len(), 1);
    let uuid = text(&instance, "instance-id");
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
    let deploy = data(&world, "deploy");
    assert!(text(&deploy, "ssh-privatekey").starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    let public = text(&deploy, "authorized-key");
    assert!(public.starts_with("ssh-ed25519 ") && public.ends_with(" deploy@example.com\n"), "{public}");
    assert_eq!(world.get("secret", "deploy").unwrap()["type"], "kubernetes.io/ssh-auth");
    world.wait_data("trial", &[("user", "trial"), ("password", "not-secret")]);
    assert_eq!(text(&data(&world, "strong"), "password").len(), 40);
}
