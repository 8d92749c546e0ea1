//! The metrics as people use them: a real Prometheus scrapes an operator, and evaluates the reference document's alerts and
//! ours over what it finds; promtool tests both as rules.

use std::collections::BTreeSet;
use std::path::Path;

use claviger_testenv::{Prometheus, RunDir, Sample, promtool, workspace_root};
use serde_json::{Value, json};

use crate::support::{Mount, Operator, World, assert_no_value_left, world};

/// The `spec` of the reference document's PrometheusRule: rule groups.
fn seed_rules() -> Value {
    let text = std::fs::read_to_string(workspace_root().join("tests/e2e/document/alerts.yaml")).unwrap();
    let block: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let rule = block.into_iter().find(|object| object["kind"] == "PrometheusRule");
    rule.unwrap()["spec"].clone()
}

fn alerts() -> std::path::PathBuf {
    workspace_root().join("tests/e2e/alerts")
}

fn own_rules() -> String {
    std::fs::read_to_string(workspace_root().join("charts/claviger/files/alerts.yaml")).unwrap()
}

/// The expression of an alert of the reference document.
fn seed_expression(alert: &str) -> String {
    let spec = seed_rules();
    let rules = spec["groups"][0]["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["alert"] == alert).unwrap();
    rule["expr"].as_str().unwrap().to_owned()
}

fn store(world: &World, name: &str, vault: &Value) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {"controller": world.name, "refreshInterval": 2, "provider": {"vault": vault}},
    }));
}

fn external_secret(world: &World, name: &str, store: &str, interval: &str, key: &str) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {
            "refreshInterval": interval, "secretStoreRef": {"name": store},
            "data": [{"secretKey": "k", "remoteRef": {"key": key, "property": "p"}}],
        },
    }));
}

