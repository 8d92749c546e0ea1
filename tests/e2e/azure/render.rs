//! `claviger render` against Azure: the client secret stands in the given manifests.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Vault, World, world};

fn render(world: &World, objects: &[Value]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.yaml");
    let text: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    std::fs::write(&file, text).unwrap();
    Command::new(&world.env.claviger)
        // The stand-in is on loopback, where stores of files lead nobody who does not trust them.
        .args(["--log-level", "error", "render", "--trust-files", "--plugin-dir"])
        .arg(&world.env.plugin_dir)
        .arg("-f")
        .arg(&file)
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        .envs(world.env.clouds.iter().map(|clouds| ("SSL_CERT_FILE", clouds.ca_file())))
        .output()
        .unwrap()
}

#[test]
fn renders_with_a_secret_from_the_manifests() {
    let world = world!("azure-render");
    let Some(vault) = Vault::new(&world, "login-vault") else { return };
    let app = vault.app(&["secrets/get"]);
    vault.put("azure-render-key", "MARKED-rendered");
    let objects = |secret: &str| {
        [
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
                "stringData": {"id": app.client_id, "secret": secret}}),
            json!({
                "apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"name": "azure"},
                "spec": {"provider": {"azurekv": {
                    "vaultUrl": vault.url(), "tenantId": app.tenant_id, "authSecretRef": Vault::auth(),
                }}},
            }),
            json!({
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "es"},
                "spec": {
                    "secretStoreRef": {"name": "azure"},
                    "data": [{"secretKey": "p", "remoteRef": {"key": "azure-render-key"}}],
                },
            }),
        ]
    };
    let output = render(&world, &objects(&vault.azure.client_secret(&app).unwrap()));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    let secret: Value = serde_saphyr::from_str(out.trim_start_matches("---\n")).unwrap();
    // base64 of MARKED-rendered
    assert_eq!(secret["data"]["p"], "TUFSS0VELXJlbmRlcmVk", "{out}");

    let wrong = "MARKED-wrong-client-secret";
    let output = render(&world, &objects(wrong));
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("AuthenticationFailed") && err.contains("AADSTS7000215"), "{err}");
    assert!(!err.contains(wrong) && output.stdout.is_empty(), "{err}");
}
