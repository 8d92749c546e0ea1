//! Reads under way and just landed, by scope and item. Locks are held for look-ups only.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use claviger_core::provider::{Item, Value};
use tokio::sync::watch;

use super::{Answer, RETENTION};

/// Landed answers that are kept, and their bytes: what ten thousand ExternalSecrets that share keys ask
/// for in half a minute. Above it answers are not kept, so keys are read again; nothing fails.
const MAX_KEPT: usize = 10_000;
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Between two searches for what is too old.
const SWEEP: Duration = Duration::from_secs(5);

/// How somebody else's read ended for those who waited.
#[derive(Clone)]
pub(super) enum Outcome {
    Shared(Answer),
    NotShareable,
}

type Channel = watch::Receiver<Option<Outcome>>;

enum Entry {
    Flying { began: Instant, arrival: Channel, id: u64 },
    Landed { began: Instant, value: Arc<Value> },
}

struct Inner<S> {
    entries: HashMap<(S, Item), Entry>,
    bytes: usize,
    swept: Option<Instant>,
    next_id: u64,
}

pub(super) struct Flights<S> {
    inner: Mutex<Inner<S>>,
}

impl<S> Default for Flights<S> {
    fn default() -> Self {
        let inner = Inner { entries: HashMap::new(), bytes: 0, swept: None, next_id: 0 };
        Self { inner: Mutex::new(inner) }
    }
}

/// What an asker gets for an item.
pub(super) enum Seat<'a, S: Clone + Eq + Hash> {
    Kept(Arc<Value>),
    Leader(Leader<'a, S>),
    Passenger(Passenger),
}

/// The duty to read an item. Dropped without landing (its task was cancelled), it frees the seat.
pub(super) struct Leader<'a, S: Clone + Eq + Hash> {
    flights: &'a Flights<S>,
    key: (S, Item),
    id: u64,
    began: Instant,
    arrival: watch::Sender<Option<Outcome>>,
}

/// A wait for somebody else's read.
pub(super) struct Passenger(Channel);

impl Passenger {
    pub(super) async fn arrived(mut self) -> Option<Outcome> {
        let arrived = self.0.wait_for(Option::is_some).await.ok()?;
        arrived.clone()
    }
}

impl<S: Clone + Eq + Hash> Flights<S> {
    pub(super) fn seat(&self, scope: &S, item: &Item, not_older_than: Instant) -> Seat<'_, S> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (scope.clone(), item.clone());
        match inner.entries.get(&key) {
            Some(Entry::Landed { began, value })
                if *began >= not_older_than && began.elapsed() < RETENTION =>
            {
                return Seat::Kept(value.clone());
            }
            Some(Entry::Flying { began, arrival, .. }) if *began >= not_older_than => {
                return Seat::Passenger(Passenger(arrival.clone()));
            }
            _ => {}
        }
        let (sender, arrival) = watch::channel(None);
        let began = Instant::now();
        inner.next_id += 1;
        let id = inner.next_id;
        inner.replace(key.clone(), Entry::Flying { began, arrival, id });
        Seat::Leader(Leader { flights: self, key, id, began, arrival: sender })
    }
}

impl<S: Clone + Eq + Hash> Flights<S> {
    /// Drops what is too old, where nothing lands any more.
    pub(super) fn sweep(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).sweep();
    }
}

impl<S: Clone + Eq + Hash> Leader<'_, S> {
    /// Hands the answer to all who wait, and keeps it if it may be shared.
    pub(super) fn land(self, answer: Answer) {
        let shareable = answer.as_ref().map_or(true, |value| value.shareable);
        {
            let mut inner = self.flights.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.sweep();
            match &answer {
                Ok(value) if shareable && inner.room_for(value) => {
                    if inner.is_flight(&self.key, self.id) {
                        let landed = Entry::Landed { began: self.began, value: value.clone() };
                        inner.replace(self.key.clone(), landed);
                    }
                }
                _ => inner.forget(&self.key, self.id),
            }
        }
        let outcome = if shareable { Outcome::Shared(answer) } else { Outcome::NotShareable };
        self.arrival.send_replace(Some(outcome));
    }
}

impl<S: Clone + Eq + Hash> Drop for Leader<'_, S> {
    fn drop(&mut self) {
        let mut inner = self.flights.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forget(&self.key, self.id);
    }
}

impl<S: Clone + Eq + Hash> Inner<S> {
    fn is_flight(&self, key: &(S, Item), id: u64) -> bool {
        matches!(self.entries.get(key), Some(Entry::Flying { id: known, .. }) if *known == id)
    }

    fn forget(&mut self, key: &(S, Item), id: u64) {
        if self.is_flight(key, id) {
            self.entries.remove(key);
        }
    }

    fn replace(&mut self, key: (S, Item), entry: Entry) {
        self.bytes += size(&entry);
        if let Some(old) = self.entries.insert(key, entry) {
            self.bytes -= size(&old);
        }
    }

    fn room_for(&self, value: &Value) -> bool {
        self.entries.len() < MAX_KEPT && self.bytes + value.bytes() <= MAX_BYTES
    }

    fn sweep(&mut self) {
        let now = Instant::now();
        if self.swept.is_some_and(|swept| now.duration_since(swept) < SWEEP) {
            return;
        }
        self.swept = Some(now);
        let mut freed = 0;
        self.entries.retain(|_, entry| match entry {
            Entry::Landed { began, .. } if now.duration_since(*began) >= RETENTION => {
                freed += size(entry);
                false
            }
            _ => true,
        });
        self.bytes -= freed;
    }
}

fn size(entry: &Entry) -> usize {
    match entry {
        Entry::Landed { value, .. } => value.bytes(),
        Entry::Flying { .. } => 0,
    }
}
