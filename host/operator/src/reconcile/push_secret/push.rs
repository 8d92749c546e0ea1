//! Pushing: entries for each store, who may have their places, the writes, and what is stale then.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::error::Failure;
use claviger_core::provider::Pushed;
use claviger_core::push::place::may_be_one;
use claviger_core::push::{
    Ended, Entry, MAX_RECORDED, Outcome, Part, Place, Record, Room, StoreView, Target, recorded, store_key,
};
use claviger_core::redact::Redactor;
use claviger_crds::push_secret::{PushDeletionPolicy, UpdatePolicy};

use super::{Found, Look};
use crate::reconcile::store::check_works;
use crate::state::push::created;
use crate::sync::push::{Done, Looked};
use crate::sync::store_name;
use crate::watch::Object;

/// What is wanted of one store.
pub(super) struct Wanted {
    pub(super) store: StoreView,
    pub(super) object: Object,
    /// How the status names it.
    pub(super) key: String,
    pub(super) entries: Vec<Entry>,
    /// What was seen there before anything was written.
    pub(super) looked: Looked,
}

impl Wanted {
    fn of(store: StoreView, namespace: &str) -> Self {
        let object = Object::store(store.kind, namespace, &store.name);
        let key = store_key(store.kind, &store.name);
        Self { store, object, key, entries: Vec::new(), looked: Looked::default() }
    }

    fn target(&self, entry: &Entry) -> Target {
        Target { store: self.object.to_string(), place: entry.place.clone() }
    }

    fn targets(&self) -> Vec<Target> {
        self.entries.iter().map(|entry| self.target(entry)).collect()
    }
}

/// What is gathered on the way.
#[derive(Default)]
pub(super) struct Report {
    pub(super) failures: Vec<Failure>,
    pub(super) record: Record,
    pub(super) changed: bool,
    pub(super) redactor: Redactor,
    /// Places that it has, or is about to.
    pub(super) claimed: Option<BTreeSet<Target>>,
    /// Where something was deleted.
    pub(super) taken_back: Vec<Target>,
    /// What had no room in the status may have it now.
    pub(super) made_room: bool,
}

impl Report {
    /// What it comes to; `words` are ESO's for what failed.
    pub(super) fn found(self, words: &str, source: String, done: Outcome) -> Found {
        let outcome = match self.failures.first() {
            None => done,
            Some(first) => {
                let more = match self.failures.len() - 1 {
                    0 => String::new(),
                    more => format!(" (and {more} more)"),
                };
                Outcome::Failed(format!("{words}{}{more}", first.message(&self.redactor)))
            }
        };
        let Self { failures, record, changed, claimed, made_room, .. } = self;
        Found { outcome, failure: failures.into_iter().next(), record, source, changed, claimed, made_room }
    }
}

