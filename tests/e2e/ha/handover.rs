//! The lease is deleted under the leader, and the leader stops as Kubernetes stops it.

use std::time::{Duration, Instant};

use super::{Fleet, TAKEOVER, each, lease, lease_spec, wait_leads};
use crate::support::{Operator, world};

const OBJECTS: usize = 20;
const KEYS: usize = 4;
const SYNCED: Duration = Duration::from_secs(120);
/// From the request to stop to the next replica's work: the work in flight, and its next look at the lease.
const HANDOVER: Duration = Duration::from_secs(9);

#[test]
fn one_leads_after_the_lease_was_deleted_and_the_next_as_soon_as_it_stops() {
    let world = world!("ha-handover");
    let fleet = Fleet::new(&world, KEYS, "5s");
    fleet.open();
    fleet.create(0..OBJECTS);
    let api = world.env.cluster.audit_mark();
    let mut first = Operator::replica(&world, "-a");
    wait_leads(&world, &first, TAKEOVER, Instant::now());
    let second = Operator::replica(&world, "-b");
    fleet.wait_synced(SYNCED, OBJECTS, "first");
    let holder = lease_spec(&world).unwrap()["holderIdentity"].clone();

    let bao = world.env.bao.audit_mark();
    world.kubectl(&["-n", &world.name, "delete", "lease", &lease(&world)]);
    let deleted = Instant::now();
    world.wait("the lease to be there again", || match lease_spec(&world) {
        Some(spec) if spec["holderIdentity"] == holder => Ok(()),
        other => Err(format!("{other:?}")),
    });
    eprintln!("the lease was made anew after {:.1} s", deleted.elapsed().as_secs_f64());
    // For longer than a lease lasts.
    world.wait_for(2 * TAKEOVER, "some time to pass", || {
        assert!(first.leads() && !second.leads(), "{}\n{}", first.log(), second.log());
        if deleted.elapsed() >= Duration::from_secs(12) { Ok(()) } else { Err("not yet".to_owned()) }
    });
    assert_eq!(fleet.asked(bao).logins, 0, "nobody else began to work");

    let asked_to_stop = Instant::now();
    first.signal("TERM");
    let took = wait_leads(&world, &second, HANDOVER, asked_to_stop);
    eprintln!("takeover after SIGTERM: {:.1} s", took.as_secs_f64());
    assert_eq!(first.stop(), Some(0));
    fleet.create(OBJECTS..2 * OBJECTS);
    fleet.wait_synced(SYNCED, 2 * OBJECTS, "first");
    let writes = fleet.secret_writes(api, &[&first, &second]);
    assert_eq!(writes, each(2 * OBJECTS, 1), "each is written once");
    assert_eq!(fleet.asked(bao).logins, 1, "one login of the new leader");
}
