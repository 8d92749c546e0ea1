//! Watches that end, and versions that are too old.

use std::time::Duration;

use claviger_testenv::{Fault, Seen};

use super::{Bench, asked, each, tamper};
use crate::support::world;

const WATCH: &str = "watch=true";

/// A list has a page for every 500 objects of the cluster.
fn begins_a_list(seen: &Seen) -> bool {
    !seen.path.contains(WATCH) && !seen.path.contains("continue=")
}

#[test]
fn watches_that_end_after_each_event_miss_nothing() {
    let world = world!("faults-cut");
    let bench = Bench::new(&world);
    let names = ["a", "b", "c", "d"];
    bench.proxy.fail("GET", &[WATCH], usize::MAX, Fault::Cut);
    bench.proxy.cut();
    bench.create(&names);
    for name in &names {
        world.wait_ready("externalsecret", name);
    }
    // Edits, a deletion and one that comes anew, while each of them ends a watch.
    for name in &names {
        tamper(&world, name);
    }
    for name in &names {
        world.wait_data(name, &[("v", "VALUE")]);
    }
    world.kubectl(&["-n", &world.name, "delete", "externalsecret", "a"]);
    bench.create(&["e"]);
    world.wait_ready("externalsecret", "e");
    world.wait("what it owned to go", || match world.get("secret", "a") {
        None => Ok(()),
        Some(_) => Err("it is there".to_owned()),
    });
    // Somebody deletes one.
    world.kubectl(&["-n", &world.name, "delete", "secret", "b"]);
    world.wait_data("b", &[("v", "VALUE")]);

    let mut expected = each(&names, 2);
    expected.insert("b".to_owned(), 3);
    expected.insert("e".to_owned(), 1);
    assert_eq!(bench.secret_writes(), expected, "each change is answered by one write");
    let seen = bench.proxy.seen();
    let cut = asked(&seen, "GET", WATCH).iter().filter(|seen| seen.met).count();
    assert!(cut >= 15, "{cut} watches were cut");
    let lists = asked(&seen, "GET", "/externalsecrets?").iter().filter(|seen| begins_a_list(seen)).count();
    assert_eq!(lists, 1, "it goes on from where it was, and lists nothing again");
}

#[test]
fn a_version_that_is_too_old_costs_a_list_and_nothing_else() {
    let world = world!("faults-gone");
    let bench = Bench::new(&world);
    let names = ["a", "b", "c"];
    bench.create(&names);
    for name in &names {
        world.wait_ready("externalsecret", name);
    }
    let refreshed = bench.refreshes(&names);
    let answer = || Fault::refused(410, "Expired", None);
    // As the answer to a watch that begins, as its first event, and then the list is limited.
    for path in ["/externalsecrets?", "/secretstores?", "/api/v1/secrets?", "/generatorstates?"] {
        bench.proxy.fail("GET", &[path, WATCH], 1, answer());
        bench.proxy.fail("GET", &[path, WATCH], 1, Fault::gone_in_stream());
    }
    bench.proxy.seen();
    bench.proxy.cut();
    let lists = |seen: &[Seen]| {
        let lists = asked(seen, "GET", "/externalsecrets?").into_iter().filter(|seen| begins_a_list(seen));
        lists.map(|seen| seen.at).collect::<Vec<_>>()
    };
    let mut seen = Vec::new();
    world.wait("both to be got over", || {
        seen.extend(bench.proxy.seen());
        // Three watches: the two that were refused, and the one after the second list and all its pages.
        let asked = asked(&seen, "GET", "/externalsecrets?");
        let watches = asked.into_iter().filter(|seen| seen.path.contains(WATCH)).count();
        if lists(&seen).len() >= 2 && watches >= 3 { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    assert_eq!(lists(&seen).len(), 2);
    // A third time, and the API server wants to be left alone for two seconds before it lists anything.
    bench.proxy.fail("GET", &["/externalsecrets?", WATCH], 1, answer());
    bench.proxy.fail("GET", &["/externalsecrets?"], 1, Fault::refused(429, "TooManyRequests", Some(2)));
    bench.proxy.cut();
    world.wait("the list", || {
        seen.extend(bench.proxy.seen());
        if lists(&seen).len() == 4 { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    let lists = lists(&seen);
    let waited = lists[3].duration_since(lists[2]);
    assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(15), "{waited:?}");

    // All watches go on, and nothing was done for what they showed again.
    bench.create(&["d"]);
    tamper(&world, "a");
    world.wait_ready("externalsecret", "d");
    world.wait_data("a", &[("v", "VALUE")]);
    super::store(&world, "later", "LATER");
    world.wait_ready("secretstore", "later");
    let mut expected = each(&["b", "c", "d"], 1);
    expected.insert("a".to_owned(), 2);
    assert_eq!(bench.secret_writes(), expected);
    assert_eq!(bench.refreshes(&["b", "c"]), refreshed[1..], "who did not change was not refreshed");
}
