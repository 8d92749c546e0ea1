//! Turns of calls that compute for long, so that a hundred loops together take a part of the cores and
//! not the patience of everybody else.
//!
//! A turn is a lease of a few ticks, not a lock: who takes one and then waits for the network, or is
//! never heard of again, loses it by time and holds nobody up.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::engine::TICK;

/// A turn is given back at the next tick. Somewhat more, because ticks come late on a busy machine.
const LEASE: Duration = Duration::from_millis(3 * TICK.as_millis() as u64);

/// The turns of one engine.
pub(crate) struct Turns {
    slots: usize,
    running: Mutex<Running>,
    freed: Notify,
}

#[derive(Default)]
struct Running {
    next: u64,
    /// Until when, by turn.
    leases: BTreeMap<u64, Instant>,
}

impl Turns {
    /// So many at once.
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots: slots.max(1), running: Mutex::default(), freed: Notify::new() }
    }

    /// Waits for a turn.
    pub(crate) async fn take(&self) -> u64 {
        loop {
            let freed = self.freed.notified();
            let wait = match self.try_take(Instant::now()) {
                Ok(turn) => return turn,
                Err(wait) => wait,
            };
            // Either somebody gives one back, or the oldest runs out.
            let _ = tokio::time::timeout(wait, freed).await;
        }
    }

    fn try_take(&self, now: Instant) -> Result<u64, Duration> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.leases.retain(|_, until| *until > now);
        if running.leases.len() >= self.slots {
            let first = running.leases.values().min().copied().unwrap_or(now);
            return Err(first.saturating_duration_since(now).max(Duration::from_millis(1)));
        }
        running.next = running.next.wrapping_add(1);
        let turn = running.next;
        running.leases.insert(turn, now + LEASE);
        Ok(turn)
    }

    /// Ends a turn; one that ran out already is no matter.
    pub(crate) fn give_back(&self, turn: u64) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).leases.remove(&turn);
        self.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_turn_that_is_not_given_back_runs_out() {
        let turns = Turns::new(2);
        let start = Instant::now();
        let first = turns.try_take(start).unwrap();
        turns.try_take(start).unwrap();
        let wait = turns.try_take(start).unwrap_err();
        assert!(wait <= LEASE);
        turns.give_back(first);
        turns.try_take(start).unwrap();
        assert!(turns.try_take(start).is_err());
        assert!(turns.try_take(start + LEASE).is_ok(), "both ran out");
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let turns = std::sync::Arc::new(Turns::new(1));
        let turn = turns.take().await;
        let (waiting, mut waiter) = (turns.clone(), tokio::task::JoinSet::new());
        waiter.spawn(async move { waiting.take().await });
        tokio::task::yield_now().await;
        turns.give_back(turn);
        let second = waiter.join_next().await.unwrap().unwrap();
        assert!(second > turn);
    }
}
