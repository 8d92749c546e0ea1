//! What `claviger doctor` says of the webhook while all is well, and when nobody mends it.

use std::process::Command;

use serde_json::{Value, json};

use super::service::Hook;
use crate::support::{Operator, World, world};

/// Its findings of the webhook.
fn look(world: &World, flags: &[&str]) -> Vec<(String, String)> {
    let name = &world.name;
    let output = Command::new(&world.env.claviger)
        .args(["doctor", "-o", "json", "-n", name, "--namespace", name, "--enable-webhook"])
        .args(["--webhook-service-name", name, "--webhook-configuration-name", name])
        .args(flags)
        .arg("--kubeconfig")
        .arg(world.env.cluster.kubeconfig())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("PRIVATE KEY"));
    let found: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let of = found.iter().filter(|finding| finding["check"] == "webhook");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    of.map(|finding| (text(&finding["level"]), text(&finding["message"]))).collect()
}

#[test]
fn the_doctor_judges_it_as_an_api_server_does() {
    let world = world!("webhook-doctor");
    let hook = Hook::new(&world);
    let own = ["--webhook-secret-name", &world.name];
    let one = |found: Vec<(String, String)>, level: &str, words: &str| {
        assert!(found.len() == 1 && found[0].0 == level && found[0].1.contains(words), "{words}: {found:?}");
    };
    one(look(&world, &own), "warning", "is not there: nobody asks the webhook");
    hook.configure();
    one(look(&world, &own), "warning", "no certificate was made yet");
    let mut leader: Operator = hook.replica(0);
    world.wait("it to lead", || if leader.leads() { Ok(()) } else { Err(leader.log()) });
    hook.wait_bundle(1);
    hook.wait_asked();
    one(look(&world, &own), "ok", "take its certificate");

    // Nobody mends what is broken then.
    assert_eq!(leader.stop(), Some(0));
    let kind = "validatingwebhookconfiguration";
    let removed = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
    world.kubectl(&["patch", kind, &world.name, "--type=json", "-p", &removed.to_string()]);
    one(look(&world, &own), "problem", "has no authority in its caBundle");
    let other =
        json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": authority(&world)}]);
    world.kubectl(&["patch", kind, &world.name, "--type=json", "-p", &other.to_string()]);
    one(look(&world, &own), "problem", "is of no authority in caBundle");
    // With certificates from files only the bundle can be judged, and any authority may be meant.
    one(look(&world, &["--webhook-cert-dir", "/certs"]), "ok", "take its certificate");
}

/// Another authority, in base64: the API server's own.
fn authority(world: &World) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(world.env.cluster.ca_pem())
}
