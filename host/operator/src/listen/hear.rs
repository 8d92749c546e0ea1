//! One store that is listened to: waits, has refreshed what is told, acknowledges, and waits longer when that fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::backoff::after_failure;
use claviger_core::error::Failure;
use claviger_core::limit::{Limits, Pace};
use claviger_core::outcome;
use claviger_core::provider::CallError;
use claviger_core::redact::Redactor;
use claviger_plugins::Session;
use claviger_plugins::events::{MAX_WAIT, Notice};
use tokio::sync::Semaphore;

use crate::audit::{Access, ObjectName, Who};
use crate::reconcile::{Context, connect_store, store_reference};
use crate::refresh;
use crate::sync::store_name;
use crate::watch::Object;

/// As counted (docs/metrics.md).
const SOURCE: &str = "queue";

/// What the event says of a store that cannot be listened to, and of one that can again.
const DEAF: &str = "ChangesNotReceived";
const HEARS: &str = "ChangesReceived";

/// Notices at once.
const MOST: usize = 10;

/// Notices that are acted on: above that the rest waits in the queue, which is there for that.
const PACE: Pace = Pace { burst: 100.0, per_second: 20.0 };

/// A wait that was over too soon: a plugin that does not wait must not be asked without end.
const SHORT: Duration = Duration::from_millis(500);
const BREATH: Duration = Duration::from_secs(1);

/// How often it is tried at least when it fails.
const SLOWEST: Duration = Duration::from_secs(60);

/// A listener.
pub(super) struct Ear {
    context: Arc<Context>,
    store: Object,
    turns: Arc<Semaphore>,
    pace: Limits<()>,
}

impl Ear {
    pub(super) fn new(context: Arc<Context>, store: Object, turns: Arc<Semaphore>) -> Self {
        Self { context, store, turns, pace: Limits::new(PACE, 1) }
    }

    /// Listens for ever.
    pub(super) async fn listen(self) {
        let (mut in_a_row, mut most) = (0u32, MOST);
        loop {
            let began = Instant::now();
            let heard = {
                let Ok(_turn) = self.turns.acquire().await else { return };
                self.hear(most).await
            };
            match heard {
                Ok(count) => {
                    if in_a_row > 0 {
                        self.say(true, "changes are heard of again");
                    }
                    (in_a_row, most) = (0, MOST);
                    if count == 0 && began.elapsed() < SHORT {
                        tokio::time::sleep(BREATH).await;
                    }
                }
                Err(failure) => {
                    in_a_row = in_a_row.saturating_add(1);
                    // One that the plugin cannot bear must not keep the others: they come one by one then.
                    most = if matches!(failure, Failure::PluginFault { .. }) { 1 } else { MOST };
                    self.context.metrics.change_told(SOURCE, "failed", 0);
                    if in_a_row == 1 {
                        self.say(false, &failure.message(&Redactor::default()));
                    }
                    let wait = after_failure(failure.class().retry, in_a_row, SLOWEST, rand::random());
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// One wait, and what came of it.
    async fn hear(&self, most: usize) -> Result<usize, Failure> {
        let session = connect_store(&self.context, &self.store).await?;
        let failed = |error: CallError| {
            Failure::from_call(&store_name(&self.store), None, None, session.plugin().id(), error)
        };
        let began = Instant::now();
        let told = session.poll(most, MAX_WAIT).await;
        // One that brought nothing is no access to anything: a line of each would be one every ten seconds.
        if !told.as_ref().is_ok_and(Vec::is_empty) {
            let found = told.as_ref().ok().map(Vec::len);
            self.audit("poll", &session, outcome::word(&told), found, began.elapsed());
        }
        let notices = told.map_err(failed)?;
        if notices.is_empty() {
            return Ok(0);
        }
        let at = Instant::now();
        for notice in notices.iter().filter(|notice| !notice.keys.is_empty()) {
            let cost = f64::from(u32::try_from(notice.keys.len()).unwrap_or(u32::MAX));
            while let Err(wait) = self.pace.take((), cost, Instant::now()) {
                tokio::time::sleep(wait).await;
            }
        }
        self.ask(&notices, at);
        self.acknowledge(&session, &notices).await.map_err(failed)?;
        Ok(notices.len())
    }

    /// Each key is read once, however many notices are about it.
    fn ask(&self, notices: &[Notice], at: Instant) {
        let metrics = &self.context.metrics;
        let keys: Vec<String> = notices.iter().flat_map(|notice| notice.keys.clone()).collect();
        let asked = match keys.is_empty() {
            true => 0,
            false => refresh::ask(&self.context, &self.store, Some(&keys), at).unwrap_or(0),
        };
        let mut counted = asked;
        for notice in notices {
            match notice.keys.is_empty() {
                true => metrics.change_told(SOURCE, "ignored", 0),
                false => metrics.change_told(SOURCE, "asked", std::mem::take(&mut counted)),
            }
        }
        let (store, notices) = (&self.store, notices.len());
        tracing::debug!(%store, notices, asked, "changes heard of");
    }

    async fn acknowledge(&self, session: &Session, notices: &[Notice]) -> Result<(), CallError> {
        let receipts: Vec<_> = notices.iter().map(|notice| notice.receipt.clone()).collect();
        let began = Instant::now();
        let answer = session.acknowledge(&receipts).await;
        let result = match &answer {
            Ok(Some((_, error))) => error.word(),
            answer => outcome::word(answer),
        };
        let left = answer.as_ref().ok().and_then(Option::as_ref).map_or(0, |(left, _)| *left);
        let heard = answer.is_ok().then(|| receipts.len() - left.min(receipts.len()));
        self.audit("acknowledge", session, result, heard, began.elapsed());
        match answer? {
            None => Ok(()),
            // They come again, which costs a read; that nobody may take them away is for somebody to mend.
            Some((_, error)) => Err(error.into()),
        }
    }

    /// A line of the audit log, for the store itself: its credentials were used, and what it was told has keys read.
    fn audit(
        &self,
        operation: &'static str,
        session: &Session,
        result: &'static str,
        found: Option<usize>,
        took: Duration,
    ) {
        if !self.context.audit.wants_access() {
            return;
        }
        let uid = self.context.state.uid_of(&self.store).unwrap_or_default();
        let who = Who { object: ObjectName::from(&self.store), uid: &uid };
        let (store, plugin) = (&store_name(&self.store), session.plugin().id());
        self.context.audit.access(
            &who,
            &Access {
                operation,
                store,
                plugin,
                key: None,
                properties: Vec::new(),
                references: Vec::new(),
                version: None,
                result,
                effect: None,
                found,
                shared: false,
                took,
            },
        );
    }

    fn say(&self, hears: bool, message: &str) {
        let Some(about) = store_reference(&self.context, &self.store) else { return };
        let store = &self.store;
        if hears {
            tracing::info!(%store, message, "listening");
            self.context.events.normal(&about, HEARS, message);
        } else {
            tracing::warn!(%store, message, "not listening");
            self.context.events.warning(&about, DEAF, message);
        }
    }
}
