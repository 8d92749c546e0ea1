//! Every reference that a provider's schema marks, leading to another namespace: refused before anything of it is
//! asked for.

use std::collections::BTreeSet;
use std::process::Command;

use claviger_testenv::Mark;
use serde_json::{Value, json};

use super::configs::configs;
use super::{external_secret, victim};
use crate::support::{Operator, World, assert_no_value_left, world};

/// What `plugin inspect --json` says of a built-in.
pub(super) fn inspected(world: &World, plugin: &str) -> Value {
    let output = Command::new(&world.env.claviger)
        .args(["plugin", "inspect", "--json"])
        .arg(world.env.plugin_dir.join(format!("{plugin}.wasm")))
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every place that a schema marks as a reference.
pub(super) fn marked(schema: &Value) -> BTreeSet<String> {
    fn walk(schema: &Value, node: &Value, at: &str, found: &mut BTreeSet<String>) {
        let node = match node["$ref"].as_str() {
            Some(name) => schema.pointer(name.trim_start_matches('#')).unwrap(),
            None => node,
        };
        if node.get("x-claviger").is_some() {
            found.insert(at.to_owned());
        }
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            walk(schema, property, &format!("{at}/{name}"), found);
        }
        // One of a list stands for all.
        if node["items"].is_object() {
            walk(schema, &node["items"], &format!("{at}/0"), found);
        }
    }
    assert!(schema.is_object(), "{schema}");
    let mut found = BTreeSet::new();
    walk(schema, schema, "", &mut found);
    found
}

/// What the operator asked the API server for in a namespace.
pub(super) fn asked_for(world: &World, since: Mark, namespace: &str) -> Vec<String> {
    let user = format!("system:serviceaccount:{ns}:operator-{ns}", ns = world.name);
    let theirs = format!("/namespaces/{namespace}/");
    let requests = world.env.cluster.audit_requests(since).unwrap().into_iter();
    let seen = requests.filter(|it| it.user == user && it.uri.contains(&theirs));
    seen.map(|it| format!("{} {}", it.verb, it.uri)).collect()
}

#[test]
fn no_reference_leaves_the_namespace() {
    let world = world!("tenancy-refs");
    let victim = victim(&world);
    let operator = Operator::start(&world);
    let mark = world.env.cluster.audit_mark();
    let mut tried = Vec::new();
    for (provider, file) in [
        ("vault", "vault"),
        ("aws", "aws"),
        ("azurekv", "azure"),
        ("gcpsm", "gcp"),
        ("kubernetes", "kubernetes"),
        ("onepassword", "onepassword"),
        ("webhook", "webhook"),
    ] {
        let configs = configs(provider, world.env.bao.address(), &victim.name);
        let covered: BTreeSet<String> = configs.iter().map(|(at, _)| (*at).to_owned()).collect();
        let marked = marked(&inspected(&world, file)["configSchema"]);
        assert_eq!(covered, marked, "every reference of {provider} is tried");
        for (number, (at, config)) in configs.into_iter().enumerate() {
            let name = format!("{provider}-{number}");
            world.apply_json(&json!({
                "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
                "metadata": {"name": name, "namespace": world.name},
                "spec": {"controller": world.name, "provider": {provider: config}},
            }));
            tried.push((name, at));
        }
    }
    for (name, at) in tried {
        let (status, reason, message) = world.wait(&format!("a verdict on {name}"), || {
            world.ready("secretstore", &name).ok_or_else(|| "none".to_owned())
        });
        // What a plugin cannot do yet it refuses before it asks for anything.
        let not_yet = at == "/auth/gcp/serviceAccountRef" || at.starts_with("/auth/ntlm/");
        let expected = if not_yet { "InvalidProviderConfig" } else { "ReferenceForbidden" };
        assert_eq!((status.as_str(), reason.as_str()), ("False", expected), "{at}: {message}");
        assert!(not_yet || (message.contains(at) && message.contains(&victim.name)), "{at}: {message}");
    }
    external_secret(&world, "es", "SecretStore", "vault-0", "k");
    world.wait_reason("externalsecret", "es", "StoreNotReady");
    let touched = asked_for(&world, mark, &victim.name);
    assert_eq!(touched, Vec::<String>::new(), "nothing of the victim's was even asked for");
    // The same witness saw what was the tenant's own.
    assert!(asked_for(&world, mark, &world.name).iter().any(|it| it.ends_with("/secrets/mine")));
    assert_no_value_left(&world, &operator, &["MARKED-victims-secret", "MARKED-own-secret"]);
}
