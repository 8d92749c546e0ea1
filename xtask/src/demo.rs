//! The demos: what a new user runs first.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use claviger_testenv::{Progress, poll, workspace_root};
use serde_json::json;

use crate::{build, cluster};

const NAMESPACE: &str = "production";

/// Renders the quickstart, without a cluster.
pub(crate) fn render(progress: &Progress) -> Result<()> {
    let plugins = build::plugins(progress)?;
    let claviger = build::binary(progress)?;
    progress.say("claviger render -f examples/quickstart");
    let mut render = Command::new(claviger);
    render.current_dir(workspace_root()).args(["--log-level", "warn", "render", "-f", "examples/quickstart"]);
    render.arg("--plugin-dir").arg(plugins).arg("--cache-dir").arg(build::target_dir().join("aot"));
    build::run("claviger render", &mut render)
}

/// On a real API server: a Vault store with a ServiceAccount's own token, and its Secret.
pub(crate) fn cluster(progress: &Progress) -> Result<()> {
    let plugins = build::plugins(progress)?;
    let claviger = build::binary(progress)?;
    let servers = cluster::start(progress, claviger, plugins)?;
    let (kube, bao) = (&servers.env.cluster, &servers.env.bao);

    progress.say("preparing OpenBao: a KV engine, a JWT login that trusts the cluster, a secret");
    let call = |method: &str, path: &str, body: serde_json::Value| -> Result<()> {
        let (status, answer) = bao.api(method, path, &body)?;
        anyhow::ensure!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        Ok(())
    };
    call("POST", "sys/mounts/secret", json!({"type": "kv", "options": {"version": "2"}}))?;
    call("PUT", "sys/policies/acl/external-secrets", json!({"policy": include_str!("../../examples/cluster/policy.hcl")}))?;
    call("POST", "sys/auth/jwt", json!({"type": "jwt"}))?;
    call("POST", "auth/jwt/config", json!({"jwt_validation_pubkeys": [kube.token_key_pem()]}))?;
    call(
        "POST",
        "auth/jwt/role/external-secrets",
        json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"],
            "bound_subject": format!("system:serviceaccount:{NAMESPACE}:vault-auth-sa"),
            "token_policies": ["external-secrets"], "token_ttl": "10m",
        }),
    )?;
    let secret = json!({"username": "app", "password": "correct horse", "host": "db.internal", "port": 5432, "database": "orders"});
    call("POST", "secret/data/database/postgres/main", json!({"data": secret}))?;

    progress.say("applying examples/cluster/vault.yaml");
    let manifests = include_str!("../../examples/cluster/vault.yaml").replace("https://vault.company.com", bao.address());
    kube.apply(&manifests)?;

    progress.say("starting claviger run");
    kube.apply("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: claviger, namespace: default}\n")?;
    kube.apply(include_str!("../../examples/cluster/rbac-binding.yaml"))?;
    let kubeconfig = kube.kubeconfig_for_service_account("default", "claviger")?;
    let log = servers.dir.path().join("claviger.log");
    let mut operator = Command::new(&servers.env.claviger)
        .args(["run", "--listen", "off", "--allow-loopback", "--kubeconfig"])
        .arg(&kubeconfig)
        .arg("--plugin-dir")
        .arg(&servers.env.plugin_dir)
        .arg("--cache-dir")
        .arg(&servers.env.cache_dir)
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(&log)?)
        .spawn()
        .context("claviger run")?;
    let ready = poll("the ExternalSecret to be ready", Duration::from_secs(60), || {
        let wait = ["-n", NAMESPACE, "get", "externalsecret", "database-credentials", "-o", "jsonpath={.status.conditions[0].reason}"];
        match kube.kubectl(&wait) {
            Ok(output) if output.stdout == b"SecretSynced" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let shown = build::run(
        "kubectl get",
        &mut kube.command(&["-n", NAMESPACE, "get", "secretstore,externalsecret,secret"]),
    );
    let described = build::run(
        "kubectl get secret",
        &mut kube.command(&["-n", NAMESPACE, "get", "secret", "postgres-credentials", "-o", "go-template={{index .data \"connection-string\" | base64decode}}{{\"\\n\"}}"]),
    );
    let _ = operator.kill();
    let _ = operator.wait();
    if ready.is_err() {
        servers.dir.keep();
    }
    ready?;
    shown?;
    described?;
    progress.say("stopping everything");
    Ok(())
}
