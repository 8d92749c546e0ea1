//! Reconciles that wait for a provider, and give their place to others meanwhile.
//!
//! A provider that takes connections and says nothing holds each who asks it for as long as a call may last. If those
//! were as many as there are workers, one store would stop all others. What waits for the API server keeps its place: if
//! that one is slow, it is not to be asked more at once.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// For so long it may be the usual: a login and a page of a list.
const USUAL: Duration = Duration::from_secs(2);

/// For each worker there may be so many that wait. What one costs is bounded by the plugins' own limits.
const EACH: usize = 10;

/// Those that wait.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    waiting: AtomicUsize,
    grew: Notify,
}

/// One of them.
struct Waits<'a>(&'a Aside);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Aside {
    /// How many reconciles may be under way, where `workers` may be at work.
    pub(crate) fn room(&self, workers: usize) -> usize {
        workers.saturating_add(self.waiting.load(Ordering::Acquire).min(workers.saturating_mul(EACH)))
    }

    /// Waits until another one gives its place.
    pub(crate) async fn grew(&self) {
        self.grew.notified().await;
    }

    /// Does what asks a provider.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        self.after(USUAL, work).await
    }

    async fn after<T>(&self, usual: Duration, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Ok(done) = tokio::time::timeout(usual, work.as_mut()).await {
            return done;
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let _waits = Waits(self);
        self.grew.notify_one();
        work.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_long_makes_room_and_no_more_than_that() {
        let aside = Aside::default();
        let (said, heard) = tokio::sync::oneshot::channel::<u8>();
        let quick = aside.during(async { 1 });
        assert_eq!((quick.await, aside.room(3)), (1, 3));
        let long = aside.after(Duration::ZERO, async { heard.await.unwrap_or_default() });
        let others = async {
            aside.grew().await;
            let room = aside.room(3);
            let _ = said.send(2);
            room
        };
        assert_eq!(tokio::join!(long, others), (2, 4));
        assert_eq!(aside.room(3), 3, "it is back");
        // One that is broken off.
        let broken = tokio::time::timeout(
            Duration::from_millis(20),
            aside.after(Duration::ZERO, std::future::pending::<()>()),
        );
        assert!(broken.await.is_err());
        assert_eq!(aside.room(3), 3);
        aside.waiting.store(1_000, Ordering::Release);
        assert_eq!(aside.room(3), 33);
    }
}
