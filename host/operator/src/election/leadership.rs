//! The right to act: held by who has the lease, for as long as the last renewal allows, and checked right before
//! each act.
//!
//! A lease does not fence by itself: a process that is stopped for a while does not notice that others go on.
//! So the end of the right is a moment by a clock that goes on meanwhile, and not a message.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::Moment;

/// One time in office: from the moment at which the lease was taken until it was lost.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    until: Arc<AtomicU64>,
    ended: CancellationToken,
}

impl Term {
    fn until(until: Moment) -> Self {
        Self { until: Arc::new(AtomicU64::new(until.nanos())), ended: CancellationToken::new() }
    }

    /// Whether there is time left. Once it is over it stays so.
    pub(crate) fn holds(&self) -> bool {
        !self.ended.is_cancelled() && Moment::now().nanos() < self.until.load(Ordering::Acquire)
    }

    /// Ends it, for all who hold a copy.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    /// Waits until somebody ends it. (That its time is over is seen by [`Term::holds`] only.)
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Does `work` for as long as this holds. It goes on at no other time: when the right ends, it ends where it
    /// waits, and nothing that it would have done comes after. `None`: it was not finished.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let within = std::future::poll_fn(|context| match self.holds() {
            true => work.as_mut().poll(context).map(Some),
            false => Poll::Ready(None),
        });
        tokio::select! {
            biased;
            () = self.ended() => None,
            done = within => done,
        }
    }
}

/// Whether this process may act. Cheap to clone; all clones say the same.
#[derive(Clone, Debug)]
pub(crate) struct Leadership {
    current: Arc<watch::Sender<Option<Term>>>,
}

impl Leadership {
    /// Without an election: always.
    pub(crate) fn always() -> Self {
        Self { current: Arc::new(watch::Sender::new(Some(Term::until(Moment::NEVER)))) }
    }

    /// Not before an election was won.
    pub(crate) fn by_election() -> Self {
        Self { current: Arc::new(watch::Sender::new(None)) }
    }

    /// Whether this process may act now.
    pub(crate) fn holds(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(Term::holds)
    }

    /// The present term, if it may act.
    pub(crate) fn term(&self) -> Option<Term> {
        self.current.borrow().clone().filter(Term::holds)
    }

    /// Does `work` for as long as the present term lasts; nothing at all if there is none.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let term = self.term()?;
        term.during(work).await
    }

    /// Tells when a term begins or ends.
    pub(crate) fn changes(&self) -> watch::Receiver<Option<Term>> {
        self.current.subscribe()
    }

    /// The lease is ours until then. Returns whether that is new.
    pub(super) fn extend(&self, until: Moment) -> bool {
        if let Some(term) = self.term() {
            term.until.store(until.nanos(), Ordering::Release);
            return false;
        }
        self.lose();
        self.current.send_replace(Some(Term::until(until)));
        true
    }

    /// The lease is not ours. Returns whether that is new.
    pub(super) fn lose(&self) -> bool {
        match self.current.send_replace(None) {
            Some(term) => {
                term.end();
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_holds_until_its_time_is_over_and_not_again() {
        let leadership = Leadership::by_election();
        assert!(!leadership.holds());
        assert!(leadership.extend(Moment::now() + Duration::from_secs(60)));
        let first = leadership.term().unwrap();
        assert!(leadership.holds() && first.holds());
        assert!(!leadership.extend(Moment::now() + Duration::from_secs(90)), "the same term");
        assert!(leadership.lose() && !leadership.lose());
        assert!(!leadership.holds() && !first.holds());

        assert!(leadership.extend(Moment::now() + Duration::from_secs(60)));
        assert!(leadership.holds() && !first.holds(), "another term is no use to who worked in the first");

        // Nobody said that it is over.
        let (late, past) = (Leadership::by_election(), Moment::now());
        assert!(late.extend(past));
        assert!(!late.holds() && late.term().is_none());
        assert!(Leadership::always().holds());
    }

    #[tokio::test]
    async fn work_goes_on_at_no_other_time() {
        let leadership = Leadership::by_election();
        assert_eq!(leadership.during(async { 1 }).await, None);
        leadership.extend(Moment::now() + Duration::from_secs(60));
        let term = leadership.term().unwrap();
        assert_eq!(term.during(async { 1 }).await, Some(1));
        // Woken when it is over, though its work never is.
        let (waiting, end) = (term.during(std::future::pending::<()>()), async { leadership.lose() });
        assert_eq!(tokio::join!(waiting, end), (None, true));

        // Its time runs out in the midst of the work, and nobody says so.
        leadership.extend(Moment::now() + Duration::from_secs(60));
        let term = leadership.term().unwrap();
        let mut reached = false;
        let outcome = term.during(async {
            term.until.store(0, Ordering::Release);
            tokio::task::yield_now().await;
            reached = true;
        });
        assert_eq!(outcome.await, None);
        assert!(!reached);
    }
}
