//! Listening to providers that tell of their changes (docs/refresh.md): for each store whose block of its provider has an
//! object `events`, while this process works, by the store's own plugin and credentials.
//!
//! A notice has ExternalSecrets refreshed, as a `POST /refresh` does, and nothing else. It is acknowledged when that is queued:
//! one that was not is told again. A store that cannot be listened to is refreshed at its intervals as ever; its own
//! condition is not about this.

mod hear;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::reconcile::Context;
use crate::run::HEARTBEAT;
use crate::watch::Object;
use hear::Ear;

/// Stores that are listened to.
const MOST: usize = 256;

/// Of these so many at once: each holds an instance of its plugin while it waits. More take turns.
const AT_ONCE: usize = 16;

/// What a listener was begun with; another, and it is begun anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listened {
    /// `metadata.uid` of the store.
    pub(crate) uid: String,
    /// `metadata.generation`.
    pub(crate) generation: i64,
}

/// Listens until told to stop.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut listeners: JoinSet<()> = JoinSet::new();
    let mut known: BTreeMap<Object, (Listened, AbortHandle)> = BTreeMap::new();
    loop {
        let wanted = if context.leadership.holds() { wanted(&context) } else { BTreeMap::new() };
        known.retain(|store, (listened, listener)| {
            let goes_on = wanted.get(store) == Some(listened) && !listener.is_finished();
            if !goes_on {
                listener.abort();
            }
            goes_on
        });
        for (store, listened) in wanted {
            if known.len() >= MOST || known.contains_key(&store) {
                continue;
            }
            tracing::info!(%store, "listening for changes");
            let ear = Ear::new(context.clone(), store.clone(), turns.clone());
            let (leadership, stopped) = (context.leadership.clone(), stop.clone());
            let listener = listeners.spawn(async move {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    // With the lease it ends where it waits.
                    _ = leadership.during(ear.listen()) => {}
                }
            });
            known.insert(store, (listened, listener));
        }
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = listeners.join_next() => {}
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
    listeners.shutdown().await;
}

/// Stores of ours that work, and want to be listened to.
fn wanted(context: &Context) -> BTreeMap<Object, Listened> {
    let serves = |class: Option<&str>| context.config.serves(class);
    let mut wanted = context.state.with_events(serves);
    wanted.retain(|_, (provider, _)| {
        context.registry.provider(provider).is_ok_and(|installed| installed.plugin.listens())
    });
    wanted.into_iter().map(|(store, (_, listened))| (store, listened)).collect()
}
