//! What to reconcile next: pure, with a clock that the caller brings.
//!
//! New and changed objects go before retries, those before periodic refreshes, so that a new object does
//! not wait behind ten thousand. Inside a class the namespaces take turns, so that a hot one starves
//! nobody. An object is never handed out twice at once: what is pushed while it is in flight is handed
//! out after it is done. Memory is one entry per object.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// Why an object is looked at; in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It is new, it changed, or something it depends on did.
    Fresh,
    /// It failed.
    Retry,
    /// Its interval is over.
    Refresh,
}

const CLASSES: [Class; 3] = [Class::Fresh, Class::Retry, Class::Refresh];

/// After so many in a row from higher classes one overdue from a lower one goes first, so that a storm of
/// changes slows refreshes to an eighth and not to nothing.
const MAX_IN_A_ROW: u32 = 8;

/// What the queue has to know of an object: whose turn it uses up.
pub trait Queued: Ord + Clone {
    /// The namespace, or "" for cluster-scoped objects.
    fn namespace(&self) -> &str;
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    class: Class,
    due: Instant,
}

/// Objects of one class that are due, by namespace in turn.
struct Ready<K> {
    namespaces: VecDeque<String>,
    objects: BTreeMap<String, VecDeque<K>>,
}

impl<K> Default for Ready<K> {
    fn default() -> Self {
        Self { namespaces: VecDeque::new(), objects: BTreeMap::new() }
    }
}

/// The queue.
pub struct Scheduler<K> {
    /// Everything that waits, due or not.
    waits: BTreeMap<K, Wait>,
    /// What is not due yet, by time.
    later: BTreeSet<(Instant, K)>,
    ready: [Ready<K>; 3],
    /// In flight, and what was pushed meanwhile.
    in_flight: BTreeMap<K, Option<Wait>>,
    in_a_row: u32,
    /// When what is ready was found to be.
    ripened: Option<Instant>,
}

impl<K> Default for Scheduler<K> {
    fn default() -> Self {
        Self {
            waits: BTreeMap::new(),
            later: BTreeSet::new(),
            ready: [Ready::default(), Ready::default(), Ready::default()],
            in_flight: BTreeMap::new(),
            in_a_row: 0,
            ripened: None,
        }
    }
}

impl<K: Queued> Scheduler<K> {
    /// Queues an object, or hastens it: of two pushes the earlier time and the higher class win.
    pub fn push(&mut self, object: K, class: Class, due: Instant) {
        let wait = Wait { class, due };
        if let Some(pending) = self.in_flight.get_mut(&object) {
            *pending = Some(pending.map_or(wait, |known| merge(known, wait)));
            return;
        }
        match self.waits.get(&object).copied() {
            None => self.later_insert(object, wait),
            Some(known) => {
                let merged = merge(known, wait);
                if merged.class != known.class || merged.due != known.due {
                    self.remove_wait(&object, known);
                    self.later_insert(object, merged);
                }
            }
        }
    }

    /// The next object that is due; it counts as in flight until [`Scheduler::done`].
    pub fn pop(&mut self, now: Instant) -> Option<(K, Class)> {
        self.ripen(now);
        let index = self.choose()?;
        let class = CLASSES[index];
        let object = self.ready[index].take()?;
        self.waits.remove(&object);
        self.in_flight.insert(object.clone(), None);
        Some((object, class))
    }

    /// A reconcile ended. `next` says when to look again; a push that came meanwhile hastens that.
    pub fn done(&mut self, object: &K, next: Option<(Class, Instant)>) {
        let Some(pending) = self.in_flight.remove(object) else { return };
        let next = next.map(|(class, due)| Wait { class, due });
        let wait = match (pending, next) {
            (Some(pending), Some(next)) => Some(merge(pending, next)),
            (pending, next) => pending.or(next),
        };
        if let Some(wait) = wait {
            self.later_insert(object.clone(), wait);
        }
    }

    /// When the next object is due; a time in the past if one is due already.
    pub fn next_due(&self) -> Option<Instant> {
        if self.ready.iter().any(|ready| !ready.namespaces.is_empty()) {
            return self.ripened;
        }
        self.later.first().map(|(due, _)| *due)
    }

    /// Objects that wait, due or not.
    pub fn len(&self) -> usize {
        self.waits.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    /// Objects handed out and not done.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    fn later_insert(&mut self, object: K, wait: Wait) {
        self.later.insert((wait.due, object.clone()));
        self.waits.insert(object, wait);
    }

    fn remove_wait(&mut self, object: &K, wait: Wait) {
        if !self.later.remove(&(wait.due, object.clone())) {
            self.ready[wait.class as usize].remove(object);
        }
    }

    /// Moves what is due by now to its class.
    fn ripen(&mut self, now: Instant) {
        self.ripened = Some(now);
        while self.later.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, object)) = self.later.pop_first() else { return };
            if let Some(wait) = self.waits.get(&object) {
                self.ready[wait.class as usize].put(object);
            }
        }
    }

    fn choose(&mut self) -> Option<usize> {
        let mut filled = (0..CLASSES.len()).filter(|&index| !self.ready[index].namespaces.is_empty());
        let first = filled.next()?;
        let lower = filled.next();
        match lower {
            Some(lower) if self.in_a_row >= MAX_IN_A_ROW => {
                self.in_a_row = 0;
                Some(lower)
            }
            Some(_) => {
                self.in_a_row += 1;
                Some(first)
            }
            None => {
                self.in_a_row = 0;
                Some(first)
            }
        }
    }
}

