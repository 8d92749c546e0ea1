//! A backend that says "slow down" (OpenBao's rate limit quotas): what that is for the stores of the account,
//! for objects that are in order, and for new ones.

use serde_json::{Value, json};

use crate::support::{Mount, Operator, World, world};

fn store(world: &World, name: &str, mount: &Mount<'_>, login: &str, role: &str) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {"controller": world.name, "refreshInterval": 1, "provider": {"vault": {
            "server": world.env.bao.address(), "path": mount.path,
            "auth": {"appRole": {"path": login, "roleId": role, "secretRef": {"name": "approle", "key": "id"}}},
        }}},
    }));
}

fn external_secret(world: &World, name: &str, store: &str, interval: &str, key: &str) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {
            "refreshInterval": interval, "secretStoreRef": {"name": store},
            "data": [{"secretKey": "v", "remoteRef": {"key": key, "property": "v"}}],
        },
    }));
}

#[test]
fn a_limit_is_the_accounts_and_no_failure_of_who_is_in_order() {
    let world = world!("quota");
    let mount = Mount::kv2(&world);
    let (login, role, secret) = mount.app_role("10m");
    for key in ["steady", "first", "second", "third"] {
        mount.put(key, json!({"v": format!("value-of-{key}")}));
    }
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "approle", "namespace": world.name},
        "stringData": {"id": secret},
    }));
    let operator = Operator::start(&world);
    for name in ["one", "two"] {
        store(&world, name, &mount, &login, &role);
        world.wait_ready("secretstore", name);
    }
    external_secret(&world, "steady", "two", "1s", "steady");
    world.wait_data("steady", &[("v", "value-of-steady")]);

    // One request in a minute, and whoever asks for more is blocked for a while.
    mount.api("POST", "sys/quotas/config", json!({"enable_rate_limit_response_headers": true}));
    let quota = format!("sys/quotas/rate-limit/{}", mount.path);
    let limit = json!({"path": mount.path, "rate": 1, "interval": "60s", "block_interval": "20s"});
    mount.api("POST", &quota, limit);
    external_secret(&world, "first", "one", "1h", "first");
    // Somebody meets it: the first, or the one that refreshes every second.
    let limited = |name: &str| match world.ready("externalsecret", name) {
        Some((status, reason, _))
            if status == "False" && ["RateLimited", "BackendPaused"].contains(&&*reason) =>
        {
            Ok(reason)
        }
        other => Err(format!("{other:?}")),
    };
    world.wait("somebody to be limited", || limited("first").or_else(|_| limited("steady")));
    // Another store of the same account: nothing is sent for it.
    let mark = world.env.bao.audit_mark();
    external_secret(&world, "second", "two", "1h", "second");
    let reason = world.wait("the second to be held back", || limited("second"));
    assert_eq!(reason, "BackendPaused");
    let asked = world.env.bao.audit_entries(mark).unwrap();
    let path = format!("{}/data/second", mount.path);
    assert!(!asked.iter().any(|entry| entry.path == path), "nothing was sent for the second");

    // The stores are validated every second, and it is no news about them; nor about what is in order.
    let failures = |object: &str| {
        let series =
            format!("externalsecret_sync_calls_error{{name=\"{object}\",namespace=\"{}\"}}", world.name);
        operator.metric(&series).unwrap_or_default()
    };
    for name in ["one", "two"] {
        let (status, reason, message) = world.ready("secretstore", name).unwrap();
        assert_eq!((status.as_str(), reason.as_str()), ("True", "Valid"), "{message}");
    }
    assert!(failures("steady") <= 1.0, "at most the one request that was really limited");
    let data = world.data("steady").unwrap();
    assert_eq!(data["v"], b"value-of-steady");

    // It is over, and all come soon, though their interval is an hour.
    mount.api("DELETE", &quota, Value::Null);
    world.wait_data("first", &[("v", "value-of-first")]);
    world.wait_data("second", &[("v", "value-of-second")]);
    world.wait_ready("externalsecret", "steady");
}
