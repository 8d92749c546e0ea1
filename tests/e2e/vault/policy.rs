//! The reference document's policy and no other right, not even `default`: what it allows works, and what it does
//! not is named as the rule that is missing. And a mount that is not what the store says.

use claviger_testenv::{Bao, BaoOptions};
use serde_json::{Value, json};

use super::{Server, VALUE, external_secret, secret, service_account};
use crate::support::{Operator, assert_no_value_left, seed_values, world};

/// `vault-policy.hcl`.
const POLICY: &str = r#"
path "secret/data/app/*" {
  capabilities = ["read"]
}

path "secret/data/database/*" {
  capabilities = ["read"]
}

path "secret/data/external-apis/*" {
  capabilities = ["read"]
}

path "auth/jwt/login" {
  capabilities = ["create", "read"]
}
"#;

#[test]
fn the_documents_policy_is_enough_for_its_manifests() {
    let world = world!("vault-policy");
    let dir = tempfile::tempdir().unwrap();
    let bao = Bao::start(&world.env.tools, dir.path(), BaoOptions::default()).unwrap();
    let vault = Server::of(&world, bao.view());
    vault.mount("", "secret");
    vault.call("PUT", "sys/policies/acl/external-secrets", json!({"policy": POLICY}));
    vault.jwt("", "jwt", "vault-auth-sa", &["external-secrets"]);
    service_account(&world, "vault-auth-sa", json!({}));
    let put =
        |key: &str, data: Value| vault.call("POST", &format!("secret/data/{key}"), json!({"data": data}));
    let values = seed_values("vault-backend").into_iter().chain(seed_values("aws-secrets-manager"));
    for (key, value) in values.filter(|(key, _)| !key.starts_with("database/creds/")) {
        put(&key, serde_json::from_str(&value).unwrap());
    }
    put("team/other", json!({"v": "MARKED-other-team"}));
    let operator = Operator::start(&world);

    let mut store = world.seed("vault-backend");
    let provider = store["spec"]["provider"]["vault"].as_object_mut().unwrap();
    provider.insert("server".to_owned(), vault.address.as_str().into());
    // Not of this server: plain, and without namespaces.
    provider.remove("caBundle");
    provider.remove("namespace");
    world.apply_json(&store);
    world.wait_ready("secretstore", "vault-backend");
    let mut credentials = world.seed("database-credentials");
    credentials["spec"]["secretStoreRef"]["name"] = "vault-backend".into();
    world.apply_json(&credentials);
    world.apply_json(&world.seed("validated-api-credentials"));
    world.wait_ready("externalsecret", "database-credentials");
    world.wait_ready("externalsecret", "validated-api-credentials");
    world.wait_seed("database-credentials", &[]);
    world.wait_seed("validated-api-credentials", &["last-validated"]);
    let validated = world.data("api-credentials").unwrap().remove("last-validated").unwrap();
    let validated = String::from_utf8(validated).unwrap();
    let es = world.get("externalsecret", "validated-api-credentials").unwrap();
    let time = |value: &Value| value.as_str().unwrap().to_owned();
    let secret = world.get("secret", "api-credentials").unwrap();
    let (from, to) =
        (time(&es["metadata"]["creationTimestamp"]), time(&secret["metadata"]["creationTimestamp"]));
    assert!(from <= validated && validated <= to, "{from} {validated} {to}");

    let denied = |name: &str, spec: Value, rule: &str| {
        external_secret(&world, name, "vault-backend", "1h", spec);
        let message = world.wait_reason("externalsecret", name, "AccessDenied");
        println!("{name}: {message}");
        assert!(message.contains(rule), "{rule:?} is not in: {message}");
    };
    let one = |reference: Value| json!({"data": [{"secretKey": "v", "remoteRef": reference}]});
    denied(
        "outside",
        one(json!({"key": "team/other"})),
        "path \"secret/data/team/other\" { capabilities = [\"read\"] }",
    );
    denied(
        "metadata",
        one(json!({"key": "database/postgres/main", "metadataPolicy": "Fetch"})),
        "path \"secret/metadata/database/postgres/main\" { capabilities = [\"read\"] }",
    );
    denied(
        "search",
        json!({"dataFrom": [{"find": {"path": "database", "name": {"regexp": "."}}}]}),
        "path \"secret/metadata/database/*\" { capabilities = [\"list\"] }",
    );
    // What is denied takes nothing from what is not.
    world.sync_now("database-credentials");
    world.wait_ready("externalsecret", "database-credentials");
    world.wait_ready("secretstore", "vault-backend");
    println!("{}", world.kubectl(&["-n", &world.name, "describe", "externalsecret", "outside"]));
    let values = ["MARKED-aws-p4ssword", "MARKED-critical-api-key", "MARKED-other-team"];
    assert_no_value_left(&world, &operator, &values);
}

#[test]
fn a_mount_that_is_not_what_the_store_says() {
    let world = world!("vault-mounts");
    let vault = Server::of(&world, &world.env.bao);
    let (two, one) = (world.name.as_str(), "vault-mounts-one");
    vault.mount("", two);
    vault.call("POST", &format!("sys/mounts/{one}"), json!({"type": "kv", "options": {"version": "1"}}));
    vault.call("POST", &format!("{one}/app"), json!({"v": VALUE}));
    vault.call("POST", "sys/mounts/vault-mounts-transit", json!({"type": "transit"}));
    let policy = "path \"vault-mounts*\" { capabilities = [\"read\"] }";
    vault.call("PUT", &format!("sys/policies/acl/{one}"), json!({"policy": policy}));
    secret(&world, "token", json!({"token": vault.token("", &[one])}));
    let operator = Operator::start(&world);
    let of = |path: &str, version: &str| json!({"path": path, "version": version, "auth": {"tokenSecretRef": {"name": "token", "key": "token"}}});
    vault.works("one", of(one, "v1"));
    vault.works("two", of(two, "v2"));
    vault.works("slashes", of(&format!("/{two}/"), "v2"));
    let wrong = |name: &str, path: &str, version: &str, words: &[&str]| {
        vault.refused(name, of(path, version), "InvalidProviderConfig", words);
    };
    wrong("one-as-two", one, "v2", &["/version", "KV version 1", "set version to v1"]);
    wrong("two-as-one", two, "v1", &["/version", "KV version 2", "set version to v2"]);
    wrong("transit", "vault-mounts-transit", "v2", &["/path", "transit", "not KV"]);
    wrong("deeper", &format!("{two}/team"), "v2", &["/path", &format!("mounted at {two}")]);

    println!("{}", world.kubectl(&["-n", &world.name, "describe", "secretstore", "one-as-two"]));
    assert_no_value_left(&world, &operator, &[VALUE]);
}
