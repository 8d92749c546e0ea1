//! A PushSecret: is it due, what of it goes where, what is to be taken back, what does its status say.
//!
//! It is looked at when it, its Secret, what its template reads, or one of its stores changes, and at its interval. A look
//! that finds the same versions as the last push, within the interval, asks no provider.

mod announce;
mod delete;
mod push;
mod source;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::backoff::after_failure;
use claviger_core::duration::parse_go;
use claviger_core::error::{Failure, Retry};
use claviger_core::hash::synced_resource_version;
use claviger_core::push::{
    DELETED, FINALIZER, Outcome, Record, StoreView, Target, check_bulk, check_selectors, chosen,
};
use claviger_core::push::{next_status, store_key, targets_of, worth_writing};
use claviger_core::redact::Redactor;
use claviger_core::scheduler::Class;
use claviger_core::secret::Untrusted;
use claviger_core::{refresh, status};
use claviger_crds::external_secret::StoreKind;
use claviger_crds::push_secret::{PushDeletionPolicy, PushSecret, PushSecretStatus};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::patience::unsaid;
use super::world::ClusterWorld;
use super::{Context, Next};
use crate::cluster::{push as cluster, status as status_writer};
use crate::state::push::{PushProgress, created, store_id};
use crate::watch::Object;
use crate::watch::cache::Name;

/// The object moved between looking and writing: look again soon, but let the watch catch up.
const STALE: Duration = Duration::from_millis(200);

/// How long a Secret may be away before what was pushed of it is deleted: whoever replaces one deletes it first.
const COMES_BACK: Duration = Duration::from_secs(30);

/// The interval of one that goes and says something else than an interval.
const UNREADABLE: Duration = Duration::from_secs(3_600);

/// After a status that could not be written.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// A PushSecret that is looked at.
struct Look<'a> {
    context: &'a Arc<Context>,
    world: ClusterWorld,
    name: &'a Name,
    ps: &'a PushSecret,
    /// What is known to be so.
    progress: PushProgress,
    /// Its stores, but for those of other controller classes.
    stores: Vec<StoreView>,
    /// Stores that are named and not there.
    missing: Vec<(StoreKind, String)>,
    /// Stores that are meant and being deleted: they take nothing more, and what they have is not stale.
    going: Vec<(StoreKind, String)>,
    /// When this look began.
    began: Instant,
    /// Whether the object says more by now than what the watch has shown: what is about to be written.
    announced: bool,
}

/// What was found or done.
struct Found {
    outcome: Outcome,
    /// The first failure: it decides when to try again.
    failure: Option<Failure>,
    /// What is at the providers, or may be.
    record: Record,
    /// Which versions it was made from.
    source: String,
    /// Whether something was written or deleted.
    changed: bool,
    /// Places that it took.
    claimed: Option<BTreeSet<Target>>,
}

/// Reconciles one.
pub(super) async fn reconcile(context: &Arc<Context>, name: &Name) -> Next {
    let parsed = context.state.push_secret(name)?;
    let ps = match parsed.as_ref() {
        Ok(ps) => ps,
        Err(invalid) => {
            context.metrics.unreadable("PushSecret");
            let metadata = invalid.metadata.clone();
            let ps = PushSecret { metadata, ..PushSecret::default() };
            let why = invalid.error.clone();
            return refused(context, name, &ps, why).await;
        }
    };
    // One that goes only takes back, whatever its manifest says of pushing.
    let goes = ps.metadata.deletion_timestamp.is_some();
    if let Err(why) = check_selectors(&ps.spec)
        && !goes
    {
        return refused(context, name, ps, why).await;
    }
    let interval = match parse_go(&ps.spec.refresh_interval) {
        Ok(interval) => interval,
        Err(_) if goes => UNREADABLE,
        Err(error) => return refused(context, name, ps, format!("spec.refreshInterval: {error}")).await,
    };
    let mut progress = context.state.push_progress(name, ps.metadata.uid.as_deref().unwrap_or_default());
    progress.status = progress.status.or_else(|| ps.status.clone());
    let world = ClusterWorld { context: context.clone(), reader: Object::PushSecret(name.clone()) };
    let Stores { ours: stores, missing, going, others } = stores(context, name, ps);
    if others && stores.is_empty() && missing.is_empty() && going.is_empty() && !goes {
        context.metrics.forget(&Object::PushSecret(name.clone()));
        return None;
    }
    let began = Instant::now();
    let mut look =
        Look { context, world, name, ps, progress, stores, missing, going, began, announced: false };
    if goes { look.deleted(interval).await } else { look.kept(interval).await }
}

