//! Rights that are missing are named, and a tenant's credential is the tenant's.

use serde_json::json;

use super::Remote;
use crate::support::{Operator, World, assert_no_value_left, world};

#[test]
fn a_missing_right_is_named() {
    let world = world!("k8s-rights");
    let remote = Remote::new(&world);
    remote.put("db", json!({"v": "MARKED-of-the-remote"}), json!({}));
    remote.account("lister", &["list"]);
    remote.account("getter", &["get"]);
    remote.account("nobody", &[]);
    let some = json!({"kind": "ServiceAccount", "name": "nobody", "namespace": remote.namespace});
    let operator = Operator::start(&world);
    let right =
        |verb: &str| format!("the right to {verb} secrets in namespace {} is needed", remote.namespace);
    for account in ["lister", "nobody"] {
        remote.store_as(account, account);
        remote.refused("secretstore", account, "AccessDenied", &[&right("get")]);
    }
    remote.store_as("getter", "getter");
    world.wait_ready("secretstore", "getter");
    remote.one("got", "getter", json!({"key": "db", "property": "v"}));
    world.wait_data("got", &[("v", "MARKED-of-the-remote")]);
    let find = json!({"dataFrom": [{"find": {"name": {"regexp": "."}}}]});
    remote.external_secret("found", "getter", find);
    remote.refused("externalsecret", "found", "AccessDenied", &[&right("list")]);
    // Another namespace, be it one that is not there.
    for namespace in ["kube-system", "no-such-namespace"] {
        let auth = json!({"token": {"bearerToken": {"name": "getter", "key": "token"}}});
        remote
            .store(namespace, json!({"server": remote.server(), "auth": auth, "remoteNamespace": namespace}));
        let words = format!("the right to get secrets in namespace {namespace} is needed");
        remote.refused("secretstore", namespace, "AccessDenied", &[&words]);
    }
    // One Secret alone is a right too; of the others it is denied, and not missing.
    remote.allow(some, "nobody", json!({"verbs": ["get"], "resourceNames": ["db", "absent"]}));
    let user = format!("system:serviceaccount:{}:nobody", remote.namespace);
    let ask = ["-n", &remote.namespace, "auth", "can-i", "get", "secrets/db", "--as", &user];
    world.wait("the right to be known", || match world.try_kubectl(&ask) {
        output if output.status.success() => Ok(()),
        output => Err(format!("{output:?}")),
    });
    // A store that is refused is tried again ever more seldom, and at once when its credential is another.
    remote.store_as("nobody", "nobody");
    world.wait_ready("secretstore", "nobody");
    remote.put("other", json!({"v": "MARKED-not-for-you"}), json!({}));
    remote.one("its", "nobody", json!({"key": "db", "property": "v"}));
    world.wait_data("its", &[("v", "MARKED-of-the-remote")]);
    remote.one("others", "nobody", json!({"key": "other", "property": "v"}));
    remote.refused("externalsecret", "others", "AccessDenied", &[&right("get")]);
    remote.one("none", "nobody", json!({"key": "absent", "property": "v"}));
    remote.refused("externalsecret", "none", "RemoteKeyNotFound", &["absent"]);
    assert_no_value_left(&world, &operator, &["MARKED-of-the-remote", "MARKED-not-for-you"]);
}

/// A ClusterSecretStore that names no namespace: each tenant asks as itself, and has no share in another's answer.
#[test]
fn whoever_asks_is_who_reads() {
    let world = world!("k8s-referent");
    let remote = Remote::new(&world);
    let tenant = World { env: world.env.clone(), name: format!("{}-tenant", world.name) };
    tenant.apply_json(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant.name}}));
    remote.put("db", json!({"v": "MARKED-for-one-of-two"}), json!({}));
    remote.account("nobody", &[]);
    let credential = |world: &World, account: &str| {
        world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own", "namespace": world.name},
            "stringData": {"token": remote.token(account)},
        }));
        world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": "es", "namespace": world.name},
            "spec": {
                "refreshInterval": "2s",
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": "k8s-referent"},
                "data": [{"secretKey": "v", "remoteRef": {"key": "db", "property": "v"}}],
            },
        }));
    };
    let operator = Operator::start(&world);
    let kubernetes = json!({
        "server": remote.server(), "remoteNamespace": remote.namespace,
        "auth": {"token": {"bearerToken": {"name": "own", "key": "token"}}},
    });
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": "k8s-referent"},
        "spec": {"controller": world.name, "refreshInterval": 2, "provider": {"kubernetes": kubernetes}},
    }));
    credential(&world, "reader");
    world.wait_data("es", &[("v", "MARKED-for-one-of-two")]);
    credential(&tenant, "nobody");
    let message = tenant.wait_reason("externalsecret", "es", "AccessDenied");
    assert!(message.contains("the right to get secrets"), "{message}");
    assert!(tenant.get("secret", "es").is_none());
    assert_no_value_left(&world, &operator, &["MARKED-for-one-of-two"]);
    world.kubectl(&["delete", "clustersecretstore", "k8s-referent"]);
}
