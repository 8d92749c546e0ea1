//! What is about to be written for the first time is said in the status before: who is stopped in between, or his successor,
//! finds it there, and pushes it again or takes it back.
//!
//! Only with deletionPolicy Delete: nothing else is ever taken back. It is looked at first, and what stands there already is
//! not said, for it is another's until something was written: a push that fails must not have it deleted.

use claviger_core::error::Failure;
use claviger_core::push::{Ended, Entry, Part, Target, place_of, recorded};
use claviger_crds::push_secret::{PushData, PushDeletionPolicy, SyncedPushSecrets, UpdatePolicy};

use super::Look;
use super::push::{Report, Wanted};
use crate::cluster::push_secret;
use crate::sync::push::Keys;

impl Look<'_> {
    /// Says it, in one write for all stores, and in none if all is known.
    ///
    /// # Errors
    /// If it could not be said: then nothing may be written.
    pub(super) async fn announce(&mut self, all: &mut [Wanted], report: &mut Report) -> Result<(), Failure> {
        if self.ps.spec.deletion_policy != PushDeletionPolicy::Delete {
            return Ok(());
        }
        let mut begun = SyncedPushSecrets::new();
        for one in all {
            self.clear_names(one, report).await?;
            self.look_at(one, report).await;
            let free = one.entries.iter().filter(|entry| one.looked.is_free(entry));
            let new = report.record.begin(&one.key, free.map(|entry| &entry.recorded));
            if !new.is_empty() {
                begun.insert(one.key.clone(), new);
            }
        }
        if begun.is_empty() {
            return Ok(());
        }
        if let Err(failure) = push_secret::announce(&self.context.client, self.name, &begun).await {
            for (store, entries) in &begun {
                entries.values().for_each(|entry| report.record.end(store, entry, Ended::Refused));
            }
            return Err(failure);
        }
        self.announced = true;
        let status = self.progress.status.get_or_insert_default();
        for (store, entries) in begun {
            status.pushing.entry(store).or_default().extend(entries);
        }
        // Whatever becomes of this look.
        self.context.state.set_push_progress(self.name, self.progress.clone());
        Ok(())
    }

    /// Takes back what has the name of an entry in the status and is another place: both cannot stand there.
    ///
    /// # Errors
    /// If it could not be said.
    async fn clear_names(&mut self, one: &mut Wanted, report: &mut Report) -> Result<(), Failure> {
        let key = one.key.as_str();
        let of = |entry: &Entry| report.record.namesake(key, &entry.recorded).cloned();
        let old: Vec<PushData> = one.entries.iter().filter_map(of).collect();
        if old.is_empty() {
            return Ok(());
        }
        let store = one.object.to_string();
        let (others, ours): (Vec<_>, Vec<_>) = old.into_iter().partition(|entry| {
            let target = Target { store: store.clone(), place: place_of(entry) };
            self.context.state.is_anothers(self.name, &target)
        });
        others.iter().for_each(|entry| report.record.forget(Part::Pushing, key, entry));
        self.take_from(key, Part::Pushing, &ours, report).await;
        let record = &report.record;
        // What could not be taken back is in the report.
        one.entries.retain(|entry| record.namesake(key, &entry.recorded).is_none());
        let names = others.iter().chain(&ours).map(|entry| recorded(entry).0);
        let gone: Vec<String> = names
            .filter(|name| !record.pushing.get(key).is_some_and(|entries| entries.contains_key(name)))
            .collect();
        push_secret::unannounce(&self.context.client, self.name, key, &gone).await?;
        let status = self.progress.status.get_or_insert_default();
        if let Some(entries) = status.pushing.get_mut(key) {
            entries.retain(|name, _| !gone.contains(name));
            if entries.is_empty() {
                status.pushing.remove(key);
            }
        }
        self.context.state.set_push_progress(self.name, self.progress.clone());
        Ok(())
    }

    /// Looks at what stands where something may be written for the first time, and, where nothing may be replaced, at what
    /// may have been written before. What cannot be looked at now is not written.
    async fn look_at(&self, one: &mut Wanted, report: &mut Report) {
        let key = one.key.as_str();
        let keeps = self.ps.spec.update_policy == UpdatePolicy::IfNotExists;
        let mut keys = Keys::default();
        for entry in &one.entries {
            if !report.record.knows(key, &entry.recorded) {
                keys.unknown.insert(entry.place.key.as_str());
            } else if keeps && report.record.is_unsure(key, &entry.recorded) {
                keys.unsure.insert(entry.place.key.as_str());
            }
        }
        if keys.unknown.is_empty() && keys.unsure.is_empty() {
            return;
        }
        let (pipeline, namespace) = (&self.context.pipeline, &self.name.namespace);
        let look = pipeline.push_look(&one.object, namespace, &one.entries, &keys, &self.world);
        match look.await {
            Ok(mut looked) => {
                let failed = std::mem::take(&mut looked.failed);
                one.entries.retain(|entry| !failed.contains_key(&entry.place.key));
                for failure in failed.into_values() {
                    self.context.metrics.pushed("failed");
                    report.failures.push(failure);
                }
                let is_unsure = |entry: &&Entry| keeps && report.record.is_unsure(key, &entry.recorded);
                let unsure: Vec<&Entry> = one.entries.iter().filter(is_unsure).collect();
                for entry in unsure {
                    match looked.is_as_pushed(entry) {
                        Some(true) => report.record.prove(key, &entry.recorded),
                        // Somebody else was faster than this one's next try.
                        Some(false) => report.record.forget(Part::Pushing, key, &entry.recorded),
                        None => {}
                    }
                }
                one.looked = looked;
            }
            // Who may write and not look is not kept from writing.
            Err(Failure::WriteRefused { .. } | Failure::ProviderFailed { .. }) => {}
            Err(failure) => {
                self.unwritten(&one.object, failure, report);
                one.entries.clear();
            }
        }
    }

    /// Of what was tried for the first time and refused: where nothing stands, nothing was written.
    pub(super) async fn after_refusals(&self, one: &Wanted, refused: &[Entry], report: &mut Report) {
        let keys = Keys {
            unknown: refused.iter().map(|entry| entry.place.key.as_str()).collect(),
            ..Keys::default()
        };
        let (pipeline, namespace) = (&self.context.pipeline, &self.name.namespace);
        // Whoever may not look is unsure, and tries again.
        let Ok(looked) = pipeline.push_look(&one.object, namespace, refused, &keys, &self.world).await else {
            return;
        };
        for entry in refused.iter().filter(|entry| looked.is_free(entry)) {
            report.record.end(&one.key, &entry.recorded, Ended::Refused);
        }
    }
}
