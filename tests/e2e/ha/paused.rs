//! The leader is stopped for half a minute and goes on, believing that no time has passed.

use std::time::{Duration, Instant};

use super::{Fleet, TAKEOVER, lease_spec, wait_leads};
use crate::support::{Operator, world};

const OBJECTS: usize = 200;
const KEYS: usize = 8;
const PAUSE: Duration = Duration::from_secs(30);
const SYNCED: Duration = Duration::from_secs(120);

/// As the API server's audit log has it.
fn now() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%6NZ"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_leader_that_was_stopped_writes_nothing_and_asks_nobody_when_it_goes_on() {
    let world = world!("ha-paused");
    let fleet = Fleet::new(&world, KEYS, "5s");
    let mut first = Operator::replica(&world, "-a");
    wait_leads(&world, &first, TAKEOVER, Instant::now());
    let mut second = Operator::replica(&world, "-b");
    fleet.create(0..OBJECTS);
    world.wait_reason("externalsecret", &format!("es{}", OBJECTS - 1), "StoreNotFound");

    // All of them can be synced from one moment to the next, and in the midst of that it is stopped.
    let (api, begin) = (world.env.cluster.audit_mark(), world.env.bao.audit_mark());
    fleet.open();
    world.wait("the first Secrets", || match fleet.secret_writes(api, &[&first]).len() {
        few @ ..20 => Err(few.to_string()),
        _ => Ok(()),
    });
    first.signal("STOP");
    let stopped = Instant::now();
    let written = fleet.secret_writes(api, &[&first]).len();
    assert!(written < OBJECTS, "it was done before it was stopped");
    let tokens = fleet.asked(begin).tokens;
    assert_eq!(tokens.len(), 1, "one token of the first: {tokens:?}");
    fleet.put("second");
    let took = wait_leads(&world, &second, TAKEOVER, stopped);
    eprintln!("takeover after SIGSTOP with {written} of {OBJECTS} written: {:.1} s", took.as_secs_f64());
    fleet.wait_synced(SYNCED, OBJECTS, "second");
    world.wait_for(PAUSE, "the pause to be long enough", || {
        if stopped.elapsed() >= PAUSE { Ok(()) } else { Err("not yet".to_owned()) }
    });

    let (api, bao) = (world.env.cluster.audit_mark(), world.env.bao.audit_mark());
    let going_on = now();
    first.signal("CONT");
    world.wait("the first to find out that another leads", || {
        let log = first.log();
        if log.contains("another replica leads") { Ok(()) } else { Err(log) }
    });
    assert!(!first.leads() && second.leads());
    assert_eq!(first.metric("claviger_leader"), Some(0.0));
    // A whole round, in which it would have had its turn.
    fleet.put("third");
    fleet.wait_synced(SYNCED, OBJECTS, "third");
    // What was on its way when it was stopped was decided by the leader, and went with the version that it was decided by.
    let mut since = fleet.writes(api, &first);
    // One that had passed the fence, and was not sent yet, is broken off with the lease: the API server says 504 of it.
    since.retain(|request| request.received >= going_on && request.status != 504);
    assert!(since.is_empty(), "{since:?}");
    let asked = fleet.asked(bao);
    let others: Vec<_> = tokens.keys().filter(|token| asked.tokens.contains_key(*token)).collect();
    assert_eq!(others, Vec::<&String>::new(), "it has read nothing: {:?}", asked.tokens);
    assert_eq!(asked.logins, 0, "nobody had to log in");

    // It is as good a standby as any.
    let asked_to_stop = Instant::now();
    assert_eq!(second.stop(), Some(0));
    let took = wait_leads(&world, &first, TAKEOVER, asked_to_stop);
    eprintln!("back to the first after SIGTERM: {:.1} s", took.as_secs_f64());
    fleet.put("fourth");
    fleet.wait_synced(SYNCED, OBJECTS, "fourth");
    assert_eq!(fleet.asked(bao).logins, 0, "its token lives");
    assert_eq!(first.stop(), Some(0));
    assert_eq!(lease_spec(&world).unwrap()["holderIdentity"], "", "the last one gives it back");
}
