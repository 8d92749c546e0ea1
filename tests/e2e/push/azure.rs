//! Azure Key Vault: what every provider has to do, and certificates and keys. Read as the vault's administrator, by the API.

use claviger_testenv::workspace_root;
use serde_json::{Value, json};

use super::providers::{Attached, Provider, pushes};
use super::{entry, push, secret, store, synced};
use crate::support::{Operator, Vault, world};

const PERMISSIONS: [&str; 12] = [
    "secrets/get",
    "secrets/list",
    "secrets/set",
    "secrets/delete",
    "secrets/recover",
    "certificates/get",
    "certificates/import",
    "certificates/update",
    "certificates/delete",
    "keys/get",
    "keys/import",
    "keys/delete",
];

#[test]
fn azure() {
    let world = world!("push-suite-azure");
    let Some(vault) = Vault::new(&world, "other-vault") else { return };
    vault.login(&PERMISSIONS);
    let azurekv = json!({
        "vaultUrl": vault.url(), "tenantId": claviger_testenv::AzureView::TENANT, "authSecretRef": Vault::auth(),
    });
    store(&world, "there", &json!({}), &json!({"azurekv": azurekv}));
    let operator = Operator::start(&world);
    let get = |path: &str| {
        let (status, answer) = vault.azure.api(vault.name, "GET", path, &Value::Null).unwrap();
        (status == 200).then_some(answer)
    };
    let read = |key: &str| {
        let found = get(&format!("secrets/{key}"))?;
        Some(found["value"].as_str().unwrap().as_bytes().to_vec())
    };
    let tags = |key: &str| get(&format!("secrets/{key}")).unwrap_or_default()["tags"].take();
    let metadata = json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata",
        "spec": {"tags": {"team": "platform"}},
    });
    let provider = Provider {
        read: &read,
        put_unmanaged: Some(&|key| drop(vault.put(key, r#"{"a":"theirs"}"#))),
        metadata: Some(Attached {
            metadata,
            shows: &|key| tags(key) == json!({"team": "platform", "managed-by": "external-secrets"}),
        }),
        prefix: "apps-",
    };
    pushes(&world, &operator, &provider);

    // A certificate with its key, and the key by itself; again, they are what is there.
    let folder = workspace_root().join("plugins/azure/tests/certificates");
    let bundle = std::fs::read_to_string(folder.join("pkcs8.pem")).unwrap();
    let key = std::fs::read_to_string(folder.join("pkcs8.import.pem")).unwrap();
    let key = &key[..key.find("-----BEGIN CERTIFICATE").unwrap()];
    secret(&world, "source", &json!({}), &json!({"tls": bundle, "key": key}));
    push(
        &world,
        "material",
        &json!({
            "secretStoreRefs": [{"name": "there"}], "deletionPolicy": "Delete", "refreshInterval": "5s",
            "data": [entry("tls", "cert/apps-tls"), entry("key", "key/apps-key")],
        }),
    );
    synced(&world, "material");
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("pkcs8.jwk.json")).unwrap()).unwrap();
    for path in ["keys/apps-key", "keys/apps-tls"] {
        let found = get(path).unwrap();
        assert_eq!((&found["key"]["n"], &found["key"]["e"]), (&expected["n"], &expected["e"]), "{path}");
    }
    assert_eq!(get("certificates/apps-tls").unwrap()["tags"], json!({"managed-by": "external-secrets"}));
    let before = (
        get("certificates/apps-tls").unwrap()["id"].take(),
        get("keys/apps-key").unwrap()["key"]["kid"].take(),
    );
    let [.., unchanged, _, _] = super::counts(&operator);
    world.wait("two comparisons", || match super::counts(&operator) {
        [_, _, more, _, _] if more >= unchanged + 4 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let after = (
        get("certificates/apps-tls").unwrap()["id"].take(),
        get("keys/apps-key").unwrap()["key"]["kid"].take(),
    );
    assert_eq!(after, before, "no other version");
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "material"]);
    world.wait("both to be deleted", || match (get("certificates/apps-tls"), get("keys/apps-key")) {
        (None, None) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}
