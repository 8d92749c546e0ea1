//! An API server that refuses, limits, breaks off and answers nobody: each at one write of one object.

use std::process::Command;
use std::time::Duration;

use claviger_testenv::Fault;
use serde_json::json;

use super::{Bench, asked, each};
use crate::support::world;

/// A fault at the first write, how often it is made by the operator in all, how often its status is written for that, and
/// how long it waits before the second.
type Case = (&'static str, Fault, usize, usize, Duration);

#[test]
fn a_write_that_fails_is_made_once_and_disturbs_nobody() {
    let world = world!("faults-writes");
    let bench = Bench::new(&world);
    bench.create(&["calm"]);
    world.wait_ready("externalsecret", "calm");
    let second = Duration::from_secs(1);
    let soon = second.mul_f64(0.8);
    let cases: [Case; 8] = [
        // Looked at anew at once, and no word of it.
        ("conflict", Fault::refused(409, "Conflict", None), 2, 1, Duration::from_millis(200)),
        // The client does as it is told, and no word of it.
        ("limited", Fault::refused(429, "TooManyRequests", Some(2)), 2, 1, 2 * second),
        ("overloaded", Fault::refused(503, "ServiceUnavailable", Some(1)), 2, 1, second),
        // It is said, and tried again after a second.
        ("internal", Fault::refused(500, "InternalError", None), 2, 2, soon),
        ("denied", Fault::refused(403, "Forbidden", None), 2, 2, soon),
        ("reset", Fault::Reset, 2, 2, soon),
        // It is waited for.
        ("slow", Fault::Late(3 * second), 1, 1, Duration::ZERO),
        // It was done, which the watch shows: nothing is written a second time.
        ("lost", Fault::Lost, 1, 2, Duration::ZERO),
    ];
    let names: Vec<&str> = cases.iter().map(|(name, ..)| *name).collect();
    for (name, fault, ..) in &cases {
        bench.proxy.fail("PATCH", &[&format!("/secrets/{name}?")], 1, fault.clone());
    }
    bench.proxy.seen();
    bench.create(&names);
    for name in &names {
        world.wait_ready("externalsecret", name);
        world.wait_data(name, &[("v", "VALUE")]);
    }
    let seen = bench.proxy.seen();
    for (name, _, writes, statuses, wait) in &cases {
        let made = asked(&seen, "PATCH", &format!("/secrets/{name}?"));
        assert_eq!(made.len(), *writes, "{name}: {made:?}");
        let apart = made[made.len() - 1].at.duration_since(made[0].at);
        assert!(apart >= *wait, "{name}: {apart:?}");
        let told = asked(&seen, "PATCH", &format!("/externalsecrets/{name}/status?"));
        assert_eq!(told.len(), *statuses, "{name}: {told:?}");
    }
    let disturbed: Vec<_> = seen.iter().filter(|seen| seen.path.contains("/calm")).collect();
    assert!(disturbed.is_empty(), "{disturbed:?}");
    let mut expected = each(&names, 1);
    expected.insert("calm".to_owned(), 1);
    assert_eq!(bench.secret_writes(), expected);
    // Who was refused without a word has no warning, and the others have one each.
    let warned = |name: &str| {
        let field = format!("involvedObject.name={name},type=Warning");
        world.kubectl(&["-n", &world.name, "get", "events", "--field-selector", &field, "-o", "name"])
    };
    for (name, _, _, statuses, _) in &cases {
        let expected = statuses - 1;
        world.wait(&format!("events of {name}"), || match warned(name).lines().count() {
            found if found == expected => Ok(()),
            found => Err(format!("{found}, not {expected}")),
        });
    }
}

#[test]
fn a_status_that_fails_is_written_again_and_nothing_else() {
    let world = world!("faults-statuses");
    let bench = Bench::new(&world);
    let cases = [
        ("conflict", Fault::refused(409, "Conflict", None)),
        ("limited", Fault::refused(429, "TooManyRequests", Some(1))),
        ("internal", Fault::refused(500, "InternalError", None)),
        ("reset", Fault::Reset),
        ("lost", Fault::Lost),
    ];
    let names: Vec<&str> = cases.iter().map(|(name, _)| *name).collect();
    for (name, fault) in &cases {
        bench.proxy.fail("PATCH", &[&format!("/externalsecrets/{name}/status?")], 1, fault.clone());
    }
    bench.proxy.seen();
    bench.create(&names);
    let mut seen = Vec::new();
    world.wait("each status to be written twice", || {
        seen.extend(bench.proxy.seen());
        let of = |name: &&str| asked(&seen, "PATCH", &format!("/externalsecrets/{name}/status?")).len();
        let written: Vec<usize> = names.iter().map(of).collect();
        if written.iter().all(|count| *count == 2) { Ok(()) } else { Err(format!("{written:?}")) }
    });
    for name in &names {
        world.wait_ready("externalsecret", name);
    }
    assert_eq!(bench.secret_writes(), each(&names, 1));
    assert_eq!(bench.refreshes(&names), [1.0; 5], "what is known is not asked for again");

    // Of a store: it works meanwhile, and is not checked at its interval (five minutes) only.
    bench.proxy.fail(
        "PATCH",
        &["/secretstores/another/status?"],
        1,
        Fault::refused(500, "InternalError", None),
    );
    super::store(&world, "another", "OTHER");
    world.apply_json(&super::external_secret(&world, "user", "another"));
    world.wait_data("user", &[("v", "OTHER")]);
    world.wait_ready("secretstore", "another");
}

#[test]
fn without_an_api_server_it_says_so_and_ends() {
    let world = world!("faults-start");
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    // Nothing listens there.
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    });
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let mut command = Command::new(&world.env.claviger);
    command.args(["run", "--listen", "127.0.0.1:0", "--kubeconfig"]).arg(&kubeconfig);
    command.arg("--plugin-dir").arg(&world.env.plugin_dir).arg("--cache-dir").arg(&world.env.cache_dir);
    let output = command.output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("cannot talk to the Kubernetes API server"), "{said}");
}
