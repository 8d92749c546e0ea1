//! A PushSecret: is it due, what of it goes where, what is to be taken back, what does its status say.
//!
//! It is looked at when it, its Secret, what its template reads, or one of its stores changes, and at its interval. A look
//! that finds the same versions as the last push, within the interval, asks no provider.

mod announce;
mod delete;
mod push;
mod source;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::duration::parse_go;
use claviger_core::error::Failure;
use claviger_core::hash::synced_resource_version;
use claviger_core::push::{
    DELETED, FINALIZER, Outcome, Record, StoreView, Target, check_bulk, check_selectors, chosen,
};
use claviger_core::refresh;
use claviger_core::scheduler::Class;
use claviger_core::secret::Untrusted;
use claviger_core::status::is_ready;
use claviger_crds::push_secret::{PushDeletionPolicy, PushSecret, PushSecretStatus};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::store::is_ours;
use super::world::ClusterWorld;
use super::{Context, Next};
use crate::cluster::push_secret;
use crate::state::push::PushProgress;
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
    /// What it looks like.
    version: String,
    interval: Duration,
    /// What is known to be so.
    progress: PushProgress,
    /// Whether it was told, until this look began, that somebody else may have written or deleted at its places.
    again: Option<u64>,
    /// Its stores, but for those of other controller classes.
    stores: Vec<StoreView>,
    /// Stores that are named and not there.
    missing: Vec<Object>,
    /// Stores that are meant and being deleted: they take nothing more, and what they have is not stale.
    going: Vec<Object>,
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
    /// What had no room in the status may have it now.
    made_room: bool,
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
    let stores = stores(context, name, ps);
    if stores.are_all_others() && !goes {
        context.metrics.forget(&Object::PushSecret(name.clone()));
        return None;
    }
    let mut look = Look::new(context, name, ps, stores, interval);
    if goes { look.deleted().await } else { look.kept().await }
}

/// The stores that a PushSecret means.
#[derive(Default)]
struct Stores {
    /// Those that are ours and stay.
    ours: Vec<StoreView>,
    /// Those that are not there.
    missing: Vec<Object>,
    /// Those that are being deleted.
    going: Vec<Object>,
    /// Whether some are another class's.
    others: bool,
}

impl Stores {
    /// Whether it means something, and that is all another class's.
    fn are_all_others(&self) -> bool {
        self.others && self.ours.is_empty() && self.missing.is_empty() && self.going.is_empty()
    }
}

