//! What is about to be written for the first time is said in the status before: who is stopped in between, or his successor,
//! finds it there, and pushes it again or takes it back.
//!
//! Only with deletionPolicy Delete: nothing else is ever taken back. With IfNotExists it is looked at first, and what
//! stands there is not said, for it is not ours.

use std::collections::BTreeSet;

use claviger_core::error::Failure;
use claviger_core::push::{Ended, Entry, store_key};
use claviger_crds::push_secret::{PushDeletionPolicy, SyncedPushSecrets, UpdatePolicy};

use super::Look;
use super::push::{Report, Wanted};
use crate::cluster::push as cluster;
use crate::state::store_object;
use crate::watch::cache::Name;

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
            let key = store_key(one.store.kind, &one.store.name);
            if self.ps.spec.update_policy == UpdatePolicy::IfNotExists {
                self.look_at(&key, one, report).await;
            }
            let (policy, looked) = (self.ps.spec.update_policy, &one.looked);
            let ours = |entry: &&Entry| policy == UpdatePolicy::Replace || looked.is_free(entry);
            let ours = one.entries.iter().filter(ours).map(|entry| &entry.recorded);
            let new = report.record.begin(&key, ours);
            if !new.is_empty() {
                begun.insert(key, new);
            }
        }
        if begun.is_empty() {
            return Ok(());
        }
        let Name { namespace, name } = self.name;
        if let Err(failure) = cluster::announce(&self.context.client, namespace, name, &begun).await {
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

    /// Looks at what stands where something may be written for the first time. What cannot be looked at is not written.
    async fn look_at(&self, key: &str, one: &mut Wanted, report: &mut Report) {
        let unknown = one.entries.iter().filter(|entry| !report.record.knows(key, &entry.recorded));
        let keys: BTreeSet<&str> = unknown.map(|entry| entry.place.key.as_str()).collect();
        if keys.is_empty() {
            return;
        }
        let (pipeline, namespace) = (&self.context.pipeline, &self.name.namespace);
        let object = store_object(one.store.kind, namespace, &one.store.name);
        match pipeline.push_look(&object, namespace, &one.entries, &keys, &self.world).await {
            Ok(mut looked) => {
                let failed = std::mem::take(&mut looked.failed);
                one.entries.retain(|entry| !failed.contains_key(&entry.place.key));
                for failure in failed.into_values() {
                    self.context.metrics.pushed("failed");
                    report.failures.push(failure);
                }
                one.looked = looked;
            }
            // Who may write and not look is not kept from writing.
            Err(Failure::WriteRefused { .. }) => {}
            Err(failure) => {
                self.unwritten(&object, failure, report);
                one.entries.clear();
            }
        }
    }
}