/// The stores that a PushSecret means.
#[derive(Default)]
struct Stores {
    /// Those that are ours and stay.
    ours: Vec<StoreView>,
    /// Those that are not there.
    missing: Vec<(StoreKind, String)>,
    /// Those that are being deleted.
    going: Vec<(StoreKind, String)>,
    /// Whether some are another class's.
    others: bool,
}

fn stores(context: &Context, name: &Name, ps: &PushSecret) -> Stores {
    let views = context.state.store_views(&name.namespace);
    let Stores { mut ours, mut missing, mut going, mut others } = Stores::default();
    for reference in &ps.spec.secret_store_refs {
        for (kind, store) in chosen(reference, &views) {
            let Some(found) = context.state.store(&Object::store(kind, &name.namespace, &store)) else {
                if !missing.contains(&(kind, store.clone())) {
                    missing.push((kind, store));
                }
                continue;
            };
            if !context.config.serves(found.class()) {
                others = true;
                continue;
            }
            if found.metadata.deletion_timestamp.is_some() {
                going.push((kind, store));
                continue;
            }
            let view = views.iter().find(|view| view.kind == kind && view.name == store);
            if let Some(view) = view.filter(|view| !ours.contains(view)) {
                ours.push(view.clone());
            }
        }
    }
    Stores { ours, missing, going, others }
}

