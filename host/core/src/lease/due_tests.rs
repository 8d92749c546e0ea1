//! Lives of leases: by table, and simulated against a backend that grants as Vault does.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::lease::Source;
use crate::provider::LeaseHolder;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn lease(duration: u64, renewable: bool, holder: Option<(u64, bool)>) -> Lease {
    let holder = holder.map(|(ttl, renewable)| LeaseHolder { accessor: None, ttl: seconds(ttl), renewable });
    Lease { id: "id".to_owned(), duration: seconds(duration), renewable, holder }
}

fn held(lease: Option<Lease>) -> Held {
    let source = Source { kind: "SecretStore".to_owned(), name: "vault".to_owned(), key: "db".to_owned() };
    Held { source, issued: at(0), lease, state: None }
}

fn record(held: Vec<Held>) -> Record {
    Record { salt: String::new(), inputs: String::new(), held, keys: Default::default(), retired: Vec::new() }
}

fn when(lease: Option<Lease>, live: Option<Live>, policy: &Policy, now: i64) -> Due {
    let lives = live.map(|live| ("id".to_owned(), live)).into_iter().collect();
    due(&record(vec![held(lease)]), &lives, policy, 0, at(now))
}

fn live(since: i64, end: i64, last: bool) -> Option<Live> {
    Some(Live { since: at(since), lease_end: Some(at(end)), holder_end: None, last })
}

/// 3,000 s: two thirds are 2,001 s (667 thousandths).
#[test]
fn two_thirds_of_a_life() {
    let auto = Policy::default();
    let hour = Policy { interval: Some(seconds(1000)), ..auto };
    for (what, given, known, policy, now, expected) in [
        ("fresh", lease(3000, true, None), None, &auto, 0, Due::At(at(2001))),
        ("to be renewed", lease(3000, true, None), None, &auto, 2001, Due::Renew),
        ("renewed", lease(3000, true, None), live(2001, 5001, false), &auto, 2002, Due::At(at(4002))),
        ("again", lease(3000, true, None), live(2001, 5001, false), &auto, 4002, Due::Renew),
        // 2/3 of 6,000 are over when its maximum shows.
        ("capped late", lease(3000, true, None), live(4002, 6000, true), &auto, 4002, Due::Rotate),
        ("capped early", lease(3000, true, None), live(1000, 3000, true), &auto, 1001, Due::At(at(2001))),
        ("not renewable", lease(3000, false, None), None, &auto, 100, Due::At(at(2001))),
        ("to be rotated", lease(3000, false, None), None, &auto, 2001, Due::Rotate),
        ("holder ends first", lease(3000, true, Some((1500, false))), None, &auto, 1001, Due::Rotate),
        ("holder is renewed", lease(3000, true, Some((1500, true))), None, &auto, 1001, Due::Renew),
        ("holder lasts", lease(3000, true, Some((9000, false))), None, &auto, 2001, Due::Renew),
        ("holder without end", lease(3000, true, Some((0, false))), None, &auto, 2001, Due::Renew),
        ("interval first", lease(3000, true, None), None, &hour, 1000, Due::Rotate),
        ("interval to come", lease(3000, true, None), None, &hour, 10, Due::At(at(1000))),
        ("life first", lease(1000, true, None), None, &hour, 10, Due::At(at(667))),
        ("no end", lease(0, true, None), None, &auto, 9_999_999, Due::Nothing),
        ("long over", lease(3000, true, None), None, &auto, 90_000, Due::Renew),
        ("gone", lease(3000, true, None), Some(Live::gone(at(50))), &auto, 50, Due::Rotate),
        // Not before a second is over.
        ("short", lease(1, false, None), None, &auto, 0, Due::At(at(1))),
    ] {
        assert_eq!(when(Some(given), known, policy, now), expected, "{what}");
    }
    assert_eq!(when(None, None, &auto, 9_999_999), Due::Nothing, "made without a lease");
    assert_eq!(when(None, None, &hour, 1000), Due::Rotate, "made without a lease, by interval");
}

/// Ten minutes ahead of us, or we were set back: it is asked for, or made anew, at once.
#[test]
fn a_record_of_another_clock_is_not_believed() {
    let auto = Policy::default();
    assert_eq!(when(Some(lease(300, true, None)), None, &auto, -600), Due::Renew);
    assert_eq!(when(Some(lease(300, false, None)), None, &auto, -600), Due::Rotate);
    assert_eq!(when(Some(lease(300, true, None)), live(0, 300, false), &auto, -600), Due::Renew);
    assert_eq!(when(Some(lease(3000, true, None)), None, &auto, -4), Due::At(at(2001)), "as clocks differ");
}

