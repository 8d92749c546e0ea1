//! The audit log: a line for each access and each write, by whom and how it ended, and no value in any of them.

use claviger_testenv::poll;
use serde_json::{Value, json};

use crate::support::{Mount, Operator, World, assert_no_value_left, world};

/// The block of the reference document's `config.yaml`.
const CONFIG: &str = "audit:\n  enabled: true\n  logSecretAccess: true\n  logSecretSync: true\n";

/// An operator with that in its settings.
fn audited(world: &World, dir: &tempfile::TempDir) -> Operator {
    let file = dir.path().join("config.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    Operator::start_flagged(world, &["--config", file.to_str().unwrap()])
}

fn lines(operator: &Operator) -> Vec<Value> {
    let text = operator.audit();
    // The last may be on its way.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits for a line that has all of `fields`; it is returned.
fn wait_line(operator: &Operator, what: &str, fields: &Value) -> Value {
    fn has(line: &Value, fields: &Value) -> bool {
        match fields {
            Value::Object(fields) => fields.iter().all(|(name, value)| has(&line[name], value)),
            value => line == value,
        }
    }
    poll(what, std::time::Duration::from_secs(60), || {
        lines(operator).into_iter().find(|line| has(line, fields)).ok_or_else(|| operator.audit())
    })
    .unwrap()
}

#[test]
fn every_access_and_every_write_has_a_line_and_no_value() {
    let world = world!("audited");
    let mount = Mount::kv2(&world);
    let (login, role, secret) = mount.app_role("10m");
    let values = ["MARKED-audited-password", "MARKED-audited-second", "MARKED-audited-pushed"];
    mount.put("app/db", json!({"user": "ann", "password": values[0]}));
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "approle", "namespace": world.name},
        "stringData": {"id": secret},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "vault", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"vault": {
            "server": world.env.bao.address(), "path": mount.path, "auth": {"appRole": {
                "path": login, "roleId": role, "secretRef": {"name": "approle", "key": "id"}}},
        }}},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "fake", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "own", "value": "declared"}]}}},
    }));
    let external_secret = |name: &str, data: Value| {
        world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": world.name},
            "spec": {"refreshInterval": "1h", "secretStoreRef": {"name": "vault"}, "data": data},
        }));
    };
    let entry = |secret_key: &str, key: &str, property: &str| json!({"secretKey": secret_key, "remoteRef": {"key": key, "property": property}});
    external_secret("db", json!([entry("user", "app/db", "user"), entry("pass", "app/db", "password")]));
    external_secret("same", json!([entry("pass", "app/db", "password")]));
    external_secret("absent", json!([entry("k", "not/there", "p")]));
    let dir = tempfile::tempdir().unwrap();
    let operator = audited(&world, &dir);
    world.wait_ready("externalsecret", "db");
    world.wait_ready("externalsecret", "same");
    world.wait_reason("externalsecret", "absent", "RemoteKeyNotFound");

    let whose = |name: &str| json!({"kind": "ExternalSecret", "namespace": world.name, "name": name});
    let vault = json!({"kind": "SecretStore", "namespace": world.name, "name": "vault"});
    let read = wait_line(
        &operator,
        "the read",
        &json!({"audit": "secretAccess", "operation": "get", "for": whose("db"), "key": "app/db"}),
    );
    assert_eq!(read["for"]["uid"], world.get("externalsecret", "db").unwrap()["metadata"]["uid"]);
    assert_eq!(
        (&read["store"], &read["properties"], &read["version"], &read["result"], &read["level"]),
        (&vault, &json!(["password", "user"]), &json!("1"), &json!("ok"), &json!("info"))
    );
    let plugin = read["plugin"].as_str().unwrap();
    assert!(
        plugin.starts_with("vault@") && read["digest"].as_str().unwrap().starts_with("sha256:"),
        "{read}"
    );
    assert!(read["durationMs"].is_u64() && read["timestamp"].as_str().unwrap().ends_with('Z'), "{read}");
    // Two that want one key: one reads, and the other has a line too.
    let of_key = |line: &Value| line["key"] == "app/db" && line["operation"] == "get";
    let both: Vec<Value> = lines(&operator).into_iter().filter(of_key).collect();
    let shared = both.iter().filter(|line| line["shared"] == true).count();
    assert_eq!((both.len(), shared), (2, 1), "{both:?}");
    wait_line(
        &operator,
        "the refusal",
        &json!({"for": whose("absent"), "key": "not/there", "result": "notFound"}),
    );
    let references = json!([{"kind": "Secret", "namespace": world.name, "name": "approle"}]);
    wait_line(
        &operator,
        "the login",
        &json!({"operation": "connect", "store": vault, "result": "ok", "references": references}),
    );
    let itself = json!({"kind": "SecretStore", "namespace": world.name, "name": "vault"});
    wait_line(&operator, "the validation", &json!({"operation": "validate", "for": itself, "result": "ok"}));

    // Writes, by names of keys.
    let target = json!({"kind": "Secret", "namespace": world.name, "name": "db"});
    let made = wait_line(
        &operator,
        "the first write",
        &json!({"audit": "secretSync", "operation": "apply", "for": whose("db"), "target": target, "result": "ok",
                "keys": {"added": ["pass", "user"], "changed": [], "removed": []}}),
    );
    let flags = ["-n", &world.name, "get", "secret", "db", "-o", "json", "--show-managed-fields"];
    let secret: Value = serde_json::from_str(&world.kubectl(&flags)).unwrap();
    assert_eq!(made["target"]["uid"], secret["metadata"]["uid"]);
    assert_eq!(made["target"]["resourceVersion"], secret["metadata"]["resourceVersion"]);
    assert_eq!(made["fieldManager"], secret["metadata"]["managedFields"][0]["manager"]);
    mount.put("app/db", json!({"user": "ann", "password": values[1]}));
    external_secret("db", json!([entry("pass", "app/db", "password"), entry("name", "app/db", "user")]));
    wait_line(
        &operator,
        "the second write",
        &json!({"audit": "secretSync", "target": target, "result": "ok",
                "keys": {"added": ["name"], "changed": ["pass"], "removed": ["user"]}}),
    );
    external_secret("absent", json!([entry("k", "app/db", "user")]));
    world.wait_ready("externalsecret", "absent");
    pushed(&world, &operator, values[2]);

    assert_eq!(operator.metric("claviger_audit_lines{outcome=\"lost\"}"), Some(0.0));
    assert!(lines(&operator).iter().all(|line| line["level"] == "info"));
    assert_no_value_left(&world, &operator, &values);
}