impl<K: Queued> Ready<K> {
    fn put(&mut self, object: K) {
        let namespace = object.namespace().to_owned();
        let objects = self.objects.entry(namespace.clone()).or_default();
        if objects.is_empty() {
            self.namespaces.push_back(namespace);
        }
        objects.push_back(object);
    }

    fn take(&mut self) -> Option<K> {
        let namespace = self.namespaces.pop_front()?;
        let objects = self.objects.get_mut(&namespace)?;
        let object = objects.pop_front();
        if objects.is_empty() {
            self.objects.remove(&namespace);
        } else {
            self.namespaces.push_back(namespace);
        }
        object
    }

    fn remove(&mut self, object: &K) {
        let namespace = object.namespace();
        if let Some(objects) = self.objects.get_mut(namespace) {
            objects.retain(|queued| queued != object);
            if objects.is_empty() {
                self.objects.remove(namespace);
                self.namespaces.retain(|queued| queued != namespace);
            }
        }
    }
}

fn merge(a: Wait, b: Wait) -> Wait {
    Wait { class: a.class.min(b.class), due: a.due.min(b.due) }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_new_object_goes_before_ten_thousand_refreshes() {
        let start = Instant::now();
        let mut queue = Scheduler::default();
        for n in 0..10_000 {
            queue.push(Key("busy", n), Class::Refresh, start);
        }
        queue.push(Key("busy", 10_000), Class::Fresh, start);
        assert_eq!(queue.pop(start), Some((Key("busy", 10_000), Class::Fresh)));
    }

    #[test]
    fn refreshes_go_on_in_a_storm_of_changes() {
        let start = Instant::now();
        let mut queue = Scheduler::default();
        for n in 0..100 {
            queue.push(Key("a", n), Class::Fresh, start);
        }
        queue.push(Key("b", 0), Class::Refresh, start);
        let place = (0..100).position(|_| queue.pop(start).unwrap().1 == Class::Refresh);
        assert_eq!(place, Some(8), "after eight in a row");
    }

    #[test]
    fn namespaces_take_turns() {
        let start = Instant::now();
        let mut queue = Scheduler::default();
        for n in 0..50 {
            queue.push(Key("hot", n), Class::Fresh, start);
        }
        queue.push(Key("quiet", 0), Class::Fresh, start);
        let first: Vec<_> = (0..3).map(|_| queue.pop(start).unwrap().0.0).collect();
        assert_eq!(first, ["hot", "quiet", "hot"]);
    }

    #[test]
    fn an_object_in_flight_is_handed_out_again_only_after_it_is_done() {
        let start = Instant::now();
        let mut queue = Scheduler::default();
        queue.push(Key("a", 1), Class::Refresh, start);
        queue.pop(start).unwrap();
        queue.push(Key("a", 1), Class::Fresh, start);
        queue.push(Key("a", 1), Class::Refresh, start + SECOND);
        assert_eq!(queue.pop(start), None);
        queue.done(&Key("a", 1), Some((Class::Refresh, start + 60 * SECOND)));
        assert_eq!(queue.pop(start), Some((Key("a", 1), Class::Fresh)));
        queue.done(&Key("a", 1), None);
        assert!(queue.is_empty() && queue.in_flight() == 0);
    }

    #[test]
    fn nothing_is_handed_out_before_its_time() {
        let start = Instant::now();
        let mut queue = Scheduler::default();
        queue.push(Key("a", 1), Class::Retry, start + 5 * SECOND);
        assert_eq!(queue.pop(start + 4 * SECOND), None);
        assert_eq!(queue.next_due(), Some(start + 5 * SECOND));
        queue.push(Key("a", 1), Class::Refresh, start + 2 * SECOND);
        assert_eq!(queue.next_due(), Some(start + 2 * SECOND), "the earlier time wins");
        assert_eq!(queue.pop(start + 2 * SECOND), Some((Key("a", 1), Class::Retry)), "and the higher class");
    }

    #[test]
    fn a_due_object_can_be_promoted() {
        let start = Instant::now();
        let mut queue = Scheduler::default();
        queue.push(Key("a", 1), Class::Refresh, start);
        queue.push(Key("a", 2), Class::Refresh, start);
        assert!(queue.pop(start).is_some(), "ripens both");
        queue.push(Key("a", 2), Class::Fresh, start);
        assert_eq!(queue.pop(start), Some((Key("a", 2), Class::Fresh)));
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
                    Step::Pop => match queue.pop(now) {
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
                match (queue.next_due(), waits.values().min()) {
                    (Some(due), Some(&first)) => prop_assert!(due == first || (due <= now && first <= now)),
                    (due, first) => prop_assert_eq!(due.is_some(), first.is_some()),
                }
            }
        }
    }
}
