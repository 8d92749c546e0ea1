//! Vault's namespaces, which OpenBao has too: the reference document's store in a nested one, a login in another
//! than the reads, and those that are not there.

use claviger_testenv::{Bao, BaoOptions};
use serde_json::json;

use super::{Server, VALUE, external_secret, secret, service_account};
use crate::support::{Operator, assert_no_value_left, world};

#[test]
fn the_documents_vault_backend_and_logins_elsewhere() {
    let world = world!("vault-namespaces");
    let dir = tempfile::tempdir().unwrap();
    let bao = Bao::start(&world.env.tools, dir.path(), BaoOptions::default()).unwrap();
    let vault = Server::of(&world, bao.view());
    let within = vault.namespaces(&["tenant", "production"]);
    vault.mount(&within, "secret");
    vault.jwt(&within, "jwt", "vault-auth-sa", &["secret"]);
    service_account(&world, "vault-auth-sa", json!({}));
    // A login at the top whose policy reaches down.
    let below = format!("path \"{within}secret/data/*\" {{ capabilities = [\"read\"] }}");
    vault.call("PUT", "sys/policies/acl/below", json!({"policy": below}));
    vault.call("POST", "sys/auth/approle", json!({"type": "approle"}));
    vault.call("POST", "auth/approle/role/app", json!({"token_policies": ["below"], "token_ttl": "10m"}));
    let role = vault.call("GET", "auth/approle/role/app/role-id", json!(null))["data"]["role_id"].clone();
    let id = vault.call("POST", "auth/approle/role/app/secret-id", json!({}))["data"]["secret_id"].clone();
    secret(&world, "approle", json!({"secret-id": id}));
    let operator = Operator::start(&world);

    let mut store = world.seed("vault-backend");
    let provider = &mut store["spec"]["provider"]["vault"];
    provider["server"] = vault.address.as_str().into();
    // Plain HTTP: there is nothing to verify.
    provider.as_object_mut().unwrap().remove("caBundle");
    let document = provider.clone();
    vault.works("vault-backend", document.clone());
    let mut elsewhere = document.clone();
    elsewhere["namespace"] = "tenant".into();
    // The namespace is part of the path as well, for those who write it so.
    elsewhere["path"] = "production/secret".into();
    elsewhere["auth"]["namespace"] = "tenant/production".into();
    vault.works("shorter", elsewhere);

    let by_role = |login_namespace: &str| {
        json!({
            "path": "secret", "namespace": "tenant/production",
            "auth": {"namespace": login_namespace, "appRole": {
                "path": "approle", "roleId": role, "secretRef": {"name": "approle", "key": "secret-id"},
            }},
        })
    };
    vault.works("from-the-top", by_role("root"));
    let words = ["login by appRole at auth/approle", "in namespace tenant"];
    vault.refused("not-there", by_role("tenant"), "AuthenticationFailed", &words);

    let mut missing = document.clone();
    missing["namespace"] = "tenant/staging".into();
    vault.refused("missing", missing, "InvalidProviderConfig", &["/namespace", "tenant/staging"]);
    let mut missing = document.clone();
    missing["auth"]["namespace"] = "tenant/staging".into();
    vault.refused("missing-login", missing, "InvalidProviderConfig", &["/auth/namespace", "tenant/staging"]);

    // A policy counts in the namespace of its login, and the condition says the rule as it is written there.
    vault.call(
        "PUT",
        "sys/policies/acl/below",
        json!({"policy": "path \"secret/data/*\" { capabilities = [\"read\"] }"}),
    );
    let one = json!({"data": [{"secretKey": "v", "remoteRef": {"key": "app"}}]});
    external_secret(&world, "denied", "from-the-top", "1h", one);
    let message = world.wait_reason("externalsecret", "denied", "AccessDenied");
    println!("{message}");
    for part in ["path \"tenant/production/secret/data/app\"", "[\"read\"]", "in the root namespace"] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert_no_value_left(&world, &operator, &[VALUE, id.as_str().unwrap()]);
}