/// What cannot be made anew now does not end for want of a look at it.
#[test]
fn what_lives_is_looked_at_while_its_rotation_fails() {
    let first = held(Some(lease(3000, true, None)));
    let second =
        Held { lease: Some(Lease { id: "b".to_owned(), ..lease(600, false, None) }), ..first.clone() };
    let (renewable, both) = (record(vec![first.clone()]), record(vec![first, second]));
    let none = Lives::new();
    assert_eq!(meanwhile(&renewable, &none, 0, at(10)), Some(at(2001)), "it is renewed in its time");
    assert_eq!(
        meanwhile(&both, &none, 0, at(400)),
        Some(at(410)),
        "the shorter is tried again before it ends"
    );
    assert_eq!(meanwhile(&both, &none, 0, at(700)), Some(at(2001)));
    assert_eq!(meanwhile(&record(vec![held(None)]), &none, 0, at(0)), None);
}

#[test]
fn what_a_renewal_tells() {
    let hour = seconds(3600);
    let of = |given: Lease, answer: Lease| renewed(&held(Some(given)), None, hour, &answer, at(2400));
    let whole = lease(3600, true, Some((3600, true)));
    for (what, given, answer, end, last) in [
        ("all of it", whole.clone(), lease(3600, true, Some((3600, true))), Some(6000), false),
        ("rounded", whole.clone(), lease(3599, true, Some((3600, true))), Some(5999), false),
        ("capped", whole.clone(), lease(3000, true, Some((3600, true))), Some(5400), true),
        ("holder capped", whole.clone(), lease(3600, true, Some((3000, true))), Some(5400), true),
        ("holder refused", whole.clone(), lease(3600, true, Some((0, false))), Some(3600), true),
        // A day's token without the right to renew it is no hindrance for the next 20 hours.
        (
            "holder lasts",
            lease(3600, true, Some((86_400, false))),
            lease(3600, true, Some((0, false))),
            Some(6000),
            false,
        ),
        // A period of half an hour, each time.
        (
            "periodic holder",
            lease(3600, true, Some((1800, true))),
            lease(3600, true, Some((1800, true))),
            Some(4200),
            false,
        ),
        ("no holder", lease(3600, true, None), lease(3600, true, None), Some(6000), false),
        ("not again", lease(3600, true, None), lease(3600, false, None), Some(6000), true),
    ] {
        let found = of(given, answer);
        assert_eq!((found.end(), found.last), (end.map(at), last), "{what}");
    }
    let before = Live { since: at(0), lease_end: None, holder_end: Some(at(9000)), last: false };
    let answer = lease(3600, true, Some((0, false)));
    let found = renewed(&held(Some(whole)), Some(before), hour, &answer, at(8000));
    assert_eq!(found.end(), Some(at(9000)), "what an earlier renewal gave the holder counts");
    assert!(found.last);
    let refused = Live::refused(&held(Some(lease(3000, true, None))), None, at(2001));
    assert_eq!((refused.end(), refused.last), (Some(at(3000)), true));
}

#[test]
fn what_could_not_be_asked_for_is_asked_for_again_until_it_ends() {
    for (given, known, now, expected) in [
        (lease(3600, true, None), None, 2400, Some(2460)),
        (lease(3600, true, None), None, 3590, Some(3595)),
        (lease(864_000, true, None), None, 0, Some(300)),
        // Somebody else may have renewed it.
        (lease(3600, true, None), None, 99_999, Some(100_029)),
        (lease(3600, false, None), None, 3600, None),
        (lease(3600, true, None), live(2400, 6000, false), 4800, Some(4860)),
        (lease(3600, true, None), live(2400, 6000, false), 9999, None),
        (lease(0, true, None), None, 5, Some(305)),
    ] {
        assert_eq!(try_again(&held(Some(given)), known, at(now)), expected.map(at), "at {now}");
    }
}

#[test]
fn all_of_an_object_at_once() {
    let first = held(Some(lease(3000, false, None)));
    let second =
        Held { lease: Some(Lease { id: "b".to_owned(), ..lease(9000, true, None) }), ..first.clone() };
    let both = record(vec![first, second]);
    let none = Lives::new();
    assert_eq!(due(&both, &none, &Policy::default(), 0, at(2000)), Due::At(at(2001)));
    assert_eq!(due(&both, &none, &Policy::default(), 0, at(2001)), Due::Rotate);
    assert_eq!(to_renew(&both, &none, 0, at(6003)).count(), 1, "only what can be renewed");
}

#[test]
fn who_is_made_at_each_refresh() {
    let generated = |given: Option<Lease>| {
        let mut held = held(given);
        held.source.key = String::new();
        record(vec![held])
    };
    assert!(!at_refresh(&record(vec![held(None)]), &Policy::default()), "a key is read like what is stored");
    let every = Policy { rotation: Rotation::EveryRefresh, ..Policy::default() };
    let interval = Policy { interval: Some(seconds(60)), ..Policy::default() };
    for (given, policy, expected) in [
        (Some(lease(60, true, None)), Policy::default(), false),
        (Some(lease(60, true, None)), every, true),
        (None, Policy::default(), true),
        (None, interval, false),
    ] {
        assert_eq!(at_refresh(&generated(given), &policy), expected);
    }
    assert_eq!(generated_at(&generated(None)), Some(at(0)));
    assert_eq!(generated_at(&generated(Some(lease(60, true, None)))), None, "it ends by itself");
    assert_eq!(generated_at(&record(vec![held(None)])), None, "a key");
}

