//! The operator is killed again and again while it replaces credentials, at moments that nobody chose: what it loses is
//! counted at OpenBao. Where exactly in a reconcile it may end is `steps`' business.
//!
//! The moments come of a seed that is printed; `CLAVIGER_TEST_SEED` repeats a run with it, as far as a machine repeats
//! anything.

use std::time::{Duration, UNIX_EPOCH};

use claviger_testenv::{PlainApi, RunDir};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::samples::Sampling;
use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, Watch, world};

const KILLS: usize = 50;

/// How long the operator works before it is killed, at most.
const LIFE: Duration = Duration::from_millis(1_500);

/// Between two asks for another credential: there is one under way most of the time.
const ROTATE: std::ops::Range<u64> = 10..100;

/// Of the credentials, and what a busy machine takes to notice that it is over.
const TTL: (&str, Duration) = ("45s", Duration::from_secs(45 + 30));

#[test]
fn a_kill_loses_one_lease_at_most_and_that_runs_out() {
    let world = world!("leases-killed");
    let seed = std::env::var("CLAVIGER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(UNIX_EPOCH.elapsed().unwrap().subsec_nanos()));
    println!("CLAVIGER_TEST_SEED={seed}");
    let corner = Corner::new(&world, &[("app", TTL.0, TTL.0)], LEASE_RIGHTS);
    let watch = Watch::start(&world, "approle");
    let begin = world.env.bao.audit_mark();
    let mut operator = Operator::start(&world);
    corner.external_secret("db", "app", "1h", "");
    world.wait_ready("externalsecret", "db");

    let dir = RunDir::create(&world.name).unwrap();
    let api = PlainApi::of_admin(&world.env.cluster, dir.path()).unwrap();
    let sampling = Sampling::new(&corner, &api, &["db"], Duration::from_millis(250));
    // Where the audit log ended at each kill, and what was there then: OpenBao forgets what has run out.
    let (mut kills, mut seen) = (Vec::new(), corner.leases_made(begin, "app"));
    let samples = std::thread::scope(|scope| {
        let end = sampling.end();
        let samples = scope.spawn(|| sampling.run());
        let rotations = scope.spawn(|| rotate(&corner, &api, StdRng::seed_from_u64(!seed), &sampling));
        let mut dice = StdRng::seed_from_u64(seed);
        for kill in 1..=KILLS {
            sampling.doing(format!("kill {kill}"));
            std::thread::sleep(LIFE.mul_f64(dice.random()));
            operator.kill();
            kills.push(world.env.bao.audit_mark());
            seen.extend(corner.database.leases("app"));
            operator.restart();
        }
        // On a slow machine many lives were too short for one.
        world.wait_for(Duration::from_secs(180), "as many rotations as kills", || {
            seen.extend(corner.leases_made(begin, "app"));
            if seen.len() >= KILLS { Ok(()) } else { Err(format!("{} of {KILLS}", seen.len())) }
        });
        drop(end);
        rotations.join().unwrap();
        samples.join().unwrap()
    });
    // What is in flight it finishes.
    assert_eq!(operator.stop(), Some(0));
    assert_eq!(samples.refusals, Vec::<String>::new());

    let recorded = watch.recorded("db");
    seen.extend(corner.leases_made(begin, "app"));
    seen.extend(corner.database.leases("app"));
    let lost: Vec<&String> = seen.difference(&recorded).collect();
    println!(
        "{KILLS} kills: {} leases made, {} recorded, {} lost; {} logins, {} of {} rounds blind, slowest {:?}",
        seen.len(),
        recorded.len(),
        lost.len(),
        samples.logins,
        samples.blind,
        samples.rounds,
        samples.slowest
    );
    assert!(seen.len() >= KILLS, "{} rotations", seen.len());
    let unmade: Vec<&String> = recorded.difference(&seen).collect();
    assert_eq!(unmade, Vec::<&String>::new(), "recorded and never made");
    // Each by a kill before it: at no time more than there had been.
    for (before, mark) in kills.iter().enumerate() {
        let entries = world.env.bao.audit_between(begin, *mark).unwrap().into_iter();
        let made =
            entries.filter(|entry| entry.kind == "response" && lost.contains(&&entry.lease_id)).count();
        assert!(made <= before + 1, "{made} lost by {} kills", before + 1);
    }
    assert!(lost.len() <= KILLS);

    operator.restart();
    world.wait_for(TTL.1, "what was lost to run out", || {
        let alive: Vec<&&String> = lost.iter().filter(|id| corner.database.lives(id)).collect();
        let (users, leases) = (corner.database.users(), corner.database.leases("app"));
        // A user for each lease that a record named, and nobody else.
        let recorded = watch.recorded("db");
        let known = leases.iter().filter(|id| recorded.contains(*id) && corner.database.lives(id)).count();
        let over = alive.is_empty() && users.len() <= known;
        if over { Ok(()) } else { Err(format!("{alive:?}; {users:?}; {leases:?}, {known} of them recorded")) }
    });
    corner.database.accepts_secret("db").unwrap();
}

/// Asks for another credential again and again.
fn rotate(corner: &Corner<'_>, api: &PlainApi, mut dice: StdRng, sampling: &Sampling<'_>) {
    let ns = &corner.world.name;
    let path = format!("/apis/external-secrets.io/v1/namespaces/{ns}/externalsecrets/db");
    for n in 0_u64.. {
        if sampling.is_over() {
            return;
        }
        let asked = json!({"metadata": {"annotations": {"force-sync": n.to_string()}}});
        let (status, answer) = api.merge(&path, &asked).unwrap();
        assert_eq!(status, 200, "{answer}");
        std::thread::sleep(Duration::from_millis(dice.random_range(ROTATE)));
    }
}
