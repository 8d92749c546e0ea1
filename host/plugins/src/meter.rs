//! How long a call has computed: the time that its thread spent on it, in the guest and in host functions
//! alike, and nothing of the time that it waited.
//!
//! Counting epoch ticks instead would charge a whole tick for each wait, so that a hundred reads one after
//! the other were a second of computing; and would charge one tick for a host function that takes long.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Of one call.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Nanoseconds of the polls that ended.
    spent: AtomicU64,
    /// The thread's clock when the present poll began.
    began: AtomicU64,
}

impl Meter {
    /// Runs a future and counts.
    pub(crate) fn measure<F: Future>(self: &Arc<Self>, future: F) -> Measured<F> {
        Measured { meter: self.clone(), future: Box::pin(future) }
    }

    /// What the polls that ended took.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    /// The same with the present poll. Only right inside it: threads have clocks of their own.
    pub(crate) fn so_far(&self) -> Duration {
        let present = thread_clock().saturating_sub(self.began.load(Ordering::Relaxed));
        self.spent() + Duration::from_nanos(present)
    }
}

/// A future whose polls are counted.
pub(crate) struct Measured<F> {
    meter: Arc<Meter>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let began = thread_clock();
        self.meter.began.store(began, Ordering::Relaxed);
        let polled = self.future.as_mut().poll(context);
        self.meter.spent.fetch_add(thread_clock().saturating_sub(began), Ordering::Relaxed);
        polled
    }
}

fn thread_clock() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn computing_counts_and_waiting_does_not() {
        let meter = Arc::new(Meter::default());
        let work = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(50) {
                std::hint::black_box(thread_clock());
            }
            let inside = meter.so_far();
            assert!(inside > Duration::ZERO && inside < Duration::from_millis(200), "{inside:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        meter.measure(work).await;
        assert!(meter.spent() > Duration::ZERO && meter.spent() < Duration::from_millis(200));
    }
}
