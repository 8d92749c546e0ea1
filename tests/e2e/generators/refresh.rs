//! Refreshes and what they make, through a restart too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Data, data, es, from, generator, refreshes, store, text, wait_other, wait_refreshes, writes};
use crate::support::{Operator, world};

#[test]
fn refreshes_and_what_they_make() {
    let world = world!("generators-refresh");
    let ns = &world.name;
    store(&world);
    generator(&world, "Password", "pw", &json!({}));
    generator(&world, "Fake", "values", &json!({"controller": ns, "data": {"a": "1"}}));
    let often = json!({"refreshInterval": "1s"});
    let password = || vec![from("Password", "pw")];
    es(&world, "often", &password(), &often);
    es(&world, "values", &[from("Fake", "values")], &often);
    es(&world, "fixed", &password(), &json!({"refreshInterval": "1s", "target": {"immutable": true}}));
    es(&world, "once", &password(), &json!({"refreshInterval": "1s", "refreshPolicy": "CreatedOnce"}));
    es(&world, "never", &password(), &json!({"refreshInterval": "0"}));
    let both = json!({"refreshInterval": "1s", "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]});
    es(&world, "both", &password(), &both);
    let operator = Operator::start(&world);
    let all = ["often", "values", "fixed", "once", "never", "both"];
    for name in all {
        world.wait_ready("externalsecret", name);
    }
    let before: BTreeMap<&str, Data> = all.into_iter().map(|name| (name, data(&world, name))).collect();
    let mark = world.env.cluster.audit_mark();
    let mut seen = BTreeSet::from([text(&before["often"], "password")]);
    for _ in 0..3 {
        let last = text(&data(&world, "often"), "password");
        seen.insert(wait_other(&world, "often", "password", &last));
    }
    assert_eq!(seen.len(), 4, "another at each refresh");
    wait_refreshes(&world, &operator, "values", 2.0);
    wait_refreshes(&world, &operator, "fixed", 2.0);
    for name in ["values", "fixed", "once", "never"] {
        assert_eq!(data(&world, name), before[name], "{name}");
        assert_eq!(world.ready("externalsecret", name).unwrap().0, "True", "{name}");
        let own = format!("/secrets/{name}?");
        let writes: Vec<_> = writes(&world, mark).into_iter().filter(|uri| uri.contains(&own)).collect();
        assert_eq!(writes, Vec::<String>::new(), "{name}");
    }

    // While another key fails nothing is made, and what was stays.
    let gone = json!({"spec": {"provider": {"fake": {"data": [{"key": "other", "value": "x"}]}}}});
    world.kubectl(&["-n", ns, "patch", "secretstore", "own", "--type=merge", "-p", &gone.to_string()]);
    world.wait_reason("externalsecret", "both", "RemoteKeyNotFound");
    let standing = data(&world, "both");
    wait_refreshes(&world, &operator, "both", 2.0);
    assert_eq!(data(&world, "both"), standing);
    let back = json!({"spec": {"provider": {"fake": {"data": [{"key": "k", "value": "x"}]}}}});
    world.kubectl(&["-n", ns, "patch", "secretstore", "own", "--type=merge", "-p", &back.to_string()]);
    wait_other(&world, "both", "password", &text(&standing, "password"));
}

/// The status is written at most once a minute, so what a restarted operator reads there is old.
#[test]
fn a_restart_does_not_make_again_what_the_last_refresh_made() {
    let world = world!("generators-restart");
    store(&world);
    generator(&world, "UUID", "id", &json!({}));
    es(&world, "id", &[from("UUID", "id")], &json!({"refreshInterval": "40s"}));
    let mut operator = Operator::start(&world);
    world.wait_ready("externalsecret", "id");
    let first = text(&data(&world, "id"), "uuid");
    let second = wait_other(&world, "id", "uuid", &first);
    operator.kill();
    let mark = world.env.cluster.audit_mark();
    operator.restart();
    // Not one more than now: it may have looked at the object before it was asked for the first time.
    world.wait("its first refresh", || match refreshes(&world, &operator, "id") {
        0.0 => Err(String::new()),
        _ => Ok(()),
    });
    assert_eq!(text(&data(&world, "id"), "uuid"), second, "it was made by the refresh that was due");
    assert_eq!(writes(&world, mark), Vec::<String>::new());
    wait_other(&world, "id", "uuid", &second);
}
