//! What a replica says while it is not ready.

use std::time::Instant;

use super::{TAKEOVER, wait_leads};
use crate::support::{Operator, world};

#[test]
fn a_replica_that_is_not_ready_says_what_is_missing() {
    let world = world!("ha-readiness");
    let operator = Operator::start_without_rights(&world);
    let page = operator.page("/readyz");
    assert!(page.contains("503 Service Unavailable"), "{page}");
    for list in ["externalsecrets", "secretstores", "managed secrets", "clustersecretstores", "plugins"] {
        assert!(page.contains(list), "{list} in {page}");
    }
    assert!(operator.page("/healthz").contains("200 OK"), "it lives");
    let operator = operator.grant(&world);
    assert!(operator.leads(), "without an election it works as soon as it can");
}

/// A provider comes in use, and whoever takes over must not begin by loading, or compiling, its plugin.
#[test]
fn a_replica_that_stands_by_loads_what_came_in_use() {
    let world = world!("ha-plugins");
    let first = Operator::replica(&world, "-a");
    wait_leads(&world, &first, TAKEOVER, Instant::now());
    let second = Operator::replica(&world, "-b");
    let loaded = |operator: &Operator| {
        let log = operator.log();
        log.lines().any(|line| line.contains("plugin loaded") && line.contains("webhook@"))
    };
    assert!(!loaded(&first) && !loaded(&second), "nobody uses it yet");
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: s, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{webhook: {{url: \"http://127.0.0.1:1/x\", result: {{}}}}}}}}\n",
        ns = world.name
    ));
    for operator in [&first, &second] {
        world.wait("its plugin", || if loaded(operator) { Ok(()) } else { Err(operator.log()) });
    }
    assert!(first.leads() && !second.leads());
}
