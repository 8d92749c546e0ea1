//! Kubernetes events about the objects that users look at: told at once, written by one task at its own pace.
//!
//! Texts are made by us from typed reasons and cleaned of untrusted parts before they come here. An event is news, not
//! state: no reconcile waits for one, ten thousand of them do not take the API server from the Secrets that they are about,
//! and one that cannot be written is logged and forgotten. Warnings go first. kube's `Recorder` writes while its caller
//! waits, and keeps every event of six minutes whole, looking through all of them for each; so this is our own.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use claviger_core::limit::{Limits, Pace};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The API server's limit for a note, in bytes.
const MAX_NOTE: usize = 1024;

/// ESO's recorder goes by this name too; `kubectl get events --field-selector` keeps working.
const CONTROLLER: &str = "external-secrets";

/// The only thing that we do to what events are about.
const ACTION: &str = "Reconcile";

/// Events that wait, of each type: a first sync of ten thousand ExternalSecrets has one for each, of half a KiB.
const MAX_WAITING: usize = 10_000;

/// Fifty at once, and 25 in a second then: some hundredth of what an API server can do.
const PACE: Pace = Pace { burst: 50.0, per_second: 25.0 };

/// For so long the same event again is counted on the one that is there, as Kubernetes' own recorders do.
const SERIES: Duration = Duration::from_secs(360);

/// Events that are remembered for that. Who is forgotten is written anew.
const MAX_SERIES: usize = 4_096;

/// What still waits when the process ends is written for so long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Between two lines about events that were dropped.
const COMPLAIN: Duration = Duration::from_secs(60);

/// Takes events.
#[derive(Clone, Default)]
pub struct Events(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Default)]
struct Waiting {
    warnings: VecDeque<News>,
    normal: VecDeque<News>,
    dropped: u64,
}

/// One event, as it was told.
#[derive(Clone, Debug, PartialEq)]
struct News {
    about: ObjectReference,
    type_: &'static str,
    reason: String,
    note: String,
    at: Timestamp,
}

impl Events {
    /// Something happened as it should.
    pub fn normal(&self, about: &ObjectReference, reason: &str, note: &str) {
        self.tell(about, "Normal", reason, note);
    }

    /// Something needs attention.
    pub fn warning(&self, about: &ObjectReference, reason: &str, note: &str) {
        self.tell(about, "Warning", reason, note);
    }

    /// What waits is not written: another replica works now, and will see for itself.
    pub fn forget(&self) {
        *self.lock() = Waiting::default();
    }

    fn tell(&self, about: &ObjectReference, type_: &'static str, reason: &str, note: &str) {
        let news = News {
            about: about.clone(),
            type_,
            reason: reason.to_owned(),
            note: note[..note.floor_char_boundary(MAX_NOTE)].to_owned(),
            at: Timestamp::now(),
        };
        let mut waiting = self.lock();
        let queue = if type_ == "Warning" { &mut waiting.warnings } else { &mut waiting.normal };
        if queue.len() < MAX_WAITING {
            queue.push_back(news);
        } else {
            waiting.dropped += 1;
        }
        drop(waiting);
        self.0.wake.notify_one();
    }

    fn next(&self) -> Option<News> {
        let mut waiting = self.lock();
        let warning = waiting.warnings.pop_front();
        warning.or_else(|| waiting.normal.pop_front())
    }

    fn dropped(&self) -> u64 {
        std::mem::take(&mut self.lock().dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that was written, to be counted on.
struct Series {
    name: String,
    count: i32,
    until: Instant,
}

/// Writes what is told.
pub struct EventWriter {
    client: Client,
    events: Events,
    /// Shown as the reporting instance, normally the pod's name.
    instance: String,
    hasher: RandomState,
    written: HashMap<u64, Series>,
}

impl EventWriter {
    /// One that writes by `client`.
    pub fn new(client: Client, events: Events, instance: Option<String>) -> Self {
        let instance = instance.unwrap_or_else(|| CONTROLLER.to_owned());
        Self { client, events, instance, hasher: RandomState::new(), written: HashMap::new() }
    }

    /// Writes until `stop`, and then what it can in a moment.
    pub async fn run(mut self, stop: CancellationToken) {
        let pace = Limits::new(PACE, 1);
        let mut complained = None;
        while !stop.is_cancelled() {
            let Some(news) = self.events.next() else {
                let woken = self.events.0.wake.notified();
                tokio::select! { () = stop.cancelled() => break, () = woken => continue }
            };
            while let Err(pause) = pace.take((), 1.0, Instant::now()) {
                tokio::select! { () = stop.cancelled() => break, () = tokio::time::sleep(pause) => {} }
            }
            self.write(&news).await;
            if complained.is_none_or(|at: Instant| at.elapsed() > COMPLAIN) {
                let dropped = self.events.dropped();
                if dropped > 0 {
                    complained = Some(Instant::now());
                    tracing::warn!(
                        dropped,
                        "more events than could be written; what they told of stands in the log"
                    );
                }
            }
        }
        let rest = async {
            while let Some(news) = self.events.next() {
                self.write(&news).await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
    }

    async fn write(&mut self, news: &News) {
        if let Err(error) = self.publish(news).await {
            let ObjectReference { kind, name, namespace, .. } = &news.about;
            tracing::warn!(kind, name, namespace, reason = news.reason, error = %error, "event not written");
        }
    }

    async fn publish(&mut self, news: &News) -> Result<(), kube::Error> {
        // Cluster-scoped objects' events stand in `default`, as everybody's do.
        let namespace = news.about.namespace.as_deref().unwrap_or("default");
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let (key, now) = (self.key(news), Instant::now());
        if let Some(series) = self.written.get_mut(&key).filter(|series| series.until > now) {
            series.count = series.count.saturating_add(1);
            series.until = now + SERIES;
            let again = json!({"series": {"count": series.count, "lastObservedTime": MicroTime(news.at)}});
            match api.patch(&series.name, &PatchParams::default(), &Patch::Merge(&again)).await {
                // It has run out, or somebody tidied up.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                other => return other.map(drop),
            }
        }
        let event = event(news, &self.instance);
        api.create(&PostParams::default(), &event).await?;
        if self.written.len() >= MAX_SERIES {
            self.written.retain(|_, series| series.until > now);
        }
        if self.written.len() < MAX_SERIES {
            let name = event.metadata.name.unwrap_or_default();
            self.written.insert(key, Series { name, count: 1, until: now + SERIES });
        }
        Ok(())
    }

    /// What makes two events the same.
    fn key(&self, news: &News) -> u64 {
        let about = &news.about;
        self.hasher.hash_one((
            &about.kind,
            &about.namespace,
            &about.name,
            &about.uid,
            news.type_,
            &news.reason,
            &news.note,
        ))
    }
}

fn event(news: &News, instance: &str) -> Event {
    let about = news.about.name.as_deref().unwrap_or(CONTROLLER);
    Event {
        action: Some(ACTION.to_owned()),
        event_time: Some(MicroTime(news.at)),
        metadata: ObjectMeta {
            name: Some(format!("{about}.{:x}", news.at.as_nanosecond())),
            namespace: news.about.namespace.clone(),
            ..ObjectMeta::default()
        },
        note: Some(news.note.clone()),
        reason: Some(news.reason.clone()),
        regarding: Some(news.about.clone()),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        type_: Some(news.type_.to_owned()),
        ..Event::default()
    }
}

/// What events show as the reporting instance: the pod's name, which Kubernetes makes the host's name.
pub fn instance_name() -> Option<String> {
    let name = std::fs::read_to_string("/etc/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
