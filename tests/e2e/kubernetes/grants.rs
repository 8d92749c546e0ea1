//! What needs a grant: the cluster's own API server, tokens that it accepts, and origins that only a kubeconfig names.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Remote;
use crate::support::{Operator, World, assert_no_value_left, world};

fn plugin(world: &World, grants: &Value) {
    world.apply_json(&json!({
        "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "kubernetes"},
        "spec": {
            "controller": world.name, "source": {"builtin": {}}, "grants": grants,
            "namespaces": {"names": [world.name]},
        },
    }));
    world.wait("the grants to hold", || match world.plugin("kubernetes") {
        Some((ready, ..)) if ready == "True" => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// One test, because there is one Plugin of that name.
#[test]
fn the_own_api_server_and_its_tokens() {
    let world = world!("k8s-grants");
    let remote = Remote::new(&world);
    let cluster = &world.env.cluster;
    remote.put("db", json!({"v": "MARKED-behind-a-grant"}), json!({}));
    // A ServiceAccount of the store's own namespace, with rights in the other.
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "own", "namespace": world.name},
    }));
    let subject = json!({"kind": "ServiceAccount", "name": "own", "namespace": world.name});
    remote.allow(subject, "own", json!({"verbs": ["get"]}));
    let ca = STANDARD.encode(cluster.ca_pem());
    let token = remote.token("reader");
    let file = json!({
        "current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": remote.url(), "certificate-authority-data": ca}}],
        "users": [{"name": "u", "user": {"token": token}}],
    });
    remote.secret("login", json!({"token": token, "file": file.to_string()}));
    let operator = Operator::start(&world);
    let bearer = json!({"token": {"bearerToken": {"name": "login", "key": "token"}}});
    let account = |audiences: Value| json!({"serviceAccount": {"name": "own", "audiences": audiences}});
    let stores = [
        (
            "home",
            json!({"server": {"url": cluster.issuer(), "caBundle": ca}, "auth": bearer}),
            "the Kubernetes API server's address (allowed only by spec.grants.apiServer of the Plugin)",
        ),
        (
            "unnamed",
            json!({"server": remote.server(), "auth": account(json!([]))}),
            "spec.grants.apiServerAudience",
        ),
        (
            "named",
            json!({"server": remote.server(), "auth": account(json!([cluster.issuer()]))}),
            "spec.grants.apiServerAudience",
        ),
        ("file", json!({"authRef": {"name": "login", "key": "file"}}), "spec.grants.origins of the Plugin"),
    ];
    let mark = cluster.audit_mark();
    for (name, kubernetes, words) in &stores {
        remote.store(name, kubernetes.clone());
        let message = world.wait(&format!("a word on {name}"), || match world.ready("secretstore", name) {
            Some((status, _, message)) if status == "False" => Ok(message),
            other => Err(format!("{other:?}")),
        });
        assert!(message.contains(words), "{name}: {message}");
    }
    // Another of its addresses, from when the cluster publishes it until it does not any more. Nobody has it here.
    let elsewhere = "https://10.250.7.9:6443";
    remote.store("published", json!({"server": {"url": elsewhere, "caBundle": ca}, "auth": bearer}));
    let published = |wanted: bool| {
        world.wait(&format!("its address to be denied: {wanted}"), || {
            match world.ready("secretstore", "published") {
                Some((status, _, message))
                    if status == "False"
                        && message.contains("the Kubernetes API server's address") == wanted =>
                {
                    Ok(())
                }
                other => Err(format!("{other:?}")),
            }
        });
    };
    published(false);
    world.apply_json(&json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": "k8s-grants", "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv4", "endpoints": [{"addresses": ["10.250.7.9"]}],
        "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
    }));
    published(true);
    world.kubectl(&["-n", "default", "delete", "endpointslice", "k8s-grants"]);
    published(false);
    // An audience of somebody else's needs no grant, and is of no use here.
    remote.store("elsewhere", json!({"server": remote.server(), "auth": account(json!(["elsewhere"]))}));
    remote.refused("secretstore", "elsewhere", "AuthenticationFailed", &["another audience"]);
    let requests = cluster.audit_requests(mark).unwrap();
    let there = format!("/namespaces/{}/secrets", remote.namespace);
    assert!(!requests.iter().any(|it| it.uri.contains(&there) && it.verb == "get"), "nothing was read there");

    plugin(&world, &json!({"apiServer": true, "apiServerAudience": true, "origins": [remote.url()]}));
    for (name, ..) in &stores {
        world.wait_ready("secretstore", name);
        remote.one(name, name, json!({"key": "db", "property": "v"}));
        world.wait_data(name, &[("v", "MARKED-behind-a-grant")]);
    }
    world.kubectl(&["delete", "plugin", "kubernetes"]);
    world.wait("the grants to be gone", || match world.ready("secretstore", "home") {
        Some((status, ..)) if status == "False" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_no_value_left(&world, &operator, &["MARKED-behind-a-grant", &token]);
}
