//! What a vault holds: secrets, certificates and keys, versions, tags, what is disabled, deleted or not allowed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Operator, Vault, assert_no_value_left, world};

fn remote(key: &str, more: Value) -> Value {
    let mut reference = json!({"key": key});
    for (field, value) in more.as_object().unwrap() {
        reference[field] = value.clone();
    }
    reference
}

#[test]
fn secrets_certificates_and_keys() {
    let world = world!("azure-objects");
    let Some(vault) = Vault::new(&world, "other-vault") else { return };
    vault.login(&["secrets/get", "certificates/get", "keys/get"]);
    let older = vault.put("objects-login", r#"{"user": "a", "a.b": {"c": "MARKED-dotted-value"}}"#);
    vault
        .put("objects-login", r#"{"user": "b", "password": "MARKED-latest-value", "n": 1.50, "none": null}"#);
    let pem = vault.azure.import_certificate(vault.name, "objects-certificate", true).unwrap();
    let key = vault.azure.create_key(vault.name, "objects-key", "RSA").unwrap();
    let tagged =
        json!({"value": "MARKED-tagged-value", "tags": {"team": "pay", "json": "{\"deep\":\"in a tag\"}"}});
    vault.azure.admin(vault.name, "PUT", "secrets/objects-tagged", &tagged).unwrap();
    let operator = Operator::start(&world);
    vault.store("store", json!({"authSecretRef": Vault::auth()}));
    let entry = |name: &str, reference: Value| json!({"secretKey": name, "remoteRef": reference});
    vault.external_secret("es", "store", "1h", json!({"data": [
        entry("password", remote("objects-login", json!({"property": "password"}))),
        entry("number", remote("secret/objects-login", json!({"property": "n"}))),
        entry("null", remote("objects-login", json!({"property": "none"}))),
        entry("dotted", remote("objects-login", json!({"version": older, "property": "a\\.b.c"}))),
        entry("certificate", remote("cert/objects-certificate", json!({}))),
        entry("key", remote("key/objects-key", json!({}))),
        entry("tag", remote("objects-tagged", json!({"metadataPolicy": "Fetch", "property": "team"}))),
        entry("in-tag", remote("objects-tagged", json!({"metadataPolicy": "Fetch", "property": "json.deep"}))),
    ]}));
    world.wait_ready("externalsecret", "es");
    let data = world.data("es").unwrap();
    let text = |name: &str| String::from_utf8(data[name].clone()).unwrap();
    assert_eq!(
        (text("password"), text("dotted")),
        ("MARKED-latest-value".to_owned(), "MARKED-dotted-value".to_owned())
    );
    assert_eq!((text("number").as_str(), text("null").as_str()), ("1.5", ""));
    assert_eq!((text("tag").as_str(), text("in-tag").as_str()), ("pay", "in a tag"));
    // The bytes of the PEM block that was imported, and the key's public parts as the vault itself shows them.
    let block = pem.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap();
    let block: String = block.split("-----END").next().unwrap().split_whitespace().collect();
    assert_eq!(data["certificate"], STANDARD.decode(block).unwrap());
    let jwk: Value = serde_json::from_slice(&data["key"]).unwrap();
    assert_eq!((&jwk["kid"], &jwk["n"], &jwk["e"]), (&key["key"]["kid"], &key["key"]["n"], &key["key"]["e"]));
    vault.external_secret(
        "extracted",
        "store",
        "1h",
        json!({"dataFrom": [{"extract": {"key": "objects-login"}}]}),
    );
    world.wait_data(
        "extracted",
        &[("user", "b"), ("password", "MARKED-latest-value"), ("n", "1.50"), ("none", "")],
    );
    assert_no_value_left(
        &world,
        &operator,
        &["MARKED-latest-value", "MARKED-dotted-value", "MARKED-tagged-value"],
    );
}

#[test]
fn what_is_not_allowed_disabled_or_gone() {
    let world = world!("azure-gone");
    let Some(vault) = Vault::new(&world, "other-vault") else { return };
    let app = vault.login(&["secrets/get"]);
    vault.put("gone-disabled", "MARKED-disabled-value");
    vault.azure.enable(vault.name, "secrets/gone-disabled", false).unwrap();
    vault.put("gone-deleted", "MARKED-deleted-value");
    vault.azure.import_certificate(vault.name, "gone-certificate", true).unwrap();
    let operator = Operator::start(&world);
    // The right to list is not needed for a store that is not searched.
    vault.store("store", json!({"authSecretRef": Vault::auth()}));
    world.wait_ready("secretstore", "store");
    vault.one("certificate", "store", "cert/gone-certificate");
    let message = world.wait_reason("externalsecret", "certificate", "AccessDenied");
    assert!(message.contains("gone-certificate") && message.contains("get"), "{message}");
    vault.one("disabled", "store", "gone-disabled");
    let message = world.wait_reason("externalsecret", "disabled", "AccessDenied");
    assert!(message.contains("disabled"), "{message}");
    vault.one("absent", "store", "gone-absent");
    let message = world.wait_reason("externalsecret", "absent", "RemoteKeyNotFound");
    assert!(message.contains("gone-absent"), "{message}");
    for (name, key) in [("path", "../secrets/gone-deleted"), ("slash", "a/b/c"), ("query", "x?api-version=1")]
    {
        vault.one(name, "store", key);
        world.wait(&format!("{key} to be refused"), || match world.ready("externalsecret", name) {
            Some((status, ..)) if status == "False" => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
    // Deleted, and kept by the vault for who changes his mind: gone for the policy.
    let spec = json!({
        "target": {"deletionPolicy": "Delete"},
        "data": [{"secretKey": "v", "remoteRef": {"key": "gone-deleted"}}],
    });
    vault.external_secret("deleted", "store", "1h", spec);
    world.wait_data("deleted", &[("v", "MARKED-deleted-value")]);
    // A right that is taken away deletes nothing.
    vault.azure.revoke(&app, vault.name, &["secrets/get"]).unwrap();
    world.sync_now("deleted");
    world.wait_reason("externalsecret", "deleted", "AccessDenied");
    assert!(world.get("secret", "deleted").is_some());
    vault.azure.allow(&app, vault.name, &["secrets/get"]).unwrap();
    vault.azure.delete(vault.name, "secrets/gone-deleted").unwrap();
    world.sync_now("deleted");
    world.wait("the Secret to go", || match world.get("secret", "deleted") {
        None => Ok(()),
        Some(_) => Err("it is there".to_owned()),
    });
    vault.azure.recover(vault.name, "secrets/gone-deleted").unwrap();
    world.sync_now("deleted");
    world.wait_data("deleted", &[("v", "MARKED-deleted-value")]);
    assert_no_value_left(&world, &operator, &["MARKED-deleted-value", "MARKED-disabled-value"]);
}
