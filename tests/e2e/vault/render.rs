//! `claviger render` against a server: what a store refers to stands in the files, and no cluster is asked.

use std::process::{Command, Output};

use claviger_testenv::{Bao, BaoOptions};
use serde_json::{Value, json};

use super::{Server, VALUE};
use crate::support::{World, world};

/// Renders manifests; exit code, standard output and error.
fn render(world: &World, objects: &[Value]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.yaml");
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    std::fs::write(&file, documents.join("\n---\n")).unwrap();
    let Output { status, stdout, stderr } = Command::new(&world.env.claviger)
        // The server is on loopback, where stores of files lead nobody who does not trust them.
        .args(["--log-level", "error", "render", "--trust-files", "-f"])
        .arg(&file)
        .arg("--plugin-dir")
        .arg(&world.env.plugin_dir)
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        // No cluster, should it look for one.
        .env("KUBECONFIG", dir.path().join("absent"))
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn renders_from_a_real_server() {
    let world = world!("vault-render");
    let dir = tempfile::tempdir().unwrap();
    let options = BaoOptions { tls: true, ..BaoOptions::default() };
    let bao = Bao::start(&world.env.tools, dir.path(), options).unwrap();
    let vault = Server::of(&world, bao.view());
    vault.mount("", "kv");
    vault.call("POST", "sys/auth/approle", json!({"type": "approle"}));
    vault.call("POST", "auth/approle/role/app", json!({"token_policies": ["kv"], "token_ttl": "10m"}));
    let role = vault.call("GET", "auth/approle/role/app/role-id", Value::Null)["data"]["role_id"].clone();
    let id = vault.call("POST", "auth/approle/role/app/secret-id", json!({}))["data"]["secret_id"].clone();
    let object = |kind: &str, name: &str, field: &str, value: Value| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "app"}, field: value});
    let manifests = |secret_id: &str| {
        let login = json!({"role-id": role, "secret-id": secret_id});
        let auth = json!({
            "roleRef": {"name": "login", "key": "role-id"}, "secretRef": {"name": "login", "key": "secret-id"},
        });
        [
            object("Secret", "login", "stringData", login),
            object("ConfigMap", "vault-ca", "data", json!({"ca.crt": bao.authority().unwrap().pem()})),
            json!({
                "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
                "metadata": {"name": "vault", "namespace": "app"},
                "spec": {"provider": {"vault": {
                    "server": vault.address, "path": "kv", "auth": {"appRole": auth},
                    "caProvider": {"type": "ConfigMap", "name": "vault-ca", "key": "ca.crt"},
                }}},
            }),
            json!({
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
                "metadata": {"name": "db", "namespace": "app"},
                "spec": {
                    "secretStoreRef": {"name": "vault"},
                    "target": {"template": {"data": {"url": "db://{{ .v }}@host"}}},
                    "data": [{"secretKey": "v", "remoteRef": {"key": "app", "property": "v"}}],
                },
            }),
        ]
    };
    let (code, out, err) = render(&world, &manifests(id.as_str().unwrap()));
    assert_eq!(code, Some(0), "{err}");
    let rendered: Value = serde_saphyr::from_str(out.trim_start_matches("---\n")).unwrap();
    assert_eq!((&rendered["kind"], &rendered["metadata"]["name"]), (&json!("Secret"), &json!("db")));
    // base64 of db://MARKED-vault-value@host
    assert_eq!(VALUE, "MARKED-vault-value");
    assert_eq!(rendered["data"], json!({"url": "ZGI6Ly9NQVJLRUQtdmF1bHQtdmFsdWVAaG9zdA=="}));

    let wrong = "MARKED-wrong-secret-id";
    let (code, out, err) = render(&world, &manifests(wrong));
    println!("{err}");
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    for part in [
        "app/db: AuthenticationFailed",
        "SecretStore app/vault",
        "appRole at auth/approle",
        "invalid role or secret ID",
    ] {
        assert!(err.contains(part), "{part:?} is not in:\n{err}");
    }
    assert!(!err.contains(wrong) && !err.contains(VALUE), "{err}");

    // Without the authority, and without the Secret.
    let [login, _, mut store, es] = manifests(id.as_str().unwrap());
    let (code, _, err) = render(&world, &[store.clone(), login.clone(), es.clone()]);
    assert!(
        code == Some(1) && err.contains("ReferenceNotFound") && err.contains("ConfigMap app/vault-ca"),
        "{err}"
    );
    store["spec"]["provider"]["vault"].as_object_mut().unwrap().remove("caProvider");
    let (code, _, err) = render(&world, &[store, login, es]);
    assert!(code == Some(1) && err.contains("ProviderUnavailable") && err.contains("certificate"), "{err}");
}
