//! A provider that takes requests and answers none: those who ask it hold their workers for as long as a call may take, and
//! then who asks from another namespace has his turn before the rest of them.

use std::time::Duration;

use claviger_testenv::{Fault, FaultProxy};
use serde_json::json;

use super::asked;
use super::provider::Vault;
use crate::support::{Operator, World, world};

/// More than there are workers (10).
const HUNG: usize = 24;
/// When the host gives up, and the first worker is free.
const GIVES_UP: Duration = Duration::from_secs(15);

#[test]
fn those_who_wait_for_a_silent_provider_do_not_have_every_turn() {
    let world = world!("faults-hung");
    let proxy = FaultProxy::start(world.env.bao.address()).unwrap();
    let vault = Vault::new(&world, &proxy.address());
    let other = World { env: world.env.clone(), name: format!("{}-other", world.name) };
    other.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n", other.name));
    vault.install(&other);
    let operator = Operator::start(&world);
    world.wait_ready("secretstore", "vault");
    other.wait_ready("secretstore", "vault");
    let names: Vec<String> = (0..HUNG).map(|n| format!("hung{n}")).collect();
    for name in names.iter().map(String::as_str).chain(["healthy"]) {
        vault.mount.put(name, json!({"v": "value"}));
    }
    proxy.fail("GET", &["/data/hung"], usize::MAX, Fault::Silence);
    proxy.seen();
    let objects: Vec<_> = names.iter().map(|name| vault.external_secret(name, "1h")).collect();
    world.apply_json(&json!({"apiVersion": "v1", "kind": "List", "items": objects}));
    let mut seen = Vec::new();
    world.wait("as many to wait as there are workers", || {
        seen.extend(proxy.seen());
        let waiting = asked(&seen, "GET", "/data/hung").len();
        if waiting >= 10 { Ok(()) } else { Err(waiting.to_string()) }
    });
    let mut healthy = vault.external_secret("healthy", "1h");
    healthy["metadata"]["namespace"] = json!(other.name);
    other.apply_json(&healthy);
    other.wait_data("healthy", &[("v", "value")]);
    seen.extend(proxy.seen());
    let first = asked(&seen, "GET", "/data/hung")[0].at;
    let healthy = asked(&seen, "GET", "/data/healthy")[0].at;
    let after = healthy.duration_since(first);
    // There is work for three such times.
    assert!(after < GIVES_UP * 2 - Duration::from_secs(3), "it waited for {after:?}");

    let message = world.wait_reason("externalsecret", "hung0", "ProviderUnavailable");
    assert!(message.contains("did not answer in time"), "{message}");
    proxy.heal();
    for name in &names {
        world.wait_ready("externalsecret", name);
    }
    assert_eq!(world.ready("secretstore", "vault").unwrap().0, "True", "what it is asked itself is answered");
    assert!(operator.runs());
}
