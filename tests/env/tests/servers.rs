//! The servers themselves, with the tests' own eyes: what the end-to-end tests take for granted.
//!
//! `cargo xtask test` runs these with its servers handed over. Nothing of the product takes part, so a
//! failure here is the environment's.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::TcpStream;
use std::time::Duration;

use claviger_testenv::{Bao, BaoOptions, Env, Mark, Postgres, RunDir, poll};
use serde_json::{Value, json};

fn handed_over() -> Env {
    Env::from_env().expect("these tests need servers: run them by `cargo xtask test`")
}

fn ok(env: &Env, method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = env.bao.api(method, path, body).unwrap();
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer
}

#[test]
fn a_service_account_is_held_to_its_rights_and_every_request_is_counted() {
    let env = handed_over();
    let cluster = &env.cluster;
    cluster
        .apply(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: env-rights}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: nobody, namespace: env-rights}\n",
        )
        .unwrap();
    let kubeconfig = cluster.kubeconfig_for_service_account("env-rights", "nobody").unwrap();
    let since = cluster.audit_mark();
    let refused = cluster
        .command(&["get", "secrets", "-n", "env-rights", "--kubeconfig", kubeconfig.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("system:serviceaccount:env-rights:nobody"));
    let asked = poll("the request in the audit log", Duration::from_secs(20), || {
        let requests = cluster.audit_requests(since).map_err(|error| error.to_string())?;
        let secrets = requests.iter().filter(|request| {
            request.user == "system:serviceaccount:env-rights:nobody" && request.uri.contains("/secrets")
        });
        match secrets.count() {
            0 => Err(format!("{} requests, none of them", requests.len())),
            count => Ok(count),
        }
    });
    assert_eq!(asked.unwrap(), 1);
    let deleted = cluster.kubectl(&["delete", "namespace", "env-rights", "--timeout=60s"]).unwrap();
    assert!(deleted.status.success(), "the controller manager ends namespaces");
}

#[test]
fn openbao_counts_each_request_and_keeps_its_address_and_data() {
    let env = handed_over();
    let run = RunDir::create("selftest").unwrap();
    let mut bao =
        Bao::start(&env.tools, run.path(), BaoOptions { tls: true, ..BaoOptions::default() }).unwrap();
    let view = bao.view().clone();
    assert!(view.address().starts_with("https://127.0.0.1:") && view.ca_pem().is_some());
    let mount = json!({"type": "kv", "options": {"version": "2"}});
    assert_eq!(view.api("POST", "sys/mounts/kv", &mount).unwrap().0, 204);
    assert_eq!(view.api("POST", "kv/data/a", &json!({"data": {"b": "c"}})).unwrap().0, 200);

    let since = view.audit_mark();
    assert_ne!(since, Mark::default());
    for _ in 0..3 {
        assert_eq!(view.api("GET", "kv/data/a", &Value::Null).unwrap().1["data"]["data"]["b"], "c");
    }
    let entries = view.audit_entries(since).unwrap();
    let reads = entries
        .iter()
        .filter(|entry| entry.kind == "request" && entry.operation == "read" && entry.path == "kv/data/a");
    assert_eq!(reads.count(), 3);

    let port = view.address().rsplit(':').next().unwrap().to_owned();
    bao.stop();
    assert!(TcpStream::connect(format!("127.0.0.1:{port}")).is_err());
    bao.start_again().unwrap();
    assert_eq!(view.api("GET", "kv/data/a", &Value::Null).unwrap().1["data"]["data"]["b"], "c");
}

/// The name's beginning is how `cargo xtask test` leaves it out, and says so, without PostgreSQL.
#[test]
fn needs_postgres_for_users_that_openbao_makes() {
    let env = handed_over();
    let run = RunDir::create("selftest").unwrap();
    let mut postgres = Postgres::start(&env.tools, run.path()).unwrap();
    let view = postgres.view();
    ok(&env, "POST", "sys/mounts/env-database", &json!({"type": "database"}));
    let url = format!(
        "postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/postgres?sslmode=disable",
        view.port
    );
    let config = json!({
        "plugin_name": "postgresql-database-plugin", "allowed_roles": "*",
        "connection_url": url, "username": view.superuser, "password": "not asked for",
    });
    ok(&env, "POST", "env-database/config/main", &config);
    let role = json!({
        "db_name": "main", "default_ttl": "5m",
        "creation_statements": ["CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"],
    });
    ok(&env, "POST", "env-database/roles/readonly", &role);
    let made = ok(&env, "GET", "env-database/creds/readonly", &Value::Null);
    assert!(made["data"]["username"].as_str().is_some_and(|name| name.starts_with("v-")), "{made}");
    assert_eq!(made["lease_duration"], 300);
    ok(&env, "PUT", "sys/leases/revoke", &json!({"lease_id": made["lease_id"]}));
    ok(&env, "DELETE", "sys/mounts/env-database", &Value::Null);
    postgres.stop();
}