fn stores(context: &Context, name: &Name, ps: &PushSecret) -> Stores {
    let views = context.state.store_views(&name.namespace);
    let Stores { mut ours, mut missing, mut going, mut others } = Stores::default();
    for reference in &ps.spec.secret_store_refs {
        for (kind, store) in chosen(reference, &views) {
            let object = Object::store(kind, &name.namespace, &store);
            let Some(found) = context.state.store(&object) else {
                if !missing.contains(&object) {
                    missing.push(object);
                }
                continue;
            };
            if !context.config.serves(found.class()) {
                others = true;
                continue;
            }
            if found.metadata.deletion_timestamp.is_some() {
                going.push(object);
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

impl<'a> Look<'a> {
    fn new(
        context: &'a Arc<Context>,
        name: &'a Name,
        ps: &'a PushSecret,
        stores: Stores,
        interval: Duration,
    ) -> Self {
        let version =
            synced_resource_version(ps.meta().generation.unwrap_or(0), ps.labels(), ps.annotations());
        let again = context.state.looks_again(name);
        let mut progress = context.state.push_progress(name, ps.metadata.uid.as_deref().unwrap_or_default());
        progress.status = progress.status.or_else(|| ps.status.clone());
        let world = ClusterWorld { context: context.clone(), reader: Object::PushSecret(name.clone()) };
        let Stores { ours: stores, missing, going, .. } = stores;
        let began = Instant::now();
        Self {
            context,
            world,
            name,
            ps,
            version,
            interval,
            progress,
            again,
            stores,
            missing,
            going,
            began,
            announced: false,
        }
    }
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
    async fn kept(&mut self) -> Next {
        let deletes = self.ps.spec.deletion_policy == PushDeletionPolicy::Delete;
        // Before anything is pushed: what is there must be found again.
        if deletes != self.has_finalizer() {
            match push_secret::set_finalizer(&self.context.client, self.ps, deletes).await {
                Ok(true) => {}
                Ok(false) => return Some((Class::Retry, Instant::now() + STALE)),
                Err(failure) => return self.failed(failure).await,
            }
        }
        if let Err(why) = check_bulk(&self.ps.spec, &self.stores) {
            // A store that is not there yet may be the one that is meant.
            if self.missing.is_empty() {
                return self.failed(Failure::PolicyInvalid { why }).await;
            }
        }
        let stamp = match self.stamp().await {
            Ok(stamp) => stamp,
            Err(failure) => return self.failed(failure).await,
        };
        let now = Timestamp::now();
        if let Some(until) = self.rests(stamp.as_deref(), now) {
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
            let ready = self.status().is_some_and(|status| is_ready(&status.conditions));
            self.context.metrics.ready(&Object::PushSecret(self.name.clone()), ready, None);
            return until.map(|at| (Class::Refresh, Instant::now() + refresh::wait(at, now)));
        }
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
        self.ended(found).await
    }

    /// Until when its Secret may come back before what was pushed of it is deleted, if there is something to be deleted.
    fn comes_back(&mut self, deletes: bool) -> Option<Instant> {
        if !deletes || self.record().is_empty() {
            return None;
        }
        let since = *self.progress.gone.get_or_insert_with(Instant::now);
        (since.elapsed() < COMES_BACK).then_some(since + COMES_BACK)
    }

    /// Until when there is nothing to do, if there is nothing to do now; for ever, if nothing is due by itself.
    fn rests(&self, stamp: Option<&str>, now: Timestamp) -> Option<Option<Timestamp>> {
        let status = self.status()?;
        let condition = status.conditions.first()?;
        let same = status.synced_resource_version.as_ref() == Some(&self.version)
            && status.synced_source.as_deref() == Some(stamp.unwrap_or_default());
        if !same
            || !self.missing.is_empty()
            || self.is_unsure()
            || self.context.state.loses_a_place(self.name)
        {
            return None;
        }
        if condition.reason.as_deref() == Some(DELETED) {
            return (stamp.is_none() && self.record().is_empty()).then_some(None);
        }
        // One that has nothing anywhere need not look what became of it.
        if self.again.is_some() || !is_ready(&status.conditions) {
            return None;
        }
        if self.interval.is_zero() {
            return Some(None);
        }
        let recorded = status.refresh_time.as_deref().and_then(|time| time.parse().ok());
        let last: Timestamp = self.progress.last.max(recorded)?;
        let next = last.checked_add(self.interval).ok()?;
        // A clock that was set back must not stop refreshes until it has caught up.
        (next > now && last <= now).then_some(Some(next))
    }

    /// Whether there may be something at a store, and it is not known: somebody was stopped while he pushed.
    fn is_unsure(&self) -> bool {
        let pushing = self.status().map(|status| &status.pushing);
        let mut stores = pushing.into_iter().flatten().filter_map(|(store, _)| self.named(store));
        stores.any(|store| is_ours(self.context, &store) && !self.going.contains(&store))
    }
}

/// It says something that cannot be meant: nothing is pushed and nothing is taken back until it is corrected.
async fn refused(context: &Arc<Context>, name: &Name, ps: &PushSecret, why: String) -> Next {
    let object = format!("PushSecret {name}");
    let failure = Failure::ManifestInvalid { object, detail: Untrusted::new(why) };
    Look::new(context, name, ps, Stores::default(), Duration::ZERO).failed(failure).await
}