impl Look<'_> {
    fn status(&self) -> Option<&PushSecretStatus> {
        self.progress.status.as_ref()
    }

    fn record(&self) -> Record {
        Record::of(self.status())
    }

    fn has_finalizer(&self) -> bool {
        self.ps.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
    }

    /// One that is not being deleted.
    async fn kept(&mut self, interval: Duration) -> Next {
        let deletes = self.ps.spec.deletion_policy == PushDeletionPolicy::Delete;
        // Before anything is pushed: what is there must be found again.
        if deletes != self.has_finalizer() {
            match cluster::set_finalizer(&self.context.client, self.ps, deletes).await {
                Ok(true) => {}
                Ok(false) => return Some((Class::Retry, Instant::now() + STALE)),
                Err(failure) => return self.failed(failure, interval, "").await,
            }
        }
        if let Err(why) = check_bulk(&self.ps.spec, &self.stores) {
            // A store that is not there yet may be the one that is meant.
            if self.missing.is_empty() {
                return self.failed(Failure::PolicyInvalid { why }, interval, "").await;
            }
        }
        let stamp = match self.stamp().await {
            Ok(stamp) => stamp,
            Err(failure) => return self.failed(failure, interval, "").await,
        };
        let version = self.version();
        let now = Timestamp::now();
        if let Some(until) = self.rests(&version, stamp.as_deref(), interval, now) {
            tracing::debug!("a push with nothing to do");
            if self.progress.unwritten
                && let Some(status) = self.progress.status.clone()
            {
                let written = self.report(&status, false).await;
                self.context.state.set_push_progress(self.name, self.progress.clone());
                if !written {
                    return Some((Class::Retry, Instant::now() + WRITE_AGAIN));
                }
            }
            let is_ready = self.status().is_some_and(|status| status::is_ready(&status.conditions));
            self.context.metrics.ready(&Object::PushSecret(self.name.clone()), is_ready, None);
            return until.map(|at| (Class::Refresh, Instant::now() + refresh::wait(at, now)));
        }
        self.progress.again = false;
        let found = match stamp {
            Some(stamp) => {
                self.progress.gone = None;
                self.push(stamp).await
            }
            None => {
                if let Some(at) = self.comes_back(deletes) {
                    self.context.state.set_push_progress(self.name, self.progress.clone());
                    return Some((Class::Retry, at));
                }
                self.source_is_gone().await
            }
        };
        self.ended(found, &version, interval).await
    }

    /// Until when its Secret may come back before what was pushed of it is deleted, if there is something to be deleted.
    fn comes_back(&mut self, deletes: bool) -> Option<Instant> {
        if !deletes || self.record().is_empty() {
            return None;
        }
        let since = *self.progress.gone.get_or_insert_with(Instant::now);
        (since.elapsed() < COMES_BACK).then_some(since + COMES_BACK)
    }

    fn version(&self) -> String {
        let meta = self.ps.meta();
        synced_resource_version(meta.generation.unwrap_or(0), self.ps.labels(), self.ps.annotations())
    }

    /// Until when there is nothing to do, if there is nothing to do now; for ever, if nothing is due by itself.
    fn rests(
        &self,
        version: &str,
        stamp: Option<&str>,
        interval: Duration,
        now: Timestamp,
    ) -> Option<Option<Timestamp>> {
        let status = self.status()?;
        let condition = status.conditions.first()?;
        let same = status.synced_resource_version.as_deref() == Some(version)
            && status.synced_source.as_deref() == Some(stamp.unwrap_or_default());
        if !same
            || self.progress.again
            || !self.missing.is_empty()
            || self.is_unsure()
            || self.context.state.loses_a_place(self.name)
        {
            return None;
        }
        if condition.reason.as_deref() == Some(DELETED) {
            return (stamp.is_none() && self.record().is_empty()).then_some(None);
        }
        if !status::is_ready(&status.conditions) {
            return None;
        }
        if interval.is_zero() {
            return Some(None);
        }
        let recorded = status.refresh_time.as_deref().and_then(|time| time.parse().ok());
        let last: Timestamp = self.progress.last.max(recorded)?;
        let next = last.checked_add(interval).ok()?;
        // A clock that was set back must not stop refreshes until it has caught up.
        (next > now && last <= now).then_some(Some(next))
    }

    /// Whether there may be something at a store, and it is not known: somebody was stopped while he pushed.
    fn is_unsure(&self) -> bool {
        let going = |store: &str| self.going.iter().any(|(kind, name)| store_key(*kind, name) == store);
        let pushing = self.status().map(|status| &status.pushing);
        pushing.into_iter().flatten().any(|(store, _)| self.is_ours(store) && !going(store))
    }

    /// What follows from what was found or done: status, event, metrics, and when to look again.
    async fn ended(&mut self, found: Found, version: &str, interval: Duration) -> Next {
        let Found { outcome, failure, record, source, changed, claimed } = found;
        let in_order = self.status().is_some_and(|status| status::is_ready(&status.conditions));
        if let Some(failure) = failure.as_ref().filter(|_| !changed)
            && let Some(wait) = unsaid(self.context, failure, in_order, interval)
        {
            return Some((Class::Retry, Instant::now() + wait));
        }
        let now = Timestamp::now();
        let policy = self.ps.spec.update_policy;
        let new = next_status(self.status(), &outcome, policy, record, (version, &source), now);
        let is_ready = matches!(outcome, Outcome::Synced);
        let (object, namespace) = (Object::PushSecret(self.name.clone()), &self.name.namespace);
        let reason = failure.as_ref().map(|failure| failure.class().reason);
        self.context.metrics.ready(&object, is_ready, reason);
        if failure.is_none() || claimed.is_some() {
            let id = |kind, store: &str| store_id(kind, namespace, store);
            let mut targets = targets_of(&new, id);
            // Where a write failed it will be tried again.
            targets.extend(claimed.into_iter().flatten().filter(|_| failure.is_some()));
            self.context.state.keep_places(self.name, &created(&self.ps.metadata), targets);
        }
        if failure.is_none() {
            self.progress.last = Some(now);
            self.progress.failures = 0;
        }
        let written = self.report(&new, changed).await;
        let wait = match &failure {
            None => None,
            Some(failure) => {
                let retry = failure.class().retry;
                // What was not tried has not failed.
                if !matches!(retry, Retry::Held(_)) {
                    self.progress.failures = self.progress.failures.saturating_add(1);
                }
                Some(after_failure(retry, self.progress.failures, interval, rand::random()))
            }
        };
        self.context.metrics.reconciled(&object, self.began.elapsed(), reason);
        self.context.state.set_push_progress(self.name, self.progress.clone());
        let next = match wait {
            Some(wait) => Some((Class::Retry, Instant::now() + wait)),
            None if interval.is_zero() || !is_ready => None,
            None => Some((Class::Refresh, Instant::now() + interval.min(Duration::from_secs(15 * 60)))),
        };
        let again = (!written).then(|| (Class::Retry, Instant::now() + WRITE_AGAIN));
        next.into_iter().chain(again).min_by_key(|(_, at)| *at)
    }

    /// Nothing could be tried.
    async fn failed(&mut self, failure: Failure, interval: Duration, words: &str) -> Next {
        let message = format!("{words}{}", failure.message(&Redactor::default()));
        let record = self.record();
        let version = self.version();
        let found = Found {
            outcome: Outcome::Failed(message),
            failure: Some(failure),
            record,
            source: String::new(),
            changed: false,
            claimed: None,
        };
        self.ended(found, &version, interval).await
    }

    /// Writes status and event if they say something new; whether that worked.
    async fn report(&mut self, new: &PushSecretStatus, changed: bool) -> bool {
        let old = self.progress.status.replace(new.clone());
        let said = |status: Option<&PushSecretStatus>| {
            let condition = status.and_then(|status| status.conditions.first())?;
            Some((condition.reason.clone()?, condition.message.clone()?))
        };
        let now = said(Some(new));
        if let Some((reason, message)) = now.as_ref().filter(|_| changed || now != said(old.as_ref())) {
            let about = self.ps.object_ref(&());
            if reason == claviger_core::push::ERRORED {
                tracing::warn!(reason, message, "not pushed");
                self.context.events.warning(&about, reason, message);
            } else {
                self.context.events.normal(&about, reason, message);
            }
        }
        // What the object says: our last status may not have been written.
        let shown = self.ps.status.as_ref();
        if !self.announced && !worth_writing(shown, new, self.context.config.status_interval) {
            return true;
        }
        // What it may say by now: what the watch has shown, and what was written since.
        let known = united(json!(shown), json!(old));
        let known = Some(&known).filter(|known| known.is_object());
        let written = status_writer::write::<PushSecret>(&self.context.client, self.name, known, new).await;
        self.progress.unwritten = written.is_err();
        if let Err(failure) = &written {
            tracing::warn!(message = failure.message(&Redactor::default()), "status not written");
        }
        written.is_ok()
    }
}

/// Every field of either.
fn united(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut fields), Value::Object(others)) => {
            for (field, value) in others {
                let own = fields.remove(&field).unwrap_or(Value::Null);
                fields.insert(field, united(own, value));
            }
            Value::Object(fields)
        }
        (Value::Object(fields), _) => Value::Object(fields),
        (_, other) => other,
    }
}

/// It says something that cannot be meant: nothing is pushed and nothing is taken back until it is corrected.
async fn refused(context: &Arc<Context>, name: &Name, ps: &PushSecret, why: String) -> Next {
    let object = format!("PushSecret {name}");
    let failure = Failure::ManifestInvalid { object, detail: Untrusted::new(why) };
    let progress = context.state.push_progress(name, ps.metadata.uid.as_deref().unwrap_or_default());
    let world = ClusterWorld { context: context.clone(), reader: Object::PushSecret(name.clone()) };
    let Stores { ours: stores, missing, going, .. } = Stores::default();
    let began = Instant::now();
    let mut look =
        Look { context, world, name, ps, progress, stores, missing, going, began, announced: false };
    look.progress.status = look.progress.status.or_else(|| ps.status.clone());
    look.failed(failure, Duration::ZERO, "").await
}
