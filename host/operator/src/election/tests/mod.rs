//! The election, judged: what is decided when, and in `simulation` that two never lead, whatever happens to them.
#![allow(clippy::unwrap_used)]

mod simulation;

use std::time::Duration;

use super::candidate::{Candidate, Decision, Observed, Record, Step, Timing, decide};
use super::clock::Moment;

const TIMING: Timing = Timing::USUAL;

fn at(seconds: u64) -> Moment {
    Moment::default() + Duration::from_secs(1_000 + seconds)
}

fn record(holder: &str, version: u64) -> Record {
    Record {
        holder: (!holder.is_empty()).then(|| holder.to_owned()),
        lasts: Some(TIMING.lease),
        version: version.to_string(),
    }
}

#[test]
fn the_rules() {
    let known = |holder: &str| Some(Observed { record: record(holder, 1), seen: at(0) });
    let lasts = |seconds: Option<u64>| {
        let record = Record { lasts: seconds.map(Duration::from_secs), ..record("other", 1) };
        Some(Observed { record, seen: at(0) })
    };
    let (leads, there, gone) = (true, None, Some(at(0)));
    // (what, what is known, since when it is gone, whether we lead, now, what to do)
    #[rustfmt::skip]
    let cases = [
        ("never there", None, gone, !leads, 9, Decision::Wait(at(10))),
        ("never there, and nobody made it", None, gone, !leads, 10, Decision::Create),
        ("given back", known(""), there, !leads, 0, Decision::Take),
        ("another's", known("other"), there, !leads, 0, Decision::Wait(at(10))),
        ("another's, just before its end", known("other"), there, !leads, 9, Decision::Wait(at(10))),
        ("another's, over", known("other"), there, !leads, 10, Decision::Take),
        ("another's who promised more", lasts(Some(15)), there, !leads, 10, Decision::Wait(at(15))),
        ("another's who promised nothing", lasts(None), there, !leads, 9, Decision::Wait(at(10))),
        ("another's who promised no time", lasts(Some(0)), there, !leads, 9, Decision::Wait(at(10))),
        ("ours", known("me"), there, leads, 3, Decision::Renew),
        ("ours, by a write whose answer was lost", known("me"), there, !leads, 3, Decision::Take),
        ("ours, deleted", known("me"), gone, leads, 3, Decision::Create),
        ("ours, deleted, and our time is over", known("me"), gone, !leads, 3, Decision::Wait(at(10))),
        ("another's, deleted: it makes it anew", known("other"), gone, !leads, 3, Decision::Wait(at(10))),
        ("another's, deleted, and it did not", known("other"), gone, !leads, 10, Decision::Create),
        ("another's, though we thought that we lead", known("other"), there, leads, 3, Decision::Wait(at(10))),
    ];
    for (what, known, gone, leads, now, expected) in cases {
        assert_eq!(decide("me", leads, known.as_ref(), gone, &TIMING, at(now)), expected, "{what}");
    }
}

/// A candidate that has taken the lease, in version 1, by a write that began at 0.
fn leader() -> Candidate {
    let mut leader = Candidate::new("me".to_owned(), TIMING);
    assert_eq!(leader.step(at(0)), Step::Read);
    leader.read(at(0), Some(record("", 0)), 0.5);
    assert_eq!(leader.step(at(0)), Step::Take);
    leader.wrote(at(0), record("me", 1));
    leader
}

#[test]
fn a_leader_renews_and_leads_from_before_its_write() {
    let mut leader = leader();
    assert_eq!(leader.leads(at(6)), Some(at(7)));
    assert_eq!(leader.step(at(1)), Step::Wait(at(3)));
    assert_eq!(leader.step(at(3)), Step::Renew);
    // The answer takes two seconds.
    leader.wrote(at(3), record("me", 2));
    assert_eq!(leader.step(at(5)), Step::Wait(at(6)));
    assert_eq!(leader.leads(at(5)), Some(at(10)));
}

#[test]
fn a_leader_that_cannot_renew_steps_down_in_time() {
    let mut leader = leader();
    assert_eq!(leader.step(at(3)), Step::Renew);
    leader.failed(at(5), 0.5);
    // What came of the write is not known, so it looks; and that is answered by nobody either.
    assert_eq!(leader.step(at(6)), Step::Read);
    leader.failed(at(6), 0.5);
    assert!(matches!(leader.step(at(6)), Step::Wait(until) if until <= at(7)));
    assert!(leader.leads(at(6)).is_some());
    assert_eq!(leader.step(at(7)), Step::Read);
    assert_eq!(leader.leads(at(7)), None);
    // Nobody took it meanwhile.
    leader.read(at(20), Some(record("me", 1)), 0.5);
    assert_eq!(leader.step(at(20)), Step::Take);
    assert_eq!(leader.leads(at(20)), None, "not before the write came through");
}

#[test]
fn a_leader_that_was_stopped_believes_nothing() {
    let mut leader = leader();
    // Thirty seconds pass between two of its instructions.
    assert_eq!(leader.step(at(30)), Step::Read);
    assert_eq!(leader.leads(at(30)), None);
    leader.read(at(30), Some(record("other", 2)), 1.0);
    assert_eq!(leader.step(at(30)), Step::Wait(at(32)));
    // And an answer that had lain there all the time gives no more time than it would have given then.
    let mut late = self::leader();
    assert_eq!(late.step(at(3)), Step::Renew);
    late.wrote(at(3), record("me", 2));
    assert_eq!(late.leads(at(30)), None);
}

#[test]
fn somebody_elses_label_on_the_lease_deposes_nobody() {
    let mut leader = leader();
    assert_eq!(leader.step(at(3)), Step::Renew);
    leader.refused(at(3));
    assert_eq!(leader.step(at(3)), Step::Read);
    leader.read(at(3), Some(record("me", 2)), 0.5);
    assert_eq!(leader.step(at(3)), Step::Renew);
    assert_eq!(leader.leads(at(3)), Some(at(7)));
}

#[test]
fn who_waits_goes_by_changes_and_not_by_times_of_day() {
    let mut waiting = Candidate::new("me".to_owned(), TIMING);
    assert_eq!(waiting.step(at(0)), Step::Read);
    waiting.read(at(0), Some(record("other", 1)), 1.0);
    for version in 1..20 {
        // Renewed every two seconds, whatever stands in it.
        let now = at(version * 2);
        assert_eq!(waiting.step(now), Step::Read);
        waiting.read(now, Some(record("other", version + 1)), 1.0);
    }
    // The last change was seen at 38.
    for second in [40, 42, 44, 46] {
        assert_eq!(waiting.step(at(second)), Step::Read);
        waiting.read(at(second), Some(record("other", 20)), 1.0);
    }
    assert_eq!(waiting.step(at(47)), Step::Wait(at(48)), "not after its end");
    assert_eq!(waiting.step(at(48)), Step::Read);
    waiting.read(at(48), Some(record("other", 20)), 1.0);
    assert_eq!(waiting.step(at(48)), Step::Take);
}
