//! The fetch layer: one read of a key for all who ask for it at about the same time.
//!
//! Sharing is by scope (plugin, store, credentials, partition) and item, of answers that the provider
//! marks shareable and of nothing else. An asker says how old an answer may be; a read that began before
//! that is not taken. What is kept is bounded and forgotten within half a minute: this is no cache of
//! secrets but a meeting point. Every call of a backend goes by the limits of its account.

mod accounts;
mod flights;

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use claviger_core::budget::Full;
use claviger_core::provider::{
    CallError, Found, Generated, Health, Item, Lease, Nature, ProviderError, Value,
};

use crate::session::{Scope, Session};
use accounts::{Accounts, Outcome};
use flights::{Flights, Leader, Seat};

/// Answers are kept no longer, whoever may still want them.
pub(crate) const RETENTION: Duration = Duration::from_secs(30);

/// Something that reads: a session, or a test's stand-in.
pub trait Reader: Send + Sync {
    /// Who may share.
    type Scope: Clone + Eq + Hash + Send + Sync;

    /// Its scope.
    fn scope(&self) -> &Self::Scope;

    /// Whose limits at the backend it shares.
    fn account(&self) -> &Arc<str>;

    /// Most items of one read.
    fn max_batch(&self) -> usize;

    /// Reads; one answer per item, in order.
    fn read(
        &self,
        items: &[Item],
    ) -> impl Future<Output = Result<Vec<Result<Value, ProviderError>>, CallError>> + Send;
}

impl Reader for Session {
    type Scope = Scope;

    fn scope(&self) -> &Scope {
        Self::scope(self)
    }

    fn account(&self) -> &Arc<str> {
        Self::account(self)
    }

    fn max_batch(&self) -> usize {
        self.plugin().description().map_or(1, |description| description.max_batch)
    }

    async fn read(&self, items: &[Item]) -> Result<Vec<Result<Value, ProviderError>>, CallError> {
        self.get(items).await
    }
}

/// What happened, for metrics and tests.
#[derive(Debug, Default)]
pub struct Counters {
    /// Items that were read.
    pub read: AtomicU64,
    /// Items answered from what was read just before.
    pub hit: AtomicU64,
    /// Items that waited for somebody else's read.
    pub joined: AtomicU64,
}

/// An answer, or why there is none.
pub type Answer = Result<Arc<Value>, CallError>;

/// An answer, and where it comes from.
pub struct Told {
    /// It.
    pub answer: Answer,
    /// Somebody else's read brought it, just before or at the same time.
    pub shared: bool,
}

/// The meeting point.
pub struct Fetcher<R: Reader> {
    flights: Flights<R::Scope>,
    accounts: Accounts,
    counters: Counters,
}

impl<R: Reader> Default for Fetcher<R> {
    fn default() -> Self {
        Self { flights: Flights::default(), accounts: Accounts::default(), counters: Counters::default() }
    }
}

impl<R: Reader> Fetcher<R> {
    /// Counts since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Drops answers that are too old. To be called now and then: where nothing is read, nothing else does.
    pub fn sweep(&self) {
        self.flights.sweep();
    }

    /// Reads items through `reader`, or takes what another read that began at or after
    /// `not_older_than` brings. Answers are in the order of the items.
    pub async fn get(&self, reader: &R, items: &[Item], not_older_than: Instant) -> Vec<Answer> {
        let told = self.get_told(reader, items, not_older_than, usize::MAX).await;
        told.into_iter().map(|told| told.answer).collect()
    }

