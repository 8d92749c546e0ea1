//! `demo --cluster`: etcd, kube-apiserver, OpenBao and the operator, until an ExternalSecret is ready.
//!
//! The operator runs as its own ServiceAccount with the rights of `examples/cluster/rbac.yaml`, outside
//! the cluster, since nothing here runs pods. OpenBao is prepared as its administrator would: an engine,
//! the policy of `examples/cluster/policy.hcl`, a JWT login that trusts the cluster's tokens.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{
    Bao, BaoOptions, BaoView, Cluster, ClusterView, Progress, RunDir, Tools, poll, workspace_root,
};
use serde_json::{Value, json};

use crate::build;
use crate::exec::Running;

/// The operator compiles its plugins first, on a machine that may be busy.
const READY: Duration = Duration::from_secs(180);

/// Where the operator's ServiceAccount lives, see rbac.yaml.
const NAMESPACE: &str = "claviger-system";
const ACCOUNT: &str = "claviger";

/// What the manifests in examples/cluster say in place of this run's values.
const SERVER: &str = "https://vault.example.com:8200";
const CA_BUNDLE: &str = "LS0tLS1CRUdJTi...";

/// Runs the demo.
///
/// # Errors
/// If something is missing, does not build, does not start, or does not become ready in time.
pub(crate) fn run(progress: &Progress) -> Result<ExitCode> {
    let plugins = build::plugins(progress)?;
    let claviger = build::claviger(progress)?;
    let tools = Tools::prepare(progress)?;
    let run = RunDir::create("demo")?;
    let shown = show(progress, &tools, &run, &claviger, &plugins);
    if shown.is_err() {
        run.keep();
    }
    shown?;
    progress.say("everything is stopped again");
    Ok(ExitCode::SUCCESS)
}

fn show(progress: &Progress, tools: &Tools, run: &RunDir, claviger: &Path, plugins: &Path) -> Result<()> {
    progress.say("starting etcd, kube-apiserver and kube-controller-manager");
    let cluster = Cluster::start(tools, run.path())?;
    let cluster = cluster.view();
    progress.say("starting OpenBao, with TLS");
    let bao = Bao::start(tools, run.path(), BaoOptions { tls: true, ..BaoOptions::default() })?;
    let bao = bao.view();

    progress.say("installing the CustomResourceDefinitions and the operator's rights");
    install(cluster, claviger)?;
    progress.say("Vault: an engine, a policy, a login for the cluster's ServiceAccounts, a secret");
    prepare_vault(bao, cluster)?;

    progress.say("starting the operator");
    let kubeconfig = cluster.kubeconfig_for_service_account(NAMESPACE, ACCOUNT)?;
    let log = run.path().join("operator.log");
    let out = File::create(&log).with_context(|| log.display().to_string())?;
    let mut operator = Running::start(
        Command::new(claviger)
            .args(["run", "--allow-loopback", "--listen", "127.0.0.1:0", "--kubeconfig"])
            .arg(kubeconfig)
            .arg("--plugin-dir")
            .arg(plugins)
            .arg("--cache-dir")
            .arg(crate::paths::compiled_plugins())
            // Everything is on this machine.
            .args(["--https-proxy=", "--http-proxy="])
            .stdout(Stdio::null())
            .stderr(out),
    )?;

    progress.say("kubectl apply -f examples/cluster");
    let ca = bao.ca_pem().context("OpenBao was started with TLS")?;
    for name in ["vault-store.yaml", "database-credentials.yaml"] {
        let yaml = example(name)?.replace(SERVER, bao.address()).replace(CA_BUNDLE, &STANDARD.encode(ca));
        cluster.apply(&yaml)?;
    }
    poll("ExternalSecret production/database-credentials ready", READY, || {
        if let Ok(Some(status)) = operator.child.try_wait() {
            return Err(format!("the operator ended ({status}); its log: {}", log.display()));
        }
        ready(cluster, "externalsecret", "database-credentials")
    })?;
    for arguments in [
        vec!["get", "secretstore,externalsecret,secret", "-n", "production"],
        vec!["get", "secret", "postgres-credentials", "-n", "production", "-o", "yaml"],
    ] {
        println!("\n$ kubectl {}", arguments.join(" "));
        let output = cluster.kubectl(&arguments)?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
    println!();
    progress.say("the Secret came out of OpenBao through the Vault plugin, shaped by the Go template plugin");
    progress.say("look further: examples/cluster has the manifests, `cargo xtask test` does this and more");
    Ok(())
}

/// Installs the definitions, and the operator's ClusterRole and ServiceAccount.
///
/// # Errors
/// If the API server refuses something.
pub(crate) fn install(cluster: &ClusterView, claviger: &Path) -> Result<()> {
    let output = Command::new(claviger).arg("crds").output().context("claviger crds")?;
    if !output.status.success() {
        bail!("claviger crds failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    cluster.apply(&String::from_utf8(output.stdout).context("claviger crds")?)?;
    cluster.apply(&example("rbac.yaml")?)?;
    // A definition is served only once it is established.
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
    let output = cluster.kubectl(&wait)?;
    if !output.status.success() {
        bail!("the definitions are not established: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// What an administrator of Vault does for the manifests of examples/cluster.
fn prepare_vault(bao: &BaoView, cluster: &ClusterView) -> Result<()> {
    let policy = example("policy.hcl")?;
    let account = "system:serviceaccount:production:vault-auth-sa";
    let calls = [
        ("sys/mounts/secret", json!({"type": "kv", "options": {"version": "2"}})),
        ("sys/policies/acl/external-secrets", json!({"policy": policy})),
        ("sys/auth/jwt", json!({"type": "jwt"})),
        (
            "auth/jwt/config",
            json!({"jwt_validation_pubkeys": cluster.token_key_pem(), "default_role": "external-secrets"}),
        ),
        (
            "auth/jwt/role/external-secrets",
            json!({
                "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"],
                "bound_subject": account, "token_policies": ["external-secrets"], "token_ttl": "15m",
            }),
        ),
        (
            "secret/data/database/postgres/main",
            json!({"data": {
                "username": "app", "password": "correct-horse-battery-staple",
                "host": "db.example.com", "port": 5432, "database": "orders",
            }}),
        ),
    ];
    for (path, body) in calls {
        let (status, answer) = bao.api("POST", path, &body)?;
        if !(200..300).contains(&status) {
            bail!("OpenBao refused {path}: {status} {answer}");
        }
    }
    Ok(())
}

fn example(name: &str) -> Result<String> {
    let path = workspace_root().join("examples/cluster").join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Whether the object's Ready condition is True; if not, what it says.
fn ready(cluster: &ClusterView, kind: &str, name: &str) -> std::result::Result<(), String> {
    let output = cluster
        .kubectl(&["get", kind, name, "-n", "production", "-o", "json"])
        .map_err(|error| error.to_string())?;
    let object: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    match conditions.iter().find(|condition| condition["type"] == "Ready") {
        Some(condition) if condition["status"] == "True" => Ok(()),
        Some(condition) => Err(condition.to_string()),
        None => Err("no Ready condition yet".to_owned()),
    }
}
