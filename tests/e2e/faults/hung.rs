//! A provider that takes requests and answers none: those who ask it wait for as long as a call may take, and who asks from
//! another namespace meanwhile does not.

use std::time::{Duration, Instant};

use claviger_testenv::{Fault, FaultProxy};
use serde_json::json;

use super::asked;
use super::provider::Vault;
use crate::support::{Operator, World, world};

/// What `--concurrent` is when nobody says so.
const WORKERS: usize = 10;
/// More than there are workers.
const HUNG: usize = 24;
/// When a read is given up, and its worker would be free.
const GIVEN_UP: Duration = Duration::from_secs(15);

#[test]
fn those_who_wait_for_a_silent_provider_keep_no_other_namespace() {
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
        if waiting >= WORKERS { Ok(()) } else { Err(waiting.to_string()) }
    });
    let at_work = operator.metric("claviger_active_workers");
    assert!(at_work.is_some_and(|count| count >= WORKERS as f64), "{at_work:?}");
    let mut healthy = vault.external_secret("healthy", "1h");
    healthy["metadata"]["namespace"] = json!(other.name);
    other.apply_json(&healthy);
    other.wait_data("healthy", &[("v", "value")]);
    seen.extend(proxy.seen());
    let healthy = asked(&seen, "GET", "/data/healthy")[0].at;
    let hung: Vec<Instant> = asked(&seen, "GET", "/data/hung").iter().map(|seen| seen.at).collect();
    assert!(healthy < hung[0] + GIVEN_UP, "it waited for {:?}", healthy.duration_since(hung[0]));
    // Until the first of them is given up.
    let until = healthy.min(hung[0] + GIVEN_UP);
    let before = hung.iter().filter(|at| **at < until).count();
    assert_eq!(before, WORKERS, "their own namespace has its part");

    let message = world.wait_reason("externalsecret", "hung0", "ProviderUnavailable");
    assert!(message.contains("did not answer in time"), "{message}");
    proxy.heal();
    for name in &names {
        world.wait_ready("externalsecret", name);
    }
    assert_eq!(world.ready("secretstore", "vault").unwrap().0, "True", "what it is asked itself is answered");
    assert!(operator.runs());
}