    /// The same, and whether each answer is somebody else's read. Once the answers have more than `room` bytes, nothing more
    /// is read.
    pub async fn get_told(
        &self,
        reader: &R,
        items: &[Item],
        not_older_than: Instant,
        room: usize,
    ) -> Vec<Told> {
        let mut room = Room { left: Some(room).filter(|room| *room > 0) };
        let mut answers: Vec<Option<Answer>> = items.iter().map(|_| None).collect();
        let mut shared = vec![false; items.len()];
        // Those whose shared answer turned out not to be for sharing read for themselves.
        // And what is made for who asks is nobody else's from the beginning.
        let mut alone: Vec<bool> = items.iter().map(|item| item.nature == Nature::Dynamic).collect();
        loop {
            let mut leading = Vec::new();
            let mut waiting = Vec::new();
            for (index, item) in items.iter().enumerate() {
                if answers[index].is_some() {
                    continue;
                }
                if alone[index] {
                    leading.push((index, None));
                    continue;
                }
                match self.flights.seat(reader.scope(), item, not_older_than) {
                    Seat::Kept(value) => {
                        count(&self.counters.hit, 1);
                        shared[index] = true;
                        answers[index] = Some(room.taken(Ok(value)));
                    }
                    Seat::Leader(leader) => leading.push((index, Some(leader))),
                    Seat::Passenger(passenger) => waiting.push((index, passenger)),
                }
            }
            if leading.is_empty() && waiting.is_empty() {
                break;
            }
            self.lead(reader, items, leading, &mut answers, &mut room).await;
            for (index, passenger) in waiting {
                if room.left.is_none() {
                    answers[index] = Some(Err(Full::Unread.into()));
                    continue;
                }
                match passenger.arrived().await {
                    Some(flights::Outcome::Shared(answer)) => {
                        count(&self.counters.joined, 1);
                        shared[index] = true;
                        answers[index] = Some(room.taken(answer));
                    }
                    Some(flights::Outcome::NotShareable) => alone[index] = true,
                    // The leader was cancelled: look again.
                    None => {}
                }
            }
        }
        let held = || Err(CallError::Held { left: Duration::ZERO });
        let told = answers.into_iter().map(|answer| answer.unwrap_or_else(held)).zip(shared);
        told.map(|(answer, shared)| Told { answer, shared }).collect()
    }

    /// A call of `reader`'s backend that shares nothing (a search, a validation): under the account's limits
    /// like every other.
    ///
    /// # Errors
    /// The call's, or that the backend limits at the moment, and then it is not made.
    pub async fn call<T: Limitable>(
        &self,
        reader: &R,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let held = |left| CallError::Held { left };
        let place = self.accounts.enter(reader.account()).await.map_err(held)?;
        let answer = call.await;
        let limit = match &answer {
            Ok(answer) => answer.limit(),
            Err(CallError::Provider(error)) => limit(error),
            Err(_) => None,
        };
        place.ended(match (limit, &answer) {
            (Some(wish), _) => Outcome::Limited(wish),
            (None, Ok(_)) => Outcome::Answered,
            (None, Err(_)) => Outcome::Unknown,
        });
        answer
    }

    async fn lead(
        &self,
        reader: &R,
        items: &[Item],
        leading: Vec<(usize, Option<Leader<'_, R::Scope>>)>,
        answers: &mut [Option<Answer>],
        room: &mut Room,
    ) {
        let mut leading = leading.into_iter();
        loop {
            let batch: Vec<_> = leading.by_ref().take(reader.max_batch().max(1)).collect();
            if batch.is_empty() {
                return;
            }
            if room.left.is_none() {
                // Who waits for one of these looks again.
                for (index, _) in batch.into_iter().chain(leading) {
                    answers[index] = Some(Err(Full::Unread.into()));
                }
                return;
            }
            let wanted: Vec<Item> = batch.iter().map(|(index, _)| items[*index].clone()).collect();
            let read = async {
                count(&self.counters.read, wanted.len());
                reader.read(&wanted).await
            };
            let results: Vec<Result<Value, CallError>> = match self.call(reader, read).await {
                Ok(results) => results.into_iter().map(|result| result.map_err(CallError::from)).collect(),
                Err(error) => wanted.iter().map(|_| Err(error.clone())).collect(),
            };
            for ((index, leader), result) in batch.into_iter().zip(results) {
                let result = result.map(Arc::new);
                if let Some(leader) = leader {
                    leader.land(result.clone());
                }
                answers[index] = Some(room.taken(result));
            }
        }
    }
}

/// Bytes that answers may still have; none once they had more.
struct Room {
    left: Option<usize>,
}

impl Room {
    fn taken(&mut self, answer: Answer) -> Answer {
        let bytes = answer.as_ref().map_or(0, |value| value.bytes());
        self.left = self.left.and_then(|left| left.checked_sub(bytes));
        answer
    }
}

/// An answer that may itself say "slow down".
pub trait Limitable {
    /// `Some` if it does, with the time it names.
    fn limit(&self) -> Option<Option<Duration>> {
        None
    }
}

impl<T> Limitable for Vec<Result<T, ProviderError>> {
    /// The longest of its items' wishes.
    fn limit(&self) -> Option<Option<Duration>> {
        self.iter().filter_map(|item| item.as_ref().err().and_then(limit)).max()
    }
}

impl Limitable for (Vec<Found>, Option<String>) {}
impl Limitable for Health {}
impl Limitable for Lease {}
impl Limitable for Generated {}
impl Limitable for () {}

fn limit(error: &ProviderError) -> Option<Option<Duration>> {
    match error {
        ProviderError::RateLimited { retry_after, .. } => Some(*retry_after),
        _ => None,
    }
}

fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
