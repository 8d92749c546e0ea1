//! Taking back: what a change of the manifest or of the Secret leaves stale, all of it when the Secret or the PushSecret
//! goes, and then the finalizer. Never what another has put there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use claviger_core::error::Failure;
use claviger_core::push::{Outcome, Part, Record, Target, parse_store_key, place_of};
use claviger_core::scheduler::Class;
use claviger_crds::push_secret::{PushData, PushDeletionPolicy, PushSecretStatus};

use super::super::Next;
use super::push::Report;
use super::{Found, Look, STALE};
use crate::cluster::push_secret;
use crate::reconcile::store::{check_works, is_ours};
use crate::watch::Object;

/// Entries of a status by store.
type Stale = BTreeMap<String, Vec<PushData>>;

impl Look<'_> {
    /// What was recorded before this look, and is not wanted any more. Whatever overlaps with what is wanted, or is another's
    /// by now, is taken out of the record and stays where it is.
    pub(super) fn stale(&self, part: Part, wanted: &BTreeSet<Target>, report: &mut Report) -> Stale {
        let mut stale = Stale::new();
        for (store, entries) in self.record().part(part) {
            let Some(object) = self.named(store) else { continue };
            // Of a store that could not be looked at nothing is known to be stale, nor of one that is another's.
            let unknown = self.missing.contains(&object) || self.going.contains(&object);
            if unknown || !is_ours(self.context, &object) {
                continue;
            }
            for entry in entries.values() {
                let target = Target { store: object.to_string(), place: place_of(entry) };
                if wanted.contains(&target) {
                    continue;
                }
                let of_ours = wanted
                    .iter()
                    .any(|wanted| wanted.store == target.store && wanted.place.overlaps(&target.place));
                if of_ours || self.context.state.is_anothers(self.name, &target) {
                    report.record.forget(part, store, entry);
                    continue;
                }
                stale.entry(store.clone()).or_default().push(entry.clone());
            }
        }
        stale
    }

    /// The store that a status names so.
    pub(super) fn named(&self, store: &str) -> Option<Object> {
        let (kind, name) = parse_store_key(store)?;
        Some(Object::store(kind, &self.name.namespace, name))
    }

    /// Deletes at the stores what is not wanted any more. What could not be deleted stays recorded.
    pub(super) async fn take_back(&self, wanted: &BTreeSet<Target>, report: &mut Report) {
        for part in [Part::Synced, Part::Pushing] {
            for (store, entries) in self.stale(part, wanted, report) {
                self.take_from(&store, part, &entries, report).await;
            }
        }
    }

    pub(super) async fn take_from(&self, store: &str, part: Part, entries: &[PushData], report: &mut Report) {
        let Some(object) = self.named(store) else { return };
        let namespace = &self.name.namespace;
        let unsure = part == Part::Pushing;
        let removed = match check_works(self.context, &object) {
            Ok(()) => {
                let pipeline = &self.context.pipeline;
                pipeline.push_remove(&object, namespace, entries, unsure, &self.world).await
            }
            Err(failure) => Err(failure),
        };
        let removed = match removed {
            Ok(removed) => removed,
            Err(failure) => return report.failures.push(failure),
        };
        for entry in entries {
            let Some(Ok(())) = removed.get(&entry.match_.remote_ref.remote_key) else { continue };
            report.record.forget(part, store, entry);
            // Who took the place while it was being deleted has nothing there now.
            let target = Target { store: object.to_string(), place: place_of(entry) };
            self.context.state.deleted_at(self.name, &target);
            report.taken_back.push(target);
        }
        for outcome in removed.into_values() {
            self.context.metrics.pushed(if outcome.is_ok() { "deleted" } else { "failed" });
            report.changed |= outcome.is_ok();
            report.failures.extend(outcome.err());
        }
    }

    /// The Secret is gone: with deletionPolicy Delete so is what was pushed of it.
    pub(super) async fn source_is_gone(&mut self) -> Found {
        let deletes = self.ps.spec.deletion_policy == PushDeletionPolicy::Delete;
        let mut report = Report { record: self.record(), ..Report::default() };
        if !deletes || report.record.is_empty() {
            let secret = format!("{}/{}", self.name.namespace, self.secret_name().unwrap_or_default());
            report.failures.push(Failure::SourceNotFound { secret });
            return report.found("", String::new(), Outcome::Synced);
        }
        // What lies at a store that is not there has not been taken back, and that is said.
        self.missing.clear();
        self.going.clear();
        self.take_back(&BTreeSet::new(), &mut report).await;
        report.found("failed to cleanup provider secrets: ", String::new(), Outcome::SourceDeleted)
    }

    /// It is being deleted, and waits for us while it bears the finalizer.
    pub(super) async fn deleted(&mut self) -> Next {
        if !self.has_finalizer() {
            return None;
        }
        let mut report = Report { record: self.record(), ..Report::default() };
        if self.ps.spec.deletion_policy == PushDeletionPolicy::Delete {
            self.missing.clear();
            self.going.clear();
            self.take_back(&BTreeSet::new(), &mut report).await;
        } else {
            report.record = Record::default();
        }
        if report.failures.is_empty() && report.record.is_empty() {
            return match push_secret::set_finalizer(&self.context.client, self.ps, false).await {
                Ok(true) => None,
                Ok(false) => Some((Class::Retry, Instant::now() + STALE)),
                Err(failure) => self.failed(failure).await,
            };
        }
        if report.failures.is_empty() {
            // The rest is another operator's.
            let Record { synced, pushing, .. } = report.record;
            let status = self.progress.status.clone().unwrap_or_default();
            let status = PushSecretStatus { synced_push_secrets: synced, pushing, ..status };
            self.report(&status, false).await;
            return None;
        }
        let mut found =
            report.found("Failed to Delete Secrets from Provider: ", String::new(), Outcome::Synced);
        if let Outcome::Failed(why) = &mut found.outcome {
            why.push_str("; to leave there what was pushed, set deletionPolicy None");
        }
        self.ended(found).await
    }
}