/// What is pushed and taken back, for the PushSecret.
fn pushed(world: &World, operator: &Operator, value: &str) {
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "source", "namespace": world.name},
        "stringData": {"k": value},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
        "metadata": {"name": "out", "namespace": world.name},
        "spec": {
            "refreshInterval": "1h", "deletionPolicy": "Delete", "secretStoreRefs": [{"name": "fake"}],
            "selector": {"secret": {"name": "source"}},
            "data": [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": "pushed/key"}}}],
        },
    }));
    let whose = json!({"kind": "PushSecret", "namespace": world.name, "name": "out"});
    let fake = json!({"kind": "SecretStore", "namespace": world.name, "name": "fake"});
    let of = |operation: &str| {
        json!({"audit": "secretAccess", "operation": operation, "for": whose, "store": fake, "key": "pushed/key",
               "result": "ok"})
    };
    let mut push = of("push");
    push["effect"] = json!("created");
    wait_line(operator, "the push", &push);
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "out"]);
    wait_line(operator, "the deletion", &of("delete"));
}

/// Without a wish for it nothing is on standard output.
#[test]
fn no_audit_log_is_written_unless_it_is_asked_for() {
    let world = world!("unaudited");
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "fake", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "k", "value": "v"}]}}},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "es", "namespace": world.name},
        "spec": {"secretStoreRef": {"name": "fake"}, "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]},
    }));
    let operator = Operator::start(&world);
    world.wait_ready("externalsecret", "es");
    assert_eq!(operator.audit(), "");
    log_lines_name_their_object(&world, &operator);
}

/// Every line of the log is JSON with a level in lower case, as the reference document's filters want it, and what is said
/// in a reconcile says of which.
fn log_lines_name_their_object(world: &World, operator: &Operator) {
    let lines: Vec<Value> = operator.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        let level = line["level"].as_str().unwrap();
        assert!(["error", "warn", "info", "debug", "trace"].contains(&level), "{line}");
    }
    let of_es =
        |line: &&Value| line["reconcile"]["kind"] == "ExternalSecret" && line["reconcile"]["name"] == "es";
    let line = lines.iter().find(of_es).expect("a line of the reconcile");
    assert_eq!(line["reconcile"]["namespace"], world.name.as_str());
    assert_eq!(line["reconcile"]["id"].as_str().map(str::len), Some(8));
}
