//! `--operator-namespace-fallback`: a reference of a ClusterSecretStore that names no namespace means
//! the asker's, and only where that has no such object the operator's; conditions say so. Off, it never does.

use serde_json::json;

use super::{cluster_store, external_secret, victim};
use crate::support::{Mount, Operator, World, assert_no_value_left, world};

fn token(world: &World, token: &str) {
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault-token", "namespace": world.name},
        "stringData": {"token": token},
    }));
}

/// A token that may read that key and nothing else.
fn reader(mount: &Mount<'_>, key: &str) -> String {
    let policy = format!("{}-{key}", mount.path);
    let rule = format!("path \"{}/data/{key}\" {{ capabilities = [\"read\"] }}", mount.path);
    mount.api("PUT", &format!("sys/policies/acl/{policy}"), json!({ "policy": rule }));
    let made = mount.api("POST", "auth/token/create", json!({"policies": [policy], "ttl": "10m"}));
    made["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// What the condition says when it is True.
fn ready(world: &World, kind: &str, name: &str) -> String {
    world.wait_ready(kind, name);
    world.ready(kind, name).unwrap().2
}

/// A store whose token's Secret has no namespace.
fn store(world: &World, mount: &Mount<'_>) {
    let vault = json!({
        "server": world.env.bao.address(), "path": mount.path,
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}},
    });
    cluster_store(world, &world.name, json!({"provider": {"vault": vault}}));
}

#[test]
fn the_operator_s_namespace_stands_in_where_it_may() {
    let world = world!("stand-in");
    // The operator runs in `world`; the asker is somebody else.
    let tenant = victim(&world);
    let mount = Mount::kv2(&world);
    mount.put("shared", json!({"v": "MARKED-of-the-operator"}));
    mount.put("own", json!({"v": "MARKED-of-the-tenant"}));
    token(&world, &reader(&mount, "shared"));
    let operator = Operator::start_in(&world, &[("CLUSTER_STORES_OPERATOR_NAMESPACE_FALLBACK", "true")]);
    store(&world, &mount);
    let identity = format!("as Secret {}/vault-token (--operator-namespace-fallback)", world.name);
    let message = ready(&world, "clustersecretstore", &world.name);
    assert!(message.contains(&identity), "{message}");
    external_secret(&tenant, "es", "ClusterSecretStore", &world.name, "shared");
    tenant.wait_data("es", &[("v", "MARKED-of-the-operator")]);
    let message = ready(&tenant, "externalsecret", "es");
    assert!(message.contains(&identity), "{message}");

    // One of the tenant's own is meant first, and what the operator's may is nothing to it.
    token(&tenant, &reader(&mount, "own"));
    external_secret(&tenant, "own", "ClusterSecretStore", &world.name, "own");
    tenant.wait_data("own", &[("v", "MARKED-of-the-tenant")]);
    let message = ready(&tenant, "externalsecret", "own");
    assert_eq!(message, "secret synced");
    tenant.wait_reason("externalsecret", "es", "AccessDenied");
    assert_no_value_left(&tenant, &operator, &["MARKED-of-the-operator", "MARKED-of-the-tenant"]);
    world.kubectl(&["delete", "clustersecretstore", &world.name]);
}

/// Nothing in the operator's namespace is nothing against those who have credentials of their own.
#[test]
fn tenants_with_their_own_need_nothing_that_stands_in() {
    let world = world!("stand-in-none");
    let tenant = victim(&world);
    let mount = Mount::kv2(&world);
    mount.put("own", json!({"v": "MARKED-of-the-tenant"}));
    let operator = Operator::start_in(&world, &[("CLUSTER_STORES_OPERATOR_NAMESPACE_FALLBACK", "true")]);
    store(&world, &mount);
    assert!(ready(&world, "clustersecretstore", &world.name).contains("namespace of each ExternalSecret"));
    token(&tenant, &reader(&mount, "own"));
    external_secret(&tenant, "es", "ClusterSecretStore", &world.name, "own");
    tenant.wait_data("es", &[("v", "MARKED-of-the-tenant")]);
    // A token of the operator's that is none any more: the store says so, and works for who has a good one.
    token(&world, "MARKED-not-a-token");
    world.wait("the store to say that its own token is none", || {
        let message = ready(&world, "clustersecretstore", &world.name);
        if message.contains(&format!("as Secret {}/vault-token", world.name)) { Ok(()) } else { Err(message) }
    });
    external_secret(&tenant, "later", "ClusterSecretStore", &world.name, "own");
    tenant.wait_data("later", &[("v", "MARKED-of-the-tenant")]);
    // Without one of its own it is tried as the operator, and said so.
    tenant.kubectl(&["-n", &tenant.name, "delete", "secret", "vault-token"]);
    external_secret(&tenant, "none", "ClusterSecretStore", &world.name, "own");
    tenant.wait("it to say as whom it was tried", || match tenant.ready("externalsecret", "none") {
        Some((status, _, message))
            if status == "False" && message.contains(&format!("as Secret {}/vault-token", world.name)) =>
        {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
    assert_no_value_left(&tenant, &operator, &["MARKED-of-the-tenant", "MARKED-not-a-token"]);
    world.kubectl(&["delete", "clustersecretstore", &world.name]);
}

#[test]
fn without_the_option_nobody_stands_in() {
    let world = world!("no-stand-in");
    let tenant = victim(&world);
    let mount = Mount::kv2(&world);
    mount.put("shared", json!({"v": "MARKED-of-the-operator"}));
    token(&world, &reader(&mount, "shared"));
    let operator = Operator::start(&world);
    store(&world, &mount);
    external_secret(&tenant, "es", "ClusterSecretStore", &world.name, "shared");
    let message = tenant.wait_reason("externalsecret", "es", "ReferenceNotFound");
    assert!(message.contains(&format!("Secret {}/vault-token", tenant.name)), "{message}");
    assert!(tenant.get("secret", "es").is_none());
    assert_no_value_left(&tenant, &operator, &["MARKED-of-the-operator"]);
    world.kubectl(&["delete", "clustersecretstore", &world.name]);
}
