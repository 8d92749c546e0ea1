//! What to reconcile next: pure, with a clock that the caller brings.
//!
//! New and changed objects go before retries, those before periodic refreshes, so that a new object does
//! not wait behind ten thousand. Inside a class the namespaces take turns, so that a hot one starves
//! nobody, and where one waits for a silent provider the others go on (`places.rs`). An object is never handed
//! out twice at once: what is pushed while it is in flight is handed out after it is done. Memory is one entry per object; an operation takes the logarithm of them, and one look at
//! each that is at work when all workers are.

mod places;
mod ready;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use places::{Open, STALLED};
use ready::{Place, Ready};

/// Why an object is looked at; in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It is new, it changed, or something it depends on did.
    Fresh,
    /// It failed, or somebody said that its provider has something new.
    Retry,
    /// Its interval is over.
    Refresh,
}

const CLASSES: [Class; 3] = [Class::Fresh, Class::Retry, Class::Refresh];

/// A class with something due is passed over at most so often in favour of higher ones, so that a storm
/// of changes slows refreshes to some tenth and not to nothing.
const MAX_PASSED_OVER: u32 = 8;

/// When an object is looked at next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is being looked at.
    InFlight,
    /// Then, or as soon as there is room.
    At(Instant),
}

/// What the queue has to know of an object: whose turn it uses up.
pub trait Queued: Ord + Clone {
    /// The namespace, or "" for cluster-scoped objects.
    fn namespace(&self) -> &str;

    /// Whether a worker is needed for it. If not, it does not wait for one either.
    fn takes_place(&self) -> bool {
        true
    }
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    class: Class,
    due: Instant,
}

impl Wait {
    /// Of two reasons to look the earlier time and the higher class win.
    fn merged(self, other: Self) -> Self {
        Self { class: self.class.min(other.class), due: self.due.min(other.due) }
    }
}

/// An object that waits, and where: among the ripe ones of its class, or for its time.
#[derive(Clone, Copy)]
struct Entry {
    wait: Wait,
    ripe: Option<Place>,
}

/// An object that is being looked at.
struct Flight {
    since: Instant,
    /// What was pushed meanwhile.
    pending: Option<Wait>,
}

/// The queue.
pub struct Scheduler<K> {
    /// Everything that waits, due or not.
    waits: BTreeMap<K, Entry>,
    /// What is not due yet, by time.
    later: BTreeSet<(Instant, K)>,
    /// What is due, by class.
    ready: [Ready<K>; 3],
    in_flight: BTreeMap<K, Flight>,
    passed_over: [u32; 3],
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
            passed_over: [0; 3],
            ripened: None,
        }
    }
}

impl<K: Queued> Scheduler<K> {
    /// Queues an object, or hastens it: of two pushes the earlier time and the higher class win.
    pub fn push(&mut self, object: K, class: Class, due: Instant) {
        let wait = Wait { class, due };
        if let Some(flight) = self.in_flight.get_mut(&object) {
            flight.pending = Some(flight.pending.map_or(wait, |known| known.merged(wait)));
            return;
        }
        match self.waits.get(&object).copied() {
            None => self.insert(object, wait),
            Some(known) => {
                let merged = known.wait.merged(wait);
                if merged.class != known.wait.class || merged.due != known.wait.due {
                    self.remove(&object, known);
                    self.insert(object, merged);
                }
            }
        }
    }

    /// The next object that is due, if one of so many `workers` is free for it or, where some have been at work for more
    /// than two seconds, one more (`places.rs`). It counts as in flight until [`Scheduler::done`].
    pub fn pop(&mut self, now: Instant, workers: usize) -> Option<(K, Class)> {
        self.ripen(now);
        let open = self.open(now, workers);
        let index = self.choose(&open)?;
        let object = self.ready[index].take(&open)?;
        self.waits.remove(&object);
        self.in_flight.insert(object.clone(), Flight { since: now, pending: None });
        Some((object, CLASSES[index]))
    }

    /// A reconcile ended. `next` says when to look again; a push that came meanwhile hastens that.
    pub fn done(&mut self, object: &K, next: Option<(Class, Instant)>) {
        let Some(flight) = self.in_flight.remove(object) else {
            return;
        };
        let next = next.map(|(class, due)| Wait { class, due });
        if let Some(wait) = flight.pending.into_iter().chain(next).reduce(Wait::merged) {
            self.insert(object.clone(), wait);
        }
    }

    /// When [`Scheduler::pop`] may give something that it does not give now, if nothing is pushed and nobody gets done;
    /// a time in the past if it may already.
    pub fn next_due(&self, now: Instant, workers: usize) -> Option<Instant> {
        let open = self.open(now, workers);
        let ripe = self.ripened.filter(|_| self.ready.iter().any(|ready| ready.has(&open)));
        let later = self.later.first().map(|(due, _)| *due);
        let leaves = || self.at_work().map(|(_, since)| since + STALLED).filter(|at| *at > now).min();
        let places = if open == Open::All { None } else { leaves() };
        ripe.or_else(|| later.into_iter().chain(places).min())
    }

    /// When that object is looked at next; none: nobody has queued it.
    pub fn next_of(&self, object: &K) -> Option<Next> {
        if self.in_flight.contains_key(object) {
            return Some(Next::InFlight);
        }
        self.waits.get(object).map(|entry| Next::At(entry.wait.due))
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

    /// Those of them that need a worker.
    pub fn workers_at_work(&self) -> usize {
        self.at_work().count()
    }

    /// Those that have a worker's place, by namespace, and since when.
    fn at_work(&self) -> impl Iterator<Item = (&str, Instant)> {
        let with_place = self.in_flight.iter().filter(|(object, _)| object.takes_place());
        with_place.map(|(object, flight)| (object.namespace(), flight.since))
    }

    fn open(&self, now: Instant, workers: usize) -> Open {
        if self.in_flight.len() < workers {
            return Open::All;
        }
        places::open(self.at_work(), now, workers)
    }

    fn insert(&mut self, object: K, wait: Wait) {
        self.later.insert((wait.due, object.clone()));
        self.waits.insert(object, Entry { wait, ripe: None });
    }

    fn remove(&mut self, object: &K, entry: Entry) {
        match entry.ripe {
            Some(place) => self.ready[entry.wait.class as usize].remove(object, place),
            None => {
                self.later.remove(&(entry.wait.due, object.clone()));
            }
        }
        self.waits.remove(object);
    }

    /// Moves what is due by now to its class.
    fn ripen(&mut self, now: Instant) {
        self.ripened = Some(now);
        while self.later.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, object)) = self.later.pop_first() else {
                return;
            };
            if let Some(entry) = self.waits.get_mut(&object) {
                entry.ripe = Some(self.ready[entry.wait.class as usize].put(object));
            }
        }
    }

    /// The highest class with something due that may begin, unless a lower one has been passed over too often.
    fn choose(&mut self, open: &Open) -> Option<usize> {
        let filled = [0, 1, 2].map(|index: usize| self.ready[index].has(open));
        let highest = filled.iter().position(|filled| *filled)?;
        let starved = (highest + 1..CLASSES.len())
            .filter(|&index| filled[index] && self.passed_over[index] >= MAX_PASSED_OVER)
            .max_by_key(|&index| self.passed_over[index]);
        let chosen = starved.unwrap_or(highest);
        for (index, (times, filled)) in self.passed_over.iter_mut().zip(filled).enumerate() {
            // What is due and may not begin keeps its count.
            if index == chosen || self.ready[index].is_empty() {
                *times = 0;
            } else if filled {
                *times += 1;
            }
        }
        Some(chosen)
    }
}