#[test]
fn the_replaced_are_revoked_in_their_time() {
    let retired = |id: &str, seconds, revoke| Retired {
        held: held(Some(Lease { id: id.to_owned(), ..lease(seconds, true, None) })),
        revoke,
    };
    let mut over = retired("over", 50, Revoke::At(at(50)));
    over.held.lease.as_mut().unwrap().renewable = false;
    let mut record = record(Vec::new());
    record.retired = vec![
        retired("later", 3000, Revoke::At(at(100))),
        retired("ripe", 3000, Revoke::At(at(50))),
        over,
        retired("rollout", 3000, Revoke::AfterRollout),
        retired("done", 3000, Revoke::At(at(0))),
    ];
    let done = BTreeSet::from(["done".to_owned()]);
    let ids = |ripe: Vec<&Retired>| -> Vec<String> {
        ripe.into_iter().map(|retired| retired.held.lease.as_ref().unwrap().id.clone()).collect()
    };
    let (ripe, next) = to_revoke(&record, &done, false, at(50));
    assert_eq!((ids(ripe), next), (vec!["ripe".to_owned()], Some(at(100))));
    let (ripe, next) = to_revoke(&record, &done, true, at(100));
    assert_eq!((ids(ripe), next), (vec!["later".to_owned(), "ripe".to_owned(), "rollout".to_owned()], None));
}

#[test]
fn who_came_together_do_not_come_back_together() {
    let spreads: BTreeSet<u32> = (0..1000).map(|n| spread(&format!("uid-{n}"))).collect();
    assert!(spreads.len() > 70 && spreads.iter().all(|spread| *spread < SPREAD), "{}", spreads.len());
    assert_eq!(spread("a"), spread("a"));
}

/// Vault's rule: a renewal gives what is asked for, up to the maximum counted from the first.
struct Backend {
    max: i64,
    holder_max: Option<i64>,
}

impl Backend {
    fn renew(&self, asked: i64, now: i64) -> Option<Lease> {
        let left = self.max - now;
        let holder = self.holder_max.map(|max| (max - now).min(asked));
        if left <= 0 || holder.is_some_and(|left| left <= 0) {
            return None;
        }
        let whole = |left: i64| u64::try_from(left).unwrap();
        Some(lease(whole(left.min(asked)), true, holder.map(|left| (whole(left), true))))
    }
}

proptest! {
    /// Whatever the backend's limits: asked on time, a credential is replaced before it ends and not before two thirds
    /// of its maximum (less the spread) are over; and no longer life is asked for than the first.
    #[test]
    fn nothing_ends_before_its_successor(
        ttl in 10i64..5000, more in 0i64..20_000, holder in proptest::option::of(10i64..20_000), spread in 0u32..84,
    ) {
        let backend = Backend { max: ttl + more, holder_max: holder };
        let first = holder.map(|max| (u64::try_from(max.min(ttl)).unwrap(), true));
        let given = held(Some(lease(u64::try_from(ttl).unwrap(), true, first)));
        let (record, mut lives) = (record(vec![given.clone()]), Lives::new());
        let (mut now, mut end) = (0, ttl.min(holder.unwrap_or(ttl)));
        for _ in 0..10_000 {
            match due(&record, &lives, &Policy::default(), spread, at(now)) {
                Due::Rotate => break,
                Due::At(next) => {
                    let next = (next.as_millisecond() - at(0).as_millisecond() + 999) / 1000;
                    prop_assert!(next > now);
                    now = next;
                }
                Due::Renew => {
                    let answer = backend.renew(ttl, now).unwrap();
                    let live = renewed(&given, lives.get("id").copied(), seconds(ttl.unsigned_abs()), &answer, at(now));
                    end = (live.end().unwrap().as_second() - at(0).as_second()).max(end);
                    lives.insert("id".to_owned(), live);
                }
                Due::Nothing => prop_assert!(false, "it ends"),
            }
            prop_assert!(now <= end, "looked at it at {now}, and it ended at {end}");
        }
        let max = backend.max.min(holder.unwrap_or(i64::MAX));
        prop_assert!(now < max, "rotated at {now} of {max}");
        prop_assert!(now * 1000 + 1000 >= max * i64::from(SHARE - spread) - 2000, "at {now} of {max}");
    }
}

/// Whatever somebody wrote into an annotation, or a backend says: there is an answer.
#[test]
fn lives_that_never_end_overflow_nothing() {
    let ever = |renewable| lease(u64::MAX, renewable, Some((u64::MAX, renewable)));
    for renewable in [true, false] {
        let found = renewed(&held(Some(ever(renewable))), None, seconds(u64::MAX), &ever(renewable), at(0));
        assert_eq!(found, Live { since: at(0), lease_end: None, holder_end: None, last: !renewable });
        assert_eq!(when(Some(ever(renewable)), Some(found), &Policy::default(), 0), Due::Nothing);
    }
}
