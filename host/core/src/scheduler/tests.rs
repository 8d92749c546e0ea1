//! The queue under a virtual clock: by table, and against a model.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(&'static str, u32);

impl Queued for Key {
    fn namespace(&self) -> &str {
        self.0
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// Workers, where their number is of no matter.
const MANY: usize = usize::MAX;

#[test]
fn a_new_object_goes_before_ten_thousand_refreshes() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    for n in 0..10_000 {
        queue.push(Key("busy", n), Class::Refresh, start);
    }
    queue.push(Key("busy", 10_000), Class::Fresh, start);
    assert_eq!(queue.pop(start, MANY), Some((Key("busy", 10_000), Class::Fresh)));
}

#[test]
fn refreshes_go_on_in_a_storm_of_changes() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    for n in 0..100 {
        queue.push(Key("a", n), Class::Fresh, start);
    }
    queue.push(Key("b", 0), Class::Refresh, start);
    let place = (0..100).position(|_| queue.pop(start, MANY).unwrap().1 == Class::Refresh);
    assert_eq!(place, Some(8), "after eight in a row");
}

#[test]
fn no_class_is_passed_over_for_ever() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    queue.push(Key("a", 0), Class::Refresh, start);
    queue.push(Key("b", 0), Class::Retry, start);
    let mut order = Vec::new();
    for n in 1..=40 {
        // Fresh work and retries never run out.
        queue.push(Key("c", n), Class::Fresh, start);
        queue.push(Key("d", n), Class::Retry, start);
        order.push(queue.pop(start, MANY).unwrap().1);
    }
    let first = |class| order.iter().position(|found| *found == class);
    assert_eq!((first(Class::Retry), first(Class::Refresh)), (Some(9), Some(8)), "{order:?}");
}

#[test]
fn a_ripe_row_of_ten_thousand_is_hastened_quickly() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    for n in 0..10_000 {
        queue.push(Key("busy", n), Class::Refresh, start);
    }
    assert!(queue.pop(start, MANY).is_some(), "ripens all");
    for n in (1..10_000).rev() {
        queue.push(Key("busy", n), Class::Fresh, start);
    }
    assert_eq!((queue.len(), queue.in_flight()), (9_999, 1));
    let mut left = 0;
    while let Some((_, class)) = queue.pop(start, MANY) {
        assert_eq!(class, Class::Fresh);
        left += 1;
    }
    assert_eq!(left, 9_999);
}

#[test]
fn namespaces_take_turns() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    for n in 0..50 {
        queue.push(Key("hot", n), Class::Fresh, start);
    }
    queue.push(Key("quiet", 0), Class::Fresh, start);
    let first: Vec<_> = (0..3).map(|_| queue.pop(start, MANY).unwrap().0.0).collect();
    assert_eq!(first, ["hot", "quiet", "hot"]);
}

#[test]
fn an_object_in_flight_is_handed_out_again_only_after_it_is_done() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    queue.push(Key("a", 1), Class::Refresh, start);
    queue.pop(start, MANY).unwrap();
    queue.push(Key("a", 1), Class::Fresh, start);
    queue.push(Key("a", 1), Class::Refresh, start + SECOND);
    assert_eq!(queue.pop(start, MANY), None);
    queue.done(&Key("a", 1), Some((Class::Refresh, start + 60 * SECOND)));
    assert_eq!(queue.pop(start, MANY), Some((Key("a", 1), Class::Fresh)));
    queue.done(&Key("a", 1), None);
    assert!(queue.is_empty() && queue.in_flight() == 0);
}

#[test]
fn nothing_is_handed_out_before_its_time() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    queue.push(Key("a", 1), Class::Retry, start + 5 * SECOND);
    assert_eq!(queue.pop(start + 4 * SECOND, MANY), None);
    assert_eq!(queue.next_due(start, MANY), Some(start + 5 * SECOND));
    queue.push(Key("a", 1), Class::Refresh, start + 2 * SECOND);
    assert_eq!(queue.next_due(start, MANY), Some(start + 2 * SECOND), "the earlier time wins");
    assert_eq!(
        queue.pop(start + 2 * SECOND, MANY),
        Some((Key("a", 1), Class::Retry)),
        "and the higher class"
    );
}

#[test]
fn a_due_object_can_be_promoted() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    queue.push(Key("a", 1), Class::Refresh, start);
    queue.push(Key("a", 2), Class::Refresh, start);
    assert!(queue.pop(start, MANY).is_some(), "ripens both");
    queue.push(Key("a", 2), Class::Fresh, start);
    assert_eq!(queue.pop(start, MANY), Some((Key("a", 2), Class::Fresh)));
    assert!(queue.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Push(u32, u8, u32),
    Pop,
    Done(usize, Option<u32>),
    Tick(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..12u32, 0..3u8, 0..20u32).prop_map(|(key, class, due)| Step::Push(key, class, due)),
        Just(Step::Pop),
        (0..4usize, proptest::option::of(0..20u32)).prop_map(|(which, next)| Step::Done(which, next)),
        (0..10u32).prop_map(Step::Tick),
    ];
    proptest::collection::vec(step, 1..200)
}

