//! What is leased under a policy: with the key gone from it nothing is renewed and nothing is made anew, and what there is can
//! be taken back whatever the policy says.

use serde_json::json;

use super::{cleared, external_secret, store};
use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, world};

#[test]
fn a_lease_of_a_forbidden_key_is_not_renewed() {
    let world = world!("access-leases");
    let corner = Corner::new(&world, &[("short", "15s", "1h")], LEASE_RIGHTS);
    let key = format!("{}/creds/short", corner.database.mount);
    let mut provider = world.get("secretstore", "vault").unwrap()["spec"]["provider"].clone();
    provider["vault"]["auth"]["appRole"]["secretRef"]["namespace"] = json!(world.name);
    store(&world, &provider, &json!([{"name": "database", "keys": [key]}]));
    let operator = Operator::start(&world);
    let mark = world.env.bao.audit_mark();
    external_secret(
        &world,
        &world.name,
        "db",
        &json!({"data": [{"secretKey": "username", "remoteRef": {"key": key, "property": "username"}}]}),
    );
    world.wait_ready("externalsecret", "db");
    world.wait("a renewal", || match Corner::counted(&operator, "renew", "done") {
        0 => Err(String::new()),
        _ => Ok(()),
    });
    store(&world, &provider, &json!([{"name": "database", "keys": ["something/else"]}]));
    // It comes to its replacement, which is refused too.
    let message = world.wait_reason("externalsecret", "db", "KeyForbidden");
    assert!(message.contains("\"something/else\""), "{message}");
    world.wait("an event that says why", || {
        let events = world.kubectl(&["-n", &world.name, "get", "events.events.k8s.io", "-o", "json"]);
        let said = events.contains("LeaseNotRenewed") && events.contains("is not for namespace");
        if said { Ok(()) } else { Err(events) }
    });
    assert_eq!(corner.made(mark, "short"), 1);
    cleared(&world);
}

#[test]
fn a_lease_is_taken_back_under_a_policy_that_cannot_be_meant() {
    let world = world!("access-revoked");
    let corner = Corner::new(&world, &[("long", "1h", "2h")], LEASE_RIGHTS);
    let key = format!("{}/creds/long", corner.database.mount);
    let mut provider = world.get("secretstore", "vault").unwrap()["spec"]["provider"].clone();
    provider["vault"]["auth"]["appRole"]["secretRef"]["namespace"] = json!(world.name);
    store(&world, &provider, &json!([{"name": "database", "keys": [key]}]));
    let operator = Operator::start(&world);
    external_secret(
        &world,
        &world.name,
        "db",
        &json!({"data": [{"secretKey": "username", "remoteRef": {"key": key, "property": "username"}}]}),
    );
    world.wait_ready("externalsecret", "db");
    // Its id begins with the key, whatever the backend's version.
    let lease = corner.lease_of("db");
    assert!(lease.strip_prefix(&key).is_some_and(|rest| rest.starts_with('/')), "{lease}");
    store(&world, &provider, &json!([{"name": "database", "keys": ["a/*/b"]}]));
    world.wait_reason("clustersecretstore", &world.name, "ManifestInvalid");
    world.kubectl(&["-n", &world.name, "delete", "externalsecret", "db"]);
    world.wait("its Secret and its lease to be gone", || {
        let leases = corner.database.leases("long");
        match (world.get("secret", "db"), leases.is_empty()) {
            (None, true) => Ok(()),
            (secret, _) => Err(format!("{} {leases:?}\n{}", secret.is_some(), operator.log())),
        }
    });
    cleared(&world);
}
