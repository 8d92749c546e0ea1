//! The leader is killed while it has much to do.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Fleet, TAKEOVER, each, wait_leads};
use crate::support::{Operator, chameleon, digest, world};

/// ExternalSecrets that are there, those that come just before the kill and just after it, and keys.
const BEFORE: usize = 300;
const UNDER_WAY: usize = 30;
const AFTER: usize = 30;
const KEYS: usize = 20;
const ALL: usize = BEFORE + UNDER_WAY + AFTER;

/// For hundreds of objects on a busy machine.
const SYNCED: Duration = Duration::from_secs(120);

#[test]
fn a_killed_leader_is_replaced_and_nothing_is_missed_or_written_twice() {
    let world = world!("ha-killed");
    let fleet = Fleet::new(&world, KEYS, "10s");
    fleet.open();
    fleet.create(0..BEFORE);
    // What was refreshed just now, and is not due for an hour.
    fleet.mount.put("calm", json!({"p": "calm"}));
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: calm, namespace: {}}}\nspec:\n  \
         refreshInterval: 1h\n  secretStoreRef: {{name: vault}}\n  data: [{{secretKey: p, remoteRef: {{key: calm, \
         property: p}}}}]\n",
        world.name
    ));
    let (api, bao) = (world.env.cluster.audit_mark(), world.env.bao.audit_mark());
    let mut leader = Operator::replica(&world, "-a");
    wait_leads(&world, &leader, TAKEOVER, Instant::now());

    let second = Operator::replica(&world, "-b");
    assert!(!second.leads() && second.page("/readyz").contains("200 OK"), "a standby is ready");
    let standing_by = world.env.cluster.audit_mark();
    fleet.wait_synced(SYNCED, BEFORE, "first");
    world.wait_ready("externalsecret", "calm");
    // A plugin that comes now both load, and one speaks of.
    let (plugin, bytes) = ("ha-killed-chameleon", chameleon(&world, "1.0.0"));
    world.install(plugin, &bytes, json!({}));
    world.wait_loaded(plugin, &digest(&bytes));
    world.wait("the standby to load it too", || {
        let loaded = |line: &str| line.contains("plugin loaded") && line.contains(plugin);
        if second.log().lines().any(loaded) { Ok(()) } else { Err(second.log()) }
    });
    assert_eq!(fleet.asked(bao).logins, 1, "the leader's");
    fleet.assert_silent(standing_by, &second);

    fleet.create(BEFORE..BEFORE + UNDER_WAY);
    leader.kill();
    let (killed, after) = (Instant::now(), world.env.bao.audit_mark());
    let calm_reads = |mark| {
        let entries = world.env.bao.audit_entries(mark).unwrap();
        entries.iter().filter(|entry| entry.kind == "request" && entry.path.ends_with("/data/calm")).count()
    };
    fleet.create(BEFORE + UNDER_WAY..ALL);
    let took = wait_leads(&world, &second, TAKEOVER, killed);
    eprintln!("takeover after kill -9: {:.1} s", took.as_secs_f64());
    fleet.wait_synced(SYNCED, ALL, "first");
    eprintln!("all {ALL} synced {:.1} s after the kill", killed.elapsed().as_secs_f64());
    // It has looked at every one of them.
    let looked_at = |n: usize| {
        second.metric(&format!(
            "externalsecret_sync_calls_total{{name=\"es{n}\",namespace=\"{}\"}}",
            world.name
        ))
    };
    let rounds: Vec<f64> = world.wait_for(SYNCED, "the new leader to refresh every object", || {
        (0..ALL).map(|n| looked_at(n).filter(|count| *count > 0.0)).collect::<Option<_>>().ok_or(second.log())
    });

    let asked = fleet.asked(after);
    assert_eq!(asked.logins, 1, "one login of the new leader for all");
    // Those of a key share an answer that is a second old at most, a tenth of their interval: on a busy machine they come
    // over more than that, and the new ones before the others. Not everybody for himself, which were 360.
    let rounds_of =
        |key: usize| (0..ALL).filter(|n| n % KEYS == key).map(|n| rounds[n] as usize).max().unwrap() + 1;
    let most: usize = (0..KEYS).map(|key| 2 * rounds_of(key)).sum();
    let reads: usize = asked.reads.values().sum();
    assert!(reads <= most, "{reads} reads of {KEYS} keys, more than {most}: {:?}", asked.reads);
    assert_eq!(calm_reads(after), 0, "what is not due is not read again");
    let mut expected = each(ALL, 1);
    expected.insert("calm".to_owned(), 1);
    assert_eq!(fleet.secret_writes(api, &[&leader, &second]), expected, "each is written once");
    world.kubectl(&["delete", "plugin", plugin]);
}