proptest! {
    /// Against a model: never two at once, nothing lost, nothing early.
    #[test]
    fn behaves_like_the_model(steps in steps()) {
        let start = Instant::now();
        let mut now = start;
        let mut queue = Scheduler::default();
        let mut waits: BTreeMap<Key, Instant> = BTreeMap::new();
        let mut flying: Vec<(Key, Option<Instant>)> = Vec::new();
        for step in steps {
            match step {
                Step::Push(key, class, due) => {
                    let key = Key(["a", "b", "c"][key as usize % 3], key);
                    let due = now + due * SECOND;
                    queue.push(key.clone(), CLASSES[class as usize], due);
                    if let Some((_, pending)) = flying.iter_mut().find(|(flying, _)| *flying == key) {
                        *pending = Some(pending.map_or(due, |known| known.min(due)));
                    } else {
                        let known = waits.entry(key).or_insert(due);
                        *known = (*known).min(due);
                    }
                }
                Step::Pop => match queue.pop(now, MANY) {
                    Some((key, _)) => {
                        prop_assert!(waits.remove(&key).is_some_and(|due| due <= now));
                        prop_assert!(!flying.iter().any(|(flying, _)| *flying == key));
                        flying.push((key, None));
                    }
                    None => prop_assert!(waits.values().all(|due| *due > now)),
                },
                Step::Done(which, next) => {
                    if which < flying.len() {
                        let (key, pending) = flying.remove(which);
                        let next = next.map(|next| now + next * SECOND);
                        queue.done(&key, next.map(|due| (Class::Refresh, due)));
                        if let Some(due) = pending.into_iter().chain(next).min() {
                            waits.insert(key, due);
                        }
                    }
                }
                Step::Tick(seconds) => now += seconds * SECOND,
            }
            prop_assert_eq!(queue.len(), waits.len());
            prop_assert_eq!(queue.in_flight(), flying.len());
            match (queue.next_due(now, MANY), waits.values().min()) {
                (Some(due), Some(&first)) => prop_assert!(due == first || (due <= now && first <= now)),
                (due, first) => prop_assert_eq!(due.is_some(), first.is_some()),
            }
        }
    }
}

#[test]
fn who_asks_is_told_when_an_objects_turn_is() {
    let start = Instant::now();
    let (due, key) = (start + SECOND, Key("a", 0));
    let mut queue = Scheduler::default();
    assert_eq!(queue.next_of(&key), None);
    queue.push(key.clone(), Class::Refresh, due);
    assert_eq!(queue.next_of(&key), Some(Next::At(due)));
    assert_eq!(queue.pop(due, MANY), Some((key.clone(), Class::Refresh)));
    assert_eq!(queue.next_of(&key), Some(Next::InFlight));
    queue.done(&key, None);
    assert_eq!(queue.next_of(&key), None);
}

/// Pops until nothing is given; the namespaces.
fn given(queue: &mut Scheduler<Key>, now: Instant, workers: usize) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.pop(now, workers)).map(|(key, _)| key.0).collect()
}

#[test]
fn where_one_waits_the_others_go_on() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    for n in 0..9 {
        queue.push(Key("silent", n), Class::Fresh, start);
    }
    assert_eq!(given(&mut queue, start, 3), ["silent"; 3]);
    assert_eq!(queue.next_due(start, 3), Some(start + 2 * SECOND), "then they leave their places");
    for n in 0..2 {
        queue.push(Key("healthy", n), Class::Fresh, start + SECOND);
    }
    assert_eq!(given(&mut queue, start + SECOND, 3), [""; 0], "a call may take a second");
    let later = start + 2 * SECOND;
    assert_eq!(
        given(&mut queue, later, 3),
        ["healthy"],
        "it is the other's turn, and one is a quarter of three"
    );
    assert_eq!(queue.next_due(later, 3), Some(later + 2 * SECOND), "there is nobody else yet");
    queue.done(&Key("healthy", 0), None);
    assert_eq!(given(&mut queue, later, 3), ["healthy"]);
    queue.done(&Key("healthy", 1), None);
    assert_eq!(given(&mut queue, later, 3), [""; 0]);
    // Who is done gives his place to whose turn it is.
    queue.done(&Key("silent", 0), None);
    assert_eq!(given(&mut queue, later, 3), ["silent"]);
    assert_eq!(queue.next_of(&Key("silent", 3)), Some(Next::InFlight));
}

#[test]
fn two_that_wait_keep_nobody_either() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    for n in 0..30 {
        queue.push(Key("a", n), Class::Fresh, start);
        queue.push(Key("b", n), Class::Fresh, start + 2 * SECOND);
    }
    assert_eq!(given(&mut queue, start, 10), ["a"; 10]);
    assert_eq!(given(&mut queue, start + 2 * SECOND, 10), ["b"; 3], "a quarter");
    let later = start + 4 * SECOND;
    queue.push(Key("healthy", 0), Class::Refresh, later);
    assert_eq!(given(&mut queue, later, 10), ["healthy"], "a lower class, and another namespace");
}

