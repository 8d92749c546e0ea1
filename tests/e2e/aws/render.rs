//! `claviger render` against AWS: the access key stands in the given manifests.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Account, ENDPOINTS, World, allow, world};

fn render(world: &World, account: &Account<'_>, objects: &[Value]) -> Output {
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
        .envs(ENDPOINTS.map(|name| (name, account.aws.address())))
        .output()
        .unwrap()
}

#[test]
fn renders_with_a_key_from_the_manifests_and_a_role() {
    let world = world!("aws-render");
    let account = Account::new(&world, "eu-central-1");
    account.secret("aws-render/db", r#"{"password": "MARKED-rendered"}"#);
    let user = account.user("aws-render", &json!([allow(&["sts:AssumeRole"], &["*"])]));
    let trust = json!([{
        "Effect": "Allow", "Principal": {"AWS": account.aws.iam_arn("user/aws-render")}, "Action": "sts:AssumeRole",
    }]);
    let reads =
        allow(&["secretsmanager:GetSecretValue"], &["arn:aws:secretsmanager:*:*:secret:aws-render/*"]);
    let role = account.role("aws-render", &trust, &json!([reads]));
    let objects = |secret_key: &str| {
        [
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {
                "access-key-id": user.access_key_id, "secret-access-key": secret_key,
            }}),
            json!({
                "apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"name": "aws"},
                "spec": {"provider": {"aws": {
                    "service": "SecretsManager", "region": "eu-central-1", "role": role,
                    "auth": Account::key_auth("key"),
                }}},
            }),
            json!({
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "es"},
                "spec": {
                    "secretStoreRef": {"name": "aws"},
                    "data": [{"secretKey": "p", "remoteRef": {"key": "aws-render/db", "property": "password"}}],
                },
            }),
        ]
    };
    let output = render(&world, &account, &objects(&user.secret_access_key));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    let secret: Value = serde_saphyr::from_str(out.trim_start_matches("---\n")).unwrap();
    // base64 of MARKED-rendered
    assert_eq!(secret["data"]["p"], "TUFSS0VELXJlbmRlcmVk", "{out}");

    let wrong = "MARKED-wrong-secret-access-key-000000000";
    let output = render(&world, &account, &objects(wrong));
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("AuthenticationFailed") && err.contains("sts:AssumeRole"), "{err}");
    assert!(!err.contains(wrong) && output.stdout.is_empty(), "{err}");
}