impl Look<'_> {
    /// Pushes everything, and takes back what is stale.
    /// `source`: the versions that were looked at before, so that what changes meanwhile is seen as another one.
    pub(super) async fn push(&mut self, source: String) -> Found {
        let mut report = Report { record: self.record(), ..Report::default() };
        match self.pushed(&mut report).await {
            Ok(()) => report.found("set secret failed: ", source, Outcome::Synced),
            Err(failure) => {
                report.failures.insert(0, failure);
                report.found("", String::new(), Outcome::Synced)
            }
        }
    }

    /// What failed of some entries is in the report.
    async fn pushed(&mut self, report: &mut Report) -> Result<(), Failure> {
        let Some(given) = self.given(&mut report.redactor).await? else {
            let secret = format!("{}/{}", self.name.namespace, self.secret_name().unwrap_or_default());
            return Err(Failure::SourceNotFound { secret });
        };
        let missing = self.missing.iter().map(|object| Failure::StoreNotFound { store: store_name(object) });
        report.failures.extend(missing);
        let mut all = self.wanted(given, report).await?;
        let mut held = self.unusable(&mut all, report).await;
        // What is left out for want of room takes no place of another's.
        let left = Self::without_room(&mut all, report);
        let is_short = !left.is_empty();
        held.extend(left);
        self.take_places(&mut all, report);
        let claimed: BTreeSet<Target> = all.iter().flat_map(Wanted::targets).collect();
        report.claimed = Some(claimed.clone());
        let wanted: BTreeSet<Target> = claimed.into_iter().chain(held).collect();
        self.announce(&mut all, report).await?;
        for one in &mut all {
            let looked = std::mem::take(&mut one.looked);
            self.write(one, &one.entries, looked, report).await;
        }
        if self.stores.is_empty() {
            // A label that a store lost for a moment is no reason to delete everything.
            return Ok(());
        }
        let before = is_short.then(|| Room::beside(&report.record));
        match self.ps.spec.deletion_policy {
            PushDeletionPolicy::None => {
                // They stay where they are, and are nobody's.
                for part in [Part::Synced, Part::Pushing] {
                    for (store, entries) in self.stale(part, &wanted, report) {
                        entries.iter().for_each(|entry| report.record.forget(part, &store, entry));
                    }
                }
            }
            PushDeletionPolicy::Delete => {
                self.take_back(&wanted, report).await;
                // Of a store under another name, or a key in another spelling, it may have been what was just pushed.
                let lost = |target: &Target| report.taken_back.iter().any(|gone| may_be_one(gone, target));
                let lost: BTreeSet<Target> = wanted.iter().filter(|target| lost(target)).cloned().collect();
                for one in &all {
                    let of = |entry: &&Entry| lost.contains(&one.target(entry));
                    let entries: Vec<Entry> = one.entries.iter().filter(of).cloned().collect();
                    self.write(one, &entries, Looked::default(), report).await;
                }
            }
        }
        report.made_room = before.is_some_and(|before| Room::beside(&report.record) > before);
        Ok(())
    }

    /// Leaves out stores that do not work, and what may not be pushed to them from here: who may not write somewhere has no
    /// places there that others could not have. Answers what was to go there.
    async fn unusable(&self, all: &mut [Wanted], report: &mut Report) -> BTreeSet<Target> {
        let (context, namespace) = (self.context, &self.name.namespace);
        let mut held = BTreeSet::new();
        for one in all {
            let refused = match check_works(context, &one.object) {
                // Nothing goes there, so nobody is asked.
                Ok(()) if one.entries.is_empty() => continue,
                Ok(()) => {
                    context.pipeline.push_refused(&one.object, namespace, &one.entries, &self.world).await
                }
                Err(failure) => Err(failure),
            };
            let targets = one.targets();
            match refused {
                Ok(refused) => {
                    let is_refused = |target: &Target| refused.contains_key(&target.place.key);
                    held.extend(targets.into_iter().filter(is_refused));
                    one.entries.retain(|entry| !refused.contains_key(&entry.place.key));
                    report.failures.extend(refused.into_values());
                }
                Err(failure) => {
                    self.unwritten(&one.object, failure, report);
                    held.extend(targets);
                    one.entries.clear();
                }
            }
        }
        held
    }

    pub(super) fn unwritten(&self, store: &Object, failure: Failure, report: &mut Report) {
        if let Failure::AuthenticationFailed { .. } | Failure::ProviderUnavailable { .. } = failure {
            self.context.state.doubt(store);
        }
        report.failures.push(failure);
    }

    async fn wanted(
        &self,
        given: Vec<super::source::Given>,
        report: &mut Report,
    ) -> Result<Vec<Wanted>, Failure> {
        let (pipeline, namespace) = (&self.context.pipeline, &self.name.namespace);
        let mut all: Vec<Wanted> =
            self.stores.iter().map(|store| Wanted::of(store.clone(), namespace)).collect();
        let mut whose: BTreeMap<Target, String> = BTreeMap::new();
        let mut recorded_as: BTreeMap<(String, String), Place> = BTreeMap::new();
        for source in given {
            let template = self.ps.spec.template.as_ref();
            let data = pipeline
                .push_rendered(template, namespace, source.data, &self.world, &mut report.redactor)
                .await?;
            for one in &mut all {
                let entries =
                    pipeline.push_entries(&self.ps.spec, namespace, &data, &one.store, &self.world).await?;
                for entry in entries {
                    let target = one.target(&entry);
                    let name = (one.key.clone(), recorded(&entry.recorded).0);
                    if let Some(other) =
                        recorded_as.insert(name, entry.place.clone()).filter(|it| *it != entry.place)
                    {
                        let why = format!(
                            "{other} and {} have one name in the status: only one can be pushed",
                            entry.place
                        );
                        return Err(Failure::PolicyInvalid { why });
                    }
                    // Several Secrets at one place would be written over one another for ever.
                    if let Some(other) = whose.insert(target, source.what.clone()) {
                        let why = format!("{other} and {} both go to {}", source.what, entry.place);
                        return Err(Failure::PolicyInvalid { why });
                    }
                    one.entries.push(entry);
                }
            }
        }
        Ok(all)
    }

    /// Leaves out what an older PushSecret has.
    fn take_places(&self, all: &mut [Wanted], report: &mut Report) {
        let wanted: BTreeSet<Target> = all.iter().flat_map(Wanted::targets).collect();
        let taken = self.context.state.claim(self.name, &created(&self.ps.metadata), &wanted);
        for (target, (namespace, name)) in taken {
            for one in all.iter_mut().filter(|one| one.object.to_string() == target.store) {
                one.entries.retain(|entry| entry.place != target.place);
                // What others have in their namespaces is no business of this one.
                let owner = if namespace == self.name.namespace {
                    format!("PushSecret {namespace}/{name}")
                } else {
                    "a PushSecret of another namespace".to_owned()
                };
                report.failures.push(Failure::PlaceTaken {
                    store: store_name(&one.object),
                    place: target.place.to_string(),
                    owner,
                });
            }
        }
    }

    /// Leaves out what the status has no room for, and what is wanted of a place that is recorded goes on. Answers what that is.
    fn without_room(all: &mut [Wanted], report: &mut Report) -> BTreeSet<Target> {
        let mut room = Room::beside(&report.record);
        let (mut left, mut places) = (BTreeSet::new(), 0);
        for one in all {
            let (key, targets) = (store_key(one.store.kind, &one.store.name), one.targets());
            places += targets.len();
            let mut targets = targets.into_iter();
            one.entries.retain(|entry| {
                let target = targets.next();
                let fits = room.take(&report.record, &key, &entry.recorded);
                left.extend(target.filter(|_| !fits));
                fits
            });
        }
        if !left.is_empty() {
            let why = format!(
                "{} of {places} places are not pushed: the status, by which they are found again, has no room for more \
                 ({} KiB in all): spread them over several PushSecrets, or push many keys as one object \
                 (dataTo[].remoteKey)",
                left.len(),
                MAX_RECORDED >> 10
            );
            report.failures.push(Failure::PolicyInvalid { why });
        }
        left
    }

    /// Writes these of the entries that are wanted of a store.
    async fn write(&self, one: &Wanted, entries: &[Entry], looked: Looked, report: &mut Report) {
        let (context, namespace) = (self.context, &self.name.namespace);
        if entries.is_empty() {
            return;
        }
        let policy = self.ps.spec.update_policy;
        let written =
            context.pipeline.push_write(&one.object, namespace, entries, policy, looked, &self.world).await;
        let written = match written {
            Ok(written) => written,
            Err(failure) => {
                let ended = Ended::of(&failure);
                entries.iter().for_each(|entry| report.record.end(&one.key, &entry.recorded, ended));
                return self.unwritten(&one.object, failure, report);
            }
        };
        let mut refused = Vec::new();
        for entry in entries {
            let ended = match written.get(&entry.place.key) {
                // What was there before, and stays, is not ours to delete.
                Some(Ok(done))
                    if policy == UpdatePolicy::IfNotExists
                        && (done.kept.contains(&entry.place.property) || done.kept.contains("")) =>
                {
                    Ended::Found
                }
                Some(Ok(_)) => Ended::Pushed,
                Some(Err(failure)) => {
                    let begun = report.record.is_begun(&one.key, &entry.recorded);
                    if begun && matches!(failure, Failure::WriteRefused { .. }) {
                        refused.push(entry.clone());
                    }
                    Ended::of(failure)
                }
                None => Ended::Unknown,
            };
            report.record.end(&one.key, &entry.recorded, ended);
        }
        if !refused.is_empty() {
            self.after_refusals(one, &refused, report).await;
        }
        for outcome in written.into_values() {
            let what = match &outcome {
                Ok(Done { pushed: Pushed::Created, .. }) => "created",
                Ok(Done { pushed: Pushed::Updated, .. }) => "updated",
                Ok(Done { pushed: Pushed::Unchanged, .. }) => "unchanged",
                Err(_) => "failed",
            };
            context.metrics.pushed(what);
            report.changed |= matches!(what, "created" | "updated");
            report.failures.extend(outcome.err());
        }
    }
}
