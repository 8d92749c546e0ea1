//! An API server, or what stands before it, that takes connections and answers nobody: what is asked then is given up after
//! 65 s (`host/operator/src/client.rs`), which is why this takes more than a minute.

use std::time::Duration;

use claviger_testenv::Fault;

use super::{Bench, asked, tamper};
use crate::support::world;

const GIVES_UP: Duration = Duration::from_secs(65);
/// A minute more than it takes.
const DEADLINE: Duration = Duration::from_secs(130);

#[test]
fn who_is_never_answered_gives_up_and_tries_again() {
    let world = world!("faults-silent");
    let bench = Bench::new(&world);
    bench.create(&["other"]);
    world.wait_ready("externalsecret", "other");
    bench.proxy.seen();
    bench.proxy.fail("PATCH", &["/secrets/silent?"], 1, Fault::Silence);
    bench.create(&["silent"]);
    let mut seen = Vec::new();
    world.wait("the write", || {
        seen.extend(bench.proxy.seen());
        if asked(&seen, "PATCH", "/secrets/silent?").is_empty() { Err("no".to_owned()) } else { Ok(()) }
    });
    // And the list that a watch begins with.
    bench.proxy.fail("GET", &["/externalsecrets?", "watch=true"], 1, Fault::refused(410, "Expired", None));
    bench.proxy.fail("GET", &["/externalsecrets?"], 1, Fault::Silence);
    bench.proxy.cut();
    world.wait("the list", || {
        seen.extend(bench.proxy.seen());
        let lists = asked(&seen, "GET", "/externalsecrets?")
            .iter()
            .filter(|seen| !seen.path.contains("watch="))
            .count();
        if lists == 0 { Err("no".to_owned()) } else { Ok(()) }
    });
    // Nobody else waits for either.
    tamper(&world, "other");
    world.wait_data("other", &[("v", "VALUE")]);
    bench.create(&["unseen"]);

    world.wait_for(DEADLINE, "what was given up to be done", || {
        match world.ready("externalsecret", "silent") {
            Some((status, ..)) if status == "True" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    world.wait_data("silent", &[("v", "VALUE")]);
    world.wait_ready("externalsecret", "unseen");
    seen.extend(bench.proxy.seen());
    let writes = asked(&seen, "PATCH", "/secrets/silent?");
    assert_eq!(writes.len(), 2, "{writes:?}");
    let apart = writes[1].at.duration_since(writes[0].at);
    assert!(apart >= GIVES_UP && apart < GIVES_UP + Duration::from_secs(20), "{apart:?}");
    let expected = [("other", 2), ("silent", 1), ("unseen", 1)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(bench.secret_writes(), expected.into());
}
