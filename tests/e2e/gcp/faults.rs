//! Google when it is not well: limits, errors, broken connections, tokens that end, clocks that are apart.

use std::time::Duration;

use claviger_testenv::{Google, GoogleOptions, Mark};
use serde_json::{Value, json};

use crate::support::{ACCESSOR, Operator, Project, World, assert_no_value_left, member, one, world};

/// Attempts at one secret since then, as (status) in order.
fn statuses(project: &Project<'_>, since: Mark, secret: &str) -> Vec<u16> {
    let path = format!("{}/secrets/{secret}/", project.id);
    let requests = project.google.requests(since).unwrap();
    requests.iter().filter(|it| it.path.contains(&path)).map(|it| it.status).collect()
}

#[test]
fn limits_errors_and_resets_pass() {
    let world = world!("gcp-faults");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    let operator = Operator::start(&world);
    project.key_secret("key", &account.key);
    project.store("store", json!({"auth": Project::key_auth("key")}));
    world.wait_ready("secretstore", "store");
    for (name, fault, reason, statuses_before) in [
        ("unavailable", json!({"status": 503}), "ProviderUnavailable", 503),
        ("internal", json!({"status": 500}), "ProviderUnavailable", 500),
        ("proxy", json!({"status": 502, "body": "<html>Bad Gateway</html>"}), "ProviderUnavailable", 502),
        ("reset", json!({"reset": true}), "ProviderUnavailable", 0),
        ("not-google", json!({"status": 404, "body": "<html>Not Found</html>"}), "ProviderUnavailable", 404),
    ] {
        project.secret(name, &format!("MARKED-{name}"));
        let pattern = format!("{}/secrets/{name}/", project.id);
        let mut fault = fault;
        fault["match"] = json!(pattern);
        let mark = project.google.mark();
        project.google.fault(&fault).unwrap();
        project.external_secret(name, "store", one(name));
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(!message.contains("MARKED"), "{message}");
        assert!(world.get("secret", name).is_none());
        project.google.clear_faults(&pattern).unwrap();
        // By itself, without anybody's doing.
        world.wait_data(name, &[("v", &format!("MARKED-{name}"))]);
        let found = statuses(&project, mark, name);
        let (last, before) = found.split_last().unwrap();
        assert_eq!(*last, 200, "{name}: {found:?}");
        assert!(!before.is_empty() && before.iter().all(|it| *it == statuses_before), "{name}: {found:?}");
    }
    // The store was ready all along: what one secret's path says is nothing about it.
    assert_eq!(world.ready("secretstore", "store").unwrap().0, "True");
    assert!(operator.runs());
}

#[test]
fn a_limit_is_waited_out() {
    let world = world!("gcp-limit");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.secret("value", "MARKED-limited");
    let operator = Operator::start(&world);
    project.key_secret("key", &account.key);
    project.store("store", json!({"auth": Project::key_auth("key")}));
    world.wait_ready("secretstore", "store");
    let pattern = format!("{}/secrets/value/", project.id);
    let limit = json!({"match": pattern, "status": 429, "headers": {"Retry-After": "6"}, "count": 1});
    let mark = project.google.mark();
    project.google.fault(&limit).unwrap();
    let started = std::time::Instant::now();
    project.external_secret("es", "store", one("value"));
    let message = world.wait_reason("externalsecret", "es", "RateLimited");
    assert!(message.contains("RESOURCE_EXHAUSTED"), "{message}");
    // Others of the account wait with it, and ask for nothing.
    project.secret("another", "MARKED-another");
    project.external_secret("another", "store", one("another"));
    world.wait_data("es", &[("v", "MARKED-limited")]);
    world.wait_data("another", &[("v", "MARKED-another")]);
    assert!(started.elapsed() >= Duration::from_secs(6), "{:?}", started.elapsed());
    assert_eq!(statuses(&project, mark, "value"), [429, 200]);
    assert_eq!(statuses(&project, mark, "another"), [200]);
    assert_no_value_left(&world, &operator, &["MARKED-limited", "MARKED-another"]);
}

