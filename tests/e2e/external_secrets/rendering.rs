//! Templates whose text varies: rendered when something of it is another or the Secret is broken, not at each refresh.

use std::collections::BTreeSet;

use super::{external_secret, store, syncs};
use crate::support::{Operator, World, world};

const TEMPLATE: &str = "  refreshInterval: 1s\n  data: [{secretKey: k, remoteRef: {key: one}}]\n\
    \x20 target: {template: {metadata: {labels: {team: a}}, data: {password: '{{ randAlphaNum 16 }}', at: '{{ now }}', id: '{{ uuidv4 }}', k: '{{ .k }}'}}}";

type Data = std::collections::BTreeMap<String, Vec<u8>>;

/// Waits until it was refreshed that often more.
fn refreshed(world: &World, operator: &Operator, name: &str, more: f64) {
    let before = syncs(operator, &world.name, name);
    world.wait(&format!("{more} refreshes of {name}"), || {
        match syncs(operator, &world.name, name) - before {
            since if since >= more => Ok(()),
            since => Err(format!("{since}")),
        }
    });
}

fn wait_other(world: &World, name: &str, known: &Data) -> Data {
    world.wait("another rendering", || match world.data(name) {
        Some(data) if data != *known => Ok(data),
        other => Err(format!("{:?}", other.map(|data| data.into_keys().collect::<Vec<_>>()))),
    })
}

#[test]
fn what_varies_is_rendered_again_for_a_reason_only() {
    let world = world!("rendering-again");
    store(&world, "{key: one, value: v1}");
    let mut operator = Operator::start(&world);
    external_secret(&world, "kept", "", TEMPLATE);
    external_secret(&world, "anew", "claviger.io/render: every-refresh", TEMPLATE);
    for name in ["kept", "anew"] {
        world.wait_ready("externalsecret", name);
    }
    let first = world.data("kept").unwrap();
    assert_eq!(first["password"].len(), 16);
    let annotations = world.get("secret", "kept").unwrap()["metadata"]["annotations"].clone();
    let recorded = |key: &String| key.starts_with("rendered.claviger.io/");
    assert!(annotations.as_object().unwrap().keys().any(recorded), "{annotations}");

    // Refreshes, a forced sync and a restart write nothing to it.
    let mark = world.env.cluster.audit_mark();
    refreshed(&world, &operator, "kept", 3.0);
    world.sync_now("kept");
    refreshed(&world, &operator, "kept", 2.0);
    assert_eq!(operator.stop(), Some(0));
    operator.restart();
    refreshed(&world, &operator, "kept", 2.0);
    let written = |name: &str| {
        let uri = format!("/namespaces/{}/secrets/{name}", world.name);
        let requests = world.env.cluster.audit_requests(mark).unwrap();
        let to_it =
            requests.iter().filter(|request| request.uri.contains(&uri) && request.user == operator.user());
        to_it.filter(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch")).count()
    };
    assert_eq!(written("kept"), 0);
    assert_eq!(world.data("kept").as_ref(), Some(&first));
    // Who asks for it has it anew each time.
    assert!(written("anew") >= 3, "{}", written("anew"));
    let mut seen = BTreeSet::new();
    world.wait("three passwords", || {
        seen.insert(world.data("anew").unwrap()["password"].clone());
        if seen.len() >= 3 { Ok(()) } else { Err(format!("{}", seen.len())) }
    });

    // A value that changes, a broken key, a broken label.
    store(&world, "{key: one, value: v2}");
    let second = wait_other(&world, "kept", &first);
    assert_eq!(second["k"], b"v2");
    let patch = |patch: &str| {
        world.kubectl(&["-n", &world.name, "patch", "secret", "kept", "--type=merge", "-p", patch]);
    };
    patch(r#"{"data":{"password":"YnJva2Vu"}}"#);
    world.wait("the repair", || match world.data("kept") {
        Some(data) if data["password"].len() == 16 => Ok(()),
        _ => Err("broken".to_owned()),
    });
    patch(r#"{"metadata":{"labels":{"team":"b"}}}"#);
    world.wait("the label", || match &world.get("secret", "kept").unwrap()["metadata"]["labels"]["team"] {
        team if team == "a" => Ok(()),
        other => Err(other.to_string()),
    });
    // And then it rests. What others put there is theirs, and no reason; nor is a mark.
    let last = world.data("kept").unwrap();
    patch(r#"{"metadata":{"labels":{"team":"c","reconcile.external-secrets.io/created-by":null}}}"#);
    refreshed(&world, &operator, "kept", 2.0);
    patch(r#"{"data":{"theirs":"eA=="}}"#);
    world.wait("the marks", || {
        let metadata = world.get("secret", "kept").unwrap()["metadata"].clone();
        let label = |label: &str| metadata["labels"][label].clone();
        if label("team") == "a" && label("reconcile.external-secrets.io/created-by").is_string() {
            Ok(())
        } else {
            Err(metadata.to_string())
        }
    });
    let last = Data::from_iter(last.into_iter().chain([("theirs".to_owned(), b"x".to_vec())]));
    refreshed(&world, &operator, "kept", 2.0);
    assert_eq!(world.data("kept"), Some(last));
}
