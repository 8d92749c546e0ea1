//! `claviger render` against Google: the key stands in the given manifests.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Project, World, world};

fn render(world: &World, objects: &[Value]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.yaml");
    let text: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    std::fs::write(&file, text).unwrap();
    let ca = world.env.clouds.as_ref().unwrap().ca_file();
    Command::new(&world.env.claviger)
        // The stand-in is on loopback, where stores of files lead nobody who does not trust them.
        .args(["--log-level", "error", "render", "--trust-files", "--plugin-dir"])
        .arg(&world.env.plugin_dir)
        .arg("-f")
        .arg(&file)
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        .env("SSL_CERT_FILE", ca)
        .output()
        .unwrap()
}

#[test]
fn renders_with_a_key_from_the_manifests() {
    let world = world!("gcp-render");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.secret("db", r#"{"password": "MARKED-rendered"}"#);
    let objects = |file: &Value| {
        [
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"},
                "stringData": {"key.json": file.to_string()}}),
            json!({
                "apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"name": "gcp"},
                "spec": {"provider": {"gcpsm": {"projectID": project.id, "auth": Project::key_auth("key")}}},
            }),
            json!({
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "es"},
                "spec": {
                    "secretStoreRef": {"name": "gcp"},
                    "data": [{"secretKey": "p", "remoteRef": {"key": "db", "property": "password"}}],
                },
            }),
        ]
    };
    let mark = project.google.mark();
    let output = render(&world, &objects(&account.key));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    let secret: Value = serde_saphyr::from_str(out.trim_start_matches("---\n")).unwrap();
    // base64 of MARKED-rendered
    assert_eq!(secret["data"]["p"], "TUFSS0VELXJlbmRlcmVk", "{out}");
    let counts = ["jwt-bearer", "AccessSecretVersion"].map(|action| project.count(mark, action));
    assert_eq!(counts, [1, 1]);

    // A key that was deleted.
    let another = project.google.control("service-account-key", &json!({"email": account.email})).unwrap();
    let kid = json!({"email": account.email, "kid": another["private_key_id"]});
    project.google.control("delete-service-account-key", &kid).unwrap();
    let output = render(&world, &objects(&another));
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("AuthenticationFailed") && err.contains("Invalid JWT Signature"), "{err}");
    let line = another["private_key"].as_str().unwrap().lines().nth(1).unwrap();
    assert!(!err.contains(line) && output.stdout.is_empty(), "{err}");
}
