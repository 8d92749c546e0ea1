//! Clocks that differ by minutes: the test itself plays a holder of the lease whose clock is wrong.

use std::time::{Duration, Instant};

use super::{Fleet, TAKEOVER, lease, lease_spec, wait_leads};
use crate::support::{Operator, World, world};

/// How wrong the clock is.
const SKEW: i64 = 5 * 60;
/// How often the holder renews, and for how long: longer than the lease lasts.
const RENEWAL: Duration = Duration::from_secs(2);
const RENEWED_FOR: Duration = Duration::from_secs(15);

/// Renews the lease as `other`, at its own time of day.
fn renew(world: &World, skew: i64) {
    // By `date`, so that no library of the operator's says what time it is.
    let format = "+%Y-%m-%dT%H:%M:%S.%6NZ";
    let time = std::process::Command::new("date")
        .args(["-u", "-d", &format!("{skew} seconds"), format])
        .output()
        .unwrap();
    let time = String::from_utf8(time.stdout).unwrap();
    let patch = format!(
        "{{\"spec\":{{\"holderIdentity\":\"other\",\"leaseDurationSeconds\":10,\"renewTime\":\"{}\"}}}}",
        time.trim()
    );
    world.kubectl(&["-n", &world.name, "patch", "lease", &lease(world), "--type=merge", "-p", &patch]);
}

#[test]
fn clocks_that_differ_by_minutes_depose_nobody_and_keep_nobody_in_office() {
    let world = world!("ha-clocks");
    let fleet = Fleet::new(&world, 1, "5s");
    fleet.open();
    fleet.create(0..1);

    // Five minutes behind: by its time of day the lease was over long ago, each time.
    renew(&world, -SKEW);
    let replica = Operator::replica(&world, "-a");
    let (since, mut renewed) = (Instant::now(), Instant::now());
    world.wait_for(2 * RENEWED_FOR, "the holder to renew for a while", || {
        assert!(!replica.leads(), "deposed by its clock: {}", replica.log());
        assert_eq!(lease_spec(&world).unwrap()["holderIdentity"], "other");
        if renewed.elapsed() >= RENEWAL {
            renew(&world, -SKEW);
            renewed = Instant::now();
        }
        if since.elapsed() >= RENEWED_FOR { Ok(()) } else { Err("not yet".to_owned()) }
    });

    // Five minutes ahead, for the last time: by its time of day the lease has minutes left.
    renew(&world, SKEW);
    let took = wait_leads(&world, &replica, TAKEOVER, Instant::now());
    eprintln!("takeover from a clock that is ahead: {:.1} s", took.as_secs_f64());
    assert!(took > Duration::from_secs(7), "it was the holder's for so long: {took:?}");
    let spec = lease_spec(&world).unwrap();
    assert_eq!(spec["leaseTransitions"], 1, "{spec}");
    fleet.wait_synced(Duration::from_secs(60), 1, "first");
}
