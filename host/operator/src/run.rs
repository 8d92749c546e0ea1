//! Wires the operator together and runs it until it is told to stop: watches, workers, server.
//!
//! Workers take from one queue and are bounded by the configured concurrency; what a reconcile does is
//! in `reconcile/`. On shutdown no new work is taken and work in flight gets a grace period.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use claviger_core::scheduler::Class;
use futures::FutureExt;
use kube::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::cluster::credentials::Credentials;
use crate::cluster::events::Events;
use crate::config::OperatorConfig;
use crate::error::OperatorError;
use crate::metrics::Metrics;
use crate::plugins::Registry;
use crate::reconcile::{self, Context};
use crate::server::{Exhibit, Server};
use crate::state::State;
use crate::sync::Pipeline;
use crate::watch::{Object, streams};

/// A reconcile that panicked is tried again after this long: long enough not to burn a core on a bug,
/// short enough that a transient cause is not felt for hours.
const AFTER_PANIC: Duration = Duration::from_secs(60);

/// Between two searches for values that are kept too long; they are wiped within half a minute and this.
const SWEEP: Duration = Duration::from_secs(10);

/// How often the loop looks up without being woken, so that a lost wake-up costs a second and not a
/// night.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Runs until `stop` is cancelled.
///
/// # Errors
/// If the API server cannot be reached at the start, lacks the definitions, or the port is taken.
pub async fn run(
    client: Client,
    config: OperatorConfig,
    registry: Arc<Registry>,
    stop: CancellationToken,
) -> Result<(), OperatorError> {
    crate::preflight::check(&client, config.namespace.is_some()).await?;
    let metrics = Arc::new(Metrics::default());
    let state = Arc::new(State::new(metrics.clone()));
    let ready = Arc::new(AtomicBool::new(false));
    let audiences = crate::preflight::api_server_audiences(&client).await;
    let stand_in = config.operator_namespace_fallback.then(|| config.operator_namespace.clone());
    let credentials = Arc::new(Credentials::new(client.clone(), audiences, stand_in));
    let pipeline = Pipeline::new(registry.clone());
    let context = Arc::new(Context {
        client: client.clone(),
        config,
        state: state.clone(),
        registry,
        pipeline,
        credentials,
        events: Events::new(client.clone(), reconcile::instance_name()),
        metrics,
        namespace_labels: reconcile::NamespaceLabels::default(),
    });

    let mut background = JoinSet::new();
    if let Some(address) = context.config.listen {
        let server = Server::bind(address, ready.clone()).await?;
        if let Some(address) = server.address() {
            tracing::info!(%address, "serving metrics and health");
        }
        background.spawn(server.serve(context.clone(), stop.clone()));
    }
    streams::start(&client, context.config.namespace.as_deref(), &state, &stop, &mut background);

    while !state.synced() {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = state.woken() => {}
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
    reconcile::begin(&context);
    ready.store(true, Ordering::Release);
    tracing::info!("caches are filled, starting work");

    let outcome = work(&context, &stop).await;
    ready.store(false, Ordering::Release);
    stop.cancel();
    while background.join_next().await.is_some() {}
    outcome
}

async fn work(context: &Arc<Context>, stop: &CancellationToken) -> Result<(), OperatorError> {
    let mut workers: JoinSet<(Object, Option<(Class, Instant)>)> = JoinSet::new();
    // Loading a plugin takes minutes where a reconcile takes milliseconds, and they wait for one another, so
    // they take no worker's place. There are at most as many as Plugin objects.
    let mut loading = 0;
    let mut swept = Instant::now();
    loop {
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            context.pipeline.sweep();
        }
        while workers.len() - loading < context.config.concurrency
            && let Some((object, class)) = context.state.pop()
        {
            loading += usize::from(is_plugin(&object));
            let context = context.clone();
            let span = tracing::info_span!("reconcile", kind = object.kind(), object = %object);
            workers.spawn(
                async move {
                    let next =
                        AssertUnwindSafe(reconcile::reconcile(&context, &object, class)).catch_unwind().await;
                    let next = next.unwrap_or_else(|_| {
                        // The panic's own text may quote anything, so it is not logged here; the hook that
                        // the binary installs prints the location only.
                        tracing::error!("reconcile panicked");
                        Some((Class::Retry, Instant::now() + AFTER_PANIC))
                    });
                    (object, next)
                }
                .instrument(span),
            );
        }
        let pause = context.state.next_due().map_or(HEARTBEAT, |due| {
            due.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), HEARTBEAT)
        });
        let full = workers.len() - loading >= context.config.concurrency;
        tokio::select! {
            () = stop.cancelled() => break,
            Some(finished) = workers.join_next() => match finished {
                Ok((object, next)) => {
                    loading -= usize::from(is_plugin(&object));
                    context.state.done(&object, next);
                }
                Err(error) => return Err(OperatorError::Worker(error.to_string())),
            },
            () = context.state.woken(), if !full => {}
            () = tokio::time::sleep(pause), if !full => {}
        }
    }
    tracing::info!(in_flight = workers.len(), "stopping: finishing what is in flight");
    let finish = async { while workers.join_next().await.is_some() {} };
    if tokio::time::timeout(context.config.grace, finish).await.is_err() {
        tracing::warn!(
            "the grace period is over, leaving work unfinished; it is done again at the next start"
        );
    }
    Ok(())
}

fn is_plugin(object: &Object) -> bool {
    matches!(object, Object::Plugin(_))
}

impl Exhibit for Context {
    fn metrics(&self) -> Result<String, std::fmt::Error> {
        self.pipeline.export(&self.metrics);
        self.metrics.encode()
    }
}
