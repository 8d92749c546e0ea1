//! The loop that hands out work: reconciles while this process leads, plugins at all times.
//!
//! Workers take from one queue and are bounded by the configured concurrency, which the queue keeps (and goes beyond for
//! namespaces that have few under way, while others wait for long). When the lease is lost, what is in
//! flight ends where it is and nothing more is handed out, until the lease is ours again. On shutdown no new work is
//! taken, and work in flight gets a grace period.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::scheduler::Class;
use futures::FutureExt;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::election::Term;
use crate::error::OperatorError;
use crate::reconcile::{self, Context, Next};
use crate::run::HEARTBEAT;
use crate::watch::Object;

/// A reconcile that panicked is tried again after this long: long enough not to burn a core on a bug,
/// short enough that a transient cause is not felt for hours.
const AFTER_PANIC: Duration = Duration::from_secs(60);

/// How long the built-in plugins are waited for at the start: artifacts of all are loaded within a second, and what has
/// to be compiled takes longer and keeps nobody else.
const PREPARING: Duration = Duration::from_secs(10);

/// Between two searches for values that are kept too long, which are wiped within half a minute and this; and, where
/// another replica works, for plugins that came in use.
const SWEEP: Duration = Duration::from_secs(10);

type Crew = JoinSet<(Object, Next)>;

/// Those at work.
struct Work<'a> {
    context: &'a Arc<Context>,
    /// The time in office that the workers work in.
    term: Option<Term>,
    /// When this process was ready to work.
    since: Instant,
    workers: Crew,
    /// Loading a plugin takes minutes where a reconcile takes milliseconds, and they wait for one another, so
    /// they take no worker's place. There are at most as many as Plugin objects.
    loading: Crew,
}

/// Works until `stop`, and finishes what is in flight.
///
/// # Errors
/// If a worker could not even report that it panicked.
pub(crate) async fn work(context: &Arc<Context>, stop: &CancellationToken) -> Result<(), OperatorError> {
    let mut work =
        Work { context, term: None, since: Instant::now(), workers: JoinSet::new(), loading: JoinSet::new() };
    let mut changes = context.leadership.changes();
    let mut swept = Instant::now();
    loop {
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            context.pipeline.sweep();
            if work.term.is_none() {
                reconcile::ask_for_used(context);
            }
        }
        work.heed_the_lease().await?;
        work.hand_out();
        let pause = context.state.next_due(context.config.concurrency).map_or(HEARTBEAT, |due| {
            due.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), HEARTBEAT)
        });
        tokio::select! {
            () = stop.cancelled() => break,
            Some(finished) = work.workers.join_next() => work.done(finished)?,
            Some(finished) = work.loading.join_next() => work.done(finished)?,
            Ok(()) = changes.changed() => {}
            () = context.state.woken() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    let in_flight = work.workers.len() + work.loading.len();
    tracing::info!(in_flight, "stopping: finishing what is in flight");
    let finish = async {
        while work.workers.join_next().await.is_some() {}
        while work.loading.join_next().await.is_some() {}
    };
    if tokio::time::timeout(context.config.grace, finish).await.is_err() {
        tracing::warn!(
            "the grace period is over, leaving work unfinished; it is done again at the next start"
        );
    }
    // Nobody of them must be left when the lease is given back.
    work.workers.shutdown().await;
    work.loading.shutdown().await;
    Ok(())
}

impl Work<'_> {
    /// Begins to work, or ceases to, if the lease has changed hands.
    async fn heed_the_lease(&mut self) -> Result<(), OperatorError> {
        if let Some(term) = self.term.take_if(|term| !term.holds()) {
            term.end();
            while let Some(finished) = self.workers.join_next().await {
                self.done(finished)?;
            }
            reconcile::cease(self.context);
        }
        // Who begins before the plugins are there asks in vain, and comes last of all when it asks again.
        let prepared = self.context.registry.are_built_ins_settled() || self.since.elapsed() >= PREPARING;
        if self.term.is_none()
            && prepared
            && let Some(term) = self.context.leadership.term()
        {
            reconcile::begin(self.context);
            self.term = Some(term);
        }
        Ok(())
    }

    fn hand_out(&mut self) {
        reconcile::load_asked(self.context);
        while let Some((object, class)) = self.context.state.pop(self.context.config.concurrency) {
            let (context, term) = (self.context.clone(), self.term.clone());
            let span = span_of(&object);
            if matches!(object, Object::Plugin(_)) {
                self.loading.spawn(reconciled(context, object, class).instrument(span));
                continue;
            }
            self.workers.spawn(
                async move {
                    let unfinished = (object.clone(), None);
                    let Some(term) = term else { return unfinished };
                    term.during(reconciled(context, object, class)).await.unwrap_or(unfinished)
                }
                .instrument(span),
            );
        }
    }

    fn done(&self, finished: Result<(Object, Next), JoinError>) -> Result<(), OperatorError> {
        let (object, next) = finished.map_err(|error| OperatorError::Worker(error.to_string()))?;
        self.context.state.done(&object, next);
        Ok(())
    }
}

/// What every line of a reconcile bears. A span of the highest level is there whatever is logged.
fn span_of(object: &Object) -> Span {
    let id = format!("{:08x}", rand::random::<u32>());
    tracing::error_span!(
        "reconcile",
        kind = object.kind(),
        namespace = object.namespace(),
        name = object.name(),
        id
    )
}

async fn reconciled(context: Arc<Context>, object: Object, class: Class) -> (Object, Next) {
    let next = AssertUnwindSafe(reconcile::reconcile(&context, &object, class)).catch_unwind().await;
    let next = next.unwrap_or_else(|_| {
        // The panic's own text may quote anything, so it is not logged here; the hook that the binary installs
        // prints the location only.
        tracing::error!("reconcile panicked");
        Some((Class::Retry, Instant::now() + AFTER_PANIC))
    });
    (object, next)
}