/// Names of objects of the test's namespace among series.
fn names(world: &World, samples: &[Sample]) -> BTreeSet<String> {
    let ours = samples.iter().filter(|(labels, _)| labels.get("namespace") == Some(&world.name));
    ours.filter_map(|(labels, _)| labels.get("name").cloned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn needs_prometheus_to_evaluate_alerts_on_real_series() {
    let world = world!("prometheus");
    let mount = Mount::kv2(&world);
    let (login, role, secret) = mount.app_role("10m");
    let value = "MARKED-value-behind-metrics";
    mount.put("good", json!({"p": value}));
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "approle", "namespace": world.name},
        "stringData": {"id": secret},
    }));
    let vault = |server: &str| {
        json!({"server": server, "path": mount.path, "auth": {"appRole": {
            "path": login, "roleId": role, "secretRef": {"name": "approle", "key": "id"}}}})
    };
    store(&world, "up", &vault(world.env.bao.address()));
    // Nothing listens on port 1.
    store(&world, "down", &vault("http://127.0.0.1:1"));
    external_secret(&world, "works", "up", "2s", "good");
    external_secret(&world, "hourly", "up", "1h", "good");
    external_secret(&world, "once", "up", "0", "good");
    external_secret(&world, "never", "up", "2s", "absent");
    let mut operator = Operator::start(&world);
    for name in ["works", "hourly", "once"] {
        world.wait_ready("externalsecret", name);
    }
    world.wait_reason("externalsecret", "never", "RemoteKeyNotFound");
    world.wait_reason("secretstore", "down", "ProviderUnavailable");

    let dir = RunDir::create("prometheus").unwrap();
    let rules = [("seed.yaml", seed_rules().to_string()), ("own.yaml", own_rules())];
    let rules = rules.each_ref().map(|(name, text)| (*name, text.as_str()));
    let prometheus = Prometheus::start(&world.env.tools, dir.path(), operator.address(), &rules).unwrap();
    let query = |expression: &str| prometheus.query(expression).unwrap();
    world.wait("the first scrape", || match query("up").first() {
        Some((_, value)) if *value == 1.0 => Ok(()),
        other => Err(format!("{other:?}: {}", prometheus.scrape_error().unwrap())),
    });

    // The document's expressions, as written.
    let failing = seed_expression("ExternalSecretSyncFailure");
    world.wait("the failing one, and no other", || match names(&world, &query(&failing)) {
        found if found == set(&["never"]) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let unreachable = seed_expression("SecretStoreConnectionFailure");
    assert_eq!(names(&world, &query(&unreachable)), set(&["down"]));
    let stale = seed_expression("ExternalSecretStale");
    assert_eq!(names(&world, &query(&stale)), set(&[]), "none of them is an hour old");
    // With seconds in place of its hour: what never worked, and what was not refreshed for so long. Not what is refreshed
    // once and never again.
    let sooner = stale.replace("3600", "15");
    assert_ne!(sooner, stale);
    world.wait("those that are stale", || match names(&world, &query(&sooner)) {
        found if found == set(&["hourly", "never"]) => Ok(()),
        other => Err(format!("{other:?}")),
    });

    // Both rule files are evaluated: the alerts wait for their time to pass.
    for (alert, name) in [
        ("ExternalSecretSyncFailure", "never"),
        ("SecretStoreConnectionFailure", "down"),
        ("ClavigerExternalSecretFailing", "never"),
        ("ClavigerStoreDown", "down"),
    ] {
        world.wait(&format!("{alert} of {name}"), || {
            let alerts = prometheus.alerts().unwrap();
            let of_it = |(found, labels): &&(String, std::collections::BTreeMap<String, String>)| {
                found == alert && labels.get("namespace") == Some(&world.name)
            };
            let found: Vec<_> =
                alerts.iter().filter(of_it).filter_map(|(_, labels)| labels.get("name")).collect();
            if found == [name] { Ok(()) } else { Err(format!("{alerts:?}")) }
        });
    }
    let reason = format!("claviger_not_ready{{namespace=\"{}\",name=\"never\"}}", world.name);
    assert_eq!(query(&reason)[0].0["reason"], "RemoteKeyNotFound");
    let reads = "sum(claviger_provider_call_duration_seconds_count{provider=\"vault\",operation=\"get\",outcome=\"ok\"})";
    assert!(query(reads)[0].1 >= 1.0);
    assert!(!query("histogram_quantile(0.9, claviger_reconcile_duration_seconds_bucket)").is_empty());

    after_a_restart(&world, &mut operator);
    assert_no_value_left(&world, &operator, &[value]);
}

/// The values are right again before anything is refreshed: the hourly one is not for a while.
fn after_a_restart(world: &World, operator: &mut Operator) {
    let series = |name: &str, of: &str| format!("{name}{{name=\"{of}\",namespace=\"{}\"}}", world.name);
    let last = operator.metric(&series("external_secrets_sync_calls_total", "hourly")).unwrap();
    assert_eq!(operator.stop(), Some(0));
    operator.restart();
    let again = world.wait("the last success of what is not due", || {
        operator.metric(&series("external_secrets_sync_calls_total", "hourly")).ok_or_else(|| operator.log())
    });
    // A status has whole seconds.
    assert!((again - last).abs() < 1.5, "{again} for {last}");
    assert_eq!(
        operator.metric(&series("externalsecret_sync_calls_total", "hourly")),
        None,
        "it was not refreshed"
    );
    assert_eq!(operator.metric(&series("external_secrets_sync_calls_error", "hourly")), Some(0.0));
    world.wait("what fails and what is down", || {
        let failing = operator.metric(&series("external_secrets_sync_calls_error", "never"));
        let down = operator.metric(&series("external_secrets_secret_store_connection_status", "down"));
        match (failing, down) {
            (Some(failures), Some(0.0)) if failures >= 1.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

/// promtool in a folder with a rule file and its test.
fn test_rules(world: &World, name: &str, rules: &str, test: &Path) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rule.yaml"), rules).unwrap();
    std::fs::copy(test, dir.path().join("test.yaml")).unwrap();
    for arguments in [["check", "rules", "rule.yaml"], ["test", "rules", "test.yaml"]] {
        let output = promtool(&world.env.tools, dir.path(), &arguments).unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains("SUCCESS"),
            "{name}: promtool {arguments:?}: {said}"
        );
    }
}

#[test]
fn needs_prometheus_to_test_the_rules_of_alerts() {
    let world = world!("alert-rules");
    test_rules(&world, "the reference document's", &seed_rules().to_string(), &alerts().join("seed.yaml"));
    test_rules(&world, "ours", &own_rules(), &alerts().join("claviger.yaml"));
}

/// What an alert names as its runbook is there; where the anchor is the reason of a series, doctor's own test looks after it.
#[test]
fn every_alert_leads_to_a_section() {
    let mut found = 0;
    for line in own_rules().lines().filter(|line| line.trim().starts_with("runbook:")) {
        let Some((page, rest)) = line.trim().trim_start_matches("runbook: ").split_once('#') else {
            panic!("{line}")
        };
        if page.contains("{{") {
            continue;
        }
        let guide = std::fs::read_to_string(workspace_root().join(page)).unwrap();
        let headings = guide.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
        let anchors: Vec<String> = headings.map(|heading| heading.to_lowercase().replace(' ', "-")).collect();
        assert!(anchors.iter().any(|known| known == rest), "{line}");
        found += 1;
    }
    assert!(found >= 6, "{found}");
}
