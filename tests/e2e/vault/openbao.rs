//! The provider as ESO spells it for OpenBao: `openBao`, with its three logins, and a mount by default.

use claviger_testenv::{Bao, BaoOptions};
use serde_json::{Value, json};

use super::{Server, VALUE, secret};
use crate::support::{Operator, assert_no_value_left, world};

#[test]
fn every_login_of_esos_openbao_and_its_default_mount() {
    let world = world!("openbao");
    let dir = tempfile::tempdir().unwrap();
    let bao = Bao::start(&world.env.tools, dir.path(), BaoOptions::default()).unwrap();
    let vault = Server::of(&world, bao.view());
    vault.mount("", "kv");
    let within = vault.namespaces(&["tenant"]);
    vault.mount(&within, "team");
    secret(&world, "token", json!({"token": vault.token("", &["kv"])}));
    vault.call("POST", &format!("{within}sys/auth/approle"), json!({"type": "approle"}));
    let role = format!("{within}auth/approle/role/app");
    vault.call("POST", &role, json!({"token_policies": ["team"], "token_ttl": "10m"}));
    let id = vault.call("GET", &format!("{role}/role-id"), json!(null))["data"]["role_id"].clone();
    let secret_id = vault.call("POST", &format!("{role}/secret-id"), json!({}))["data"]["secret_id"].clone();
    secret(&world, "approle", json!({"id": id, "secret": secret_id}));
    vault.call("POST", &format!("{within}sys/auth/people"), json!({"type": "userpass"}));
    let password = "MARKED-openbao-password";
    let user = json!({"password": password, "token_policies": ["team"], "token_ttl": "10m"});
    vault.call("POST", &format!("{within}auth/people/users/anna"), user);
    secret(&world, "anna", json!({"password": password}));
    let operator = Operator::start(&world);

    let works = |name: &str, settings: Value| vault.works_as(name, "openBao", settings);
    let token = json!({"tokenSecretRef": {"name": "token", "key": "token"}});
    works("by-token", json!({"auth": token}));
    works("mount-named", json!({"auth": token, "path": "kv", "version": "v2"}));
    works(
        "by-role",
        json!({"namespace": "tenant", "path": "team", "auth": {"appRole": {
            "roleRef": {"name": "approle", "key": "id"}, "secretRef": {"name": "approle", "key": "secret"},
        }}}),
    );
    works(
        "by-name",
        json!({"namespace": "tenant", "path": "team", "auth": {"userPass": {
            "path": "people", "username": "anna", "secretRef": {"name": "anna", "key": "password"},
        }}}),
    );
    // The API server knows the fields, and fills in what ESO's definition does.
    let stored = world.get("secretstore", "by-role").unwrap();
    let provider = &stored["spec"]["provider"]["openBao"];
    assert_eq!(
        (&provider["version"], &provider["auth"]["appRole"]["path"]),
        (&json!("v2"), &json!("approle"))
    );
    // Vault's has no default: there a key begins with its mount.
    let by_vault = json!({"auth": token});
    vault.store("vault", by_vault);
    world.wait_ready("secretstore", "vault");
    let one = json!({"data": [{"secretKey": "v", "remoteRef": {"key": "kv/app", "property": "v"}}]});
    super::external_secret(&world, "of-vault", "vault", "1h", one);
    world.wait_data("of-vault", &[("v", VALUE)]);

    // An object's name has no capitals, and is about it all the same.
    world.apply_json(&json!({
        "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "openbao"},
        "spec": {"controller": world.name, "source": {"builtin": {}}, "namespaces": {"names": ["somewhere-else"]}},
    }));
    let status = world.wait("it to be loaded", || match world.plugin("openbao") {
        Some((ready, .., status)) if ready == "True" => Ok(status),
        other => Err(format!("{other:?}")),
    });
    assert!(status["granted"].is_object(), "{status}");
    world.wait_reason("secretstore", "by-token", "PluginForbidden");
    world.sync_now("synced-by-token");
    world.wait_reason("externalsecret", "synced-by-token", "StoreNotReady");
    // Vault's is held to nothing.
    let second = "MARKED-openbao-second";
    vault.call("POST", "kv/data/app", json!({"data": {"v": second}}));
    world.sync_now("of-vault");
    world.wait_data("of-vault", &[("v", second)]);
    world.kubectl(&["delete", "plugin", "openbao"]);
    world.wait_data("synced-by-token", &[("v", second)]);
    assert_no_value_left(&world, &operator, &[VALUE, second, password, secret_id.as_str().unwrap()]);
}