#[test]
fn one_that_waits_does_not_keep_its_namespace() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    for (n, namespace) in ["", "b", "c", "d", "e", "f", "g", "h"].into_iter().enumerate() {
        queue.push(Key(namespace, u32::try_from(n).unwrap()), Class::Fresh, start);
    }
    assert_eq!(given(&mut queue, start, 8).len(), 8);
    let later = start + 2 * SECOND;
    queue.push(Key("", 9), Class::Fresh, later);
    assert_eq!(given(&mut queue, later, 8), [""], "two of its own are a quarter");
    queue.push(Key("", 10), Class::Fresh, later);
    assert_eq!(given(&mut queue, later, 8), [""; 0]);
}

#[test]
fn there_are_twice_as_many_as_workers_at_most() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    for namespace in ["a", "b", "c", "d", "e"] {
        for n in 0..3 {
            queue.push(Key(namespace, n), Class::Fresh, start);
        }
    }
    assert_eq!(given(&mut queue, start, 2), ["a", "b"]);
    assert_eq!(given(&mut queue, start + 3 * SECOND, 2), ["c", "d"]);
    let later = start + 6 * SECOND;
    assert_eq!(given(&mut queue, later, 2), [""; 0]);
    assert_eq!(queue.next_due(later, 2), None, "until one is done");
    queue.done(&Key("a", 0), None);
    assert_eq!(given(&mut queue, later, 2), ["e"]);
}

/// What is loaded beside the workers, and what needs one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Either {
    Beside(u32),
    Needs(u32),
}

impl Queued for Either {
    fn namespace(&self) -> &str {
        ""
    }

    fn takes_place(&self) -> bool {
        matches!(self, Self::Needs(_))
    }
}

#[test]
fn who_needs_no_worker_takes_none_and_waits_for_none() {
    let start = Instant::now();
    let mut queue = Scheduler::default();
    queue.push(Either::Beside(0), Class::Fresh, start);
    assert!(queue.pop(start, 1).is_some());
    assert_eq!(queue.open(start + 3 * SECOND, 1), Open::All, "it takes none");
    assert_eq!((queue.in_flight(), queue.workers_at_work()), (1, 0));
    for n in 0..2 {
        queue.push(Either::Needs(n), Class::Fresh, start);
    }
    queue.push(Either::Beside(1), Class::Refresh, start);
    queue.push(Either::Beside(2), Class::Refresh, start + SECOND);
    assert_eq!(queue.pop(start, 1).map(|(key, _)| key), Some(Either::Needs(0)));
    assert_eq!(queue.pop(start, 1).map(|(key, _)| key), Some(Either::Beside(1)), "all workers are taken");
    assert_eq!((queue.pop(start, 1), queue.next_due(start, 1)), (None, Some(start + SECOND)));
    assert_eq!(queue.pop(start + 3 * SECOND, 1).map(|(key, _)| key), Some(Either::Beside(2)));
    // As one that was queued can be queued better.
    queue.push(Either::Beside(3), Class::Refresh, start);
    assert_eq!(queue.pop(start, 1).map(|(_, class)| class), Some(Class::Refresh));
}

proptest! {
    /// Whatever comes: nobody has more than the workers, nor all together twice as many; and who gets nothing is told of a
    /// time before which there is nothing.
    #[test]
    fn places_are_kept(steps in steps(), workers in 1..4_usize) {
        let start = Instant::now();
        let mut now = start;
        let mut queue = Scheduler::default();
        let mut flying: Vec<Key> = Vec::new();
        // Until when there is nothing, unless something happens.
        let mut nothing: Option<Option<Instant>> = None;
        for step in steps {
            if matches!(step, Step::Push(..) | Step::Done(..)) {
                nothing = None;
            }
            match step {
                Step::Push(key, class, due) => {
                    let key = Key(["a", "b", "c"][key as usize % 3], key);
                    queue.push(key, CLASSES[class as usize], now + due * SECOND);
                }
                Step::Pop => match queue.pop(now, workers) {
                    Some((key, _)) => {
                        let early = nothing.is_some_and(|until| until.is_none_or(|until| now < until));
                        prop_assert!(!early, "{key:?} was there before the time that was told");
                        nothing = None;
                        flying.push(key);
                    }
                    None => {
                        let next = queue.next_due(now, workers);
                        prop_assert!(next.is_none_or(|due| due > now));
                        nothing = Some(next);
                    }
                },
                Step::Done(which, next) => {
                    if which < flying.len() {
                        let key = flying.remove(which);
                        queue.done(&key, next.map(|next| (Class::Refresh, now + next * SECOND)));
                    }
                }
                Step::Tick(seconds) => now += seconds * SECOND,
            }
            prop_assert!(flying.len() <= workers * 2);
            for namespace in ["a", "b", "c"] {
                prop_assert!(flying.iter().filter(|key| key.0 == namespace).count() <= workers);
            }
        }
    }
}