#[test]
fn a_limited_check_says_nothing_against_a_store() {
    let world = world!("gcp-limited-check");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    let _operator = Operator::start(&world);
    project.key_secret("key", &account.key);
    let pattern = format!("projects/{}/secrets$", project.id);
    let limit = json!({"match": pattern, "status": 429, "headers": {"Retry-After": "6"}, "count": 1});
    project.google.fault(&limit).unwrap();
    let started = std::time::Instant::now();
    project.store("store", json!({"auth": Project::key_auth("key")}));
    // Nothing is known of a new one, so its users may try.
    world.wait_ready("secretstore", "store");
    let (_, reason, message) = world.ready("secretstore", "store").unwrap();
    assert_eq!(reason, "ValidationUnknown", "{message}");
    assert!(message.contains("RESOURCE_EXHAUSTED"), "{message}");
    world.wait("the store is checked again", || match world.ready("secretstore", "store") {
        Some((status, reason, _)) if status == "True" && reason == "Valid" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(started.elapsed() >= Duration::from_secs(6), "{:?}", started.elapsed());
}

#[test]
fn a_login_that_finds_nobody_at_home() {
    let world = world!("gcp-login-faults");
    let Some(project) = Project::new(&world) else { return };
    project.secret("value", "MARKED-login");
    let cluster = json!({"project": project.id, "location": "l", "name": "main"});
    project.google.control("cluster", &cluster).unwrap();
    let bound = format!("serviceAccount:{}.svc.id.goog[{}/direct]", project.id, world.name);
    let account = project.reader("acting");
    let act_as = format!("projects/-/serviceAccounts/{}", account.email);
    project.google.grant(&bound, &act_as, crate::support::WORKLOAD).unwrap();
    super::service_account(&world, &world.name, "direct", Some(&account.email));
    // This account's alone: the endpoint is everybody's.
    let pattern = format!("serviceAccounts/{}:", account.email);
    let _operator = Operator::start(&world);
    project.google.fault(&json!({"match": pattern, "status": 503})).unwrap();
    project.store(
        "store",
        json!({"auth": {"workloadIdentity": {
            "clusterLocation": "l", "clusterName": "main", "serviceAccountRef": {"name": "direct"},
        }}}),
    );
    let message = world.wait_reason("secretstore", "store", "ProviderUnavailable");
    assert!(message.contains(&account.email), "{message}");
    project.google.clear_faults(&pattern).unwrap();
    world.wait_ready("secretstore", "store");
    project.external_secret("es", "store", one("value"));
    world.wait_data("es", &[("v", "MARKED-login")]);
}

#[test]
fn a_token_that_ends_is_replaced_by_one_login() {
    let world = world!("gcp-tokens");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.secret("value", "MARKED-renewed");
    let operator = Operator::start(&world);
    project.key_secret("key", &account.key);
    project.store("store", json!({"auth": Project::key_auth("key")}));
    for n in 0..10 {
        project.external_secret_every(&format!("es{n}"), "store", "2s", one("value"));
    }
    for n in 0..10 {
        world.wait_data(&format!("es{n}"), &[("v", "MARKED-renewed")]);
    }
    for how in ["expire", "revoke"] {
        let mark = project.google.mark();
        let ended = json!({"member": member(&account), "how": how});
        assert_ne!(project.google.control("end-tokens", &ended).unwrap()["ended"], 0);
        three_rounds(&world, &operator);
        assert_eq!(project.count(mark, "jwt-bearer"), 1, "{how}: one login for the one that ended");
        for n in 0..10 {
            assert_eq!(world.ready("externalsecret", &format!("es{n}")).unwrap().0, "True", "{how}");
        }
    }
    // Rights that are taken away: the token is good, and there is no new login for that.
    let mark = project.google.mark();
    let taken =
        json!({"member": member(&account), "resource": project.parent, "role": ACCESSOR, "revoke": true});
    project.google.control("grant", &taken).unwrap();
    world.wait_reason("externalsecret", "es0", "AccessDenied");
    assert_eq!(project.count(mark, "jwt-bearer"), 0);
    let key = account.key["private_key"].as_str().unwrap().lines().nth(1).unwrap();
    assert_no_value_left(&world, &operator, &["MARKED-renewed", key]);
}

/// Waits until each of the ten was synced three times more.
fn three_rounds(world: &World, operator: &Operator) {
    let syncs = || {
        let count = |n: usize| {
            let series =
                format!("externalsecret_sync_calls_total{{name=\"es{n}\",namespace=\"{}\"}}", world.name);
            operator.metric(&series).unwrap_or_default()
        };
        (0..10).map(count).fold(f64::INFINITY, f64::min)
    };
    let target = syncs() + 3.0;
    world.wait("three rounds", || {
        let now = syncs();
        if now >= target { Ok(()) } else { Err(format!("{now} of {target}")) }
    });
}

#[test]
fn clocks_that_are_apart() {
    let world = world!("gcp-clock");
    let Some(shared) = Project::new(&world) else { return };
    // Of its own: the clock is everybody's.
    let dir = tempfile::tempdir().unwrap();
    let cluster = &world.env.cluster;
    let options = GoogleOptions { jwks: cluster.jwks().unwrap(), issuer: cluster.issuer().to_owned() };
    let server = Google::start(&world.env.tools, dir.path(), &options).unwrap();
    let project = Project::named(&world, &shared.id, server.view().clone());
    let account = project.reader("reader");
    project.secret("value", "MARKED-clock");
    let operator = Operator::start(&world);
    let address = project.google.address();
    let settings = json!({"endpoints": {"secretmanager": address, "oauth2": address}});
    let turn = project.turn();
    project.plugin(&json!({"loopback": true}), &settings, &turn);
    project.key_secret("key", &account.key);
    let clock = |shift: i64| project.google.control("clock", &json!({"shift": shift})).unwrap();
    let store = |name: &str| project.store(name, json!({"auth": Project::key_auth("key")}));
    for (name, shift) in [("behind", 7200), ("ahead", -7200)] {
        clock(shift);
        store(name);
        let message = world.wait_reason("secretstore", name, "AuthenticationFailed");
        assert!(message.contains("iat and exp") && message.contains("clock"), "{message}");
        clock(0);
        world.wait_ready("secretstore", name);
    }
    // Minutes are nothing: libraries and servers allow for them.
    clock(-240);
    store("minutes");
    world.wait_ready("secretstore", "minutes");
    project.external_secret("es", "minutes", one("value"));
    world.wait_data("es", &[("v", "MARKED-clock")]);
    assert_no_value_left(&world, &operator, &["MARKED-clock"]);
    world.kubectl(&["delete", "plugin", "gcpsm"]);
    let _: Value = clock(0);
}
