//! Stores of both kinds: as the watches show them, how their validation ended, and who names them.

use std::sync::Arc;
use std::time::Instant;

use claviger_core::scheduler::Class;
use claviger_crds::external_secret::ExternalSecretSpec;
use claviger_crds::store::{SecretStoreSpec, SecretStoreStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Inner, State};
use crate::watch::Object;
use crate::watch::cache::Name;

/// A store of either kind.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its spec, or why it does not parse.
    pub spec: Result<SecretStoreSpec, String>,
    /// Its status as last seen.
    pub status: Option<SecretStoreStatus>,
}

impl Store {
    /// The controller class that it names.
    pub(crate) fn class(&self) -> Option<&str> {
        self.spec.as_ref().ok()?.controller.as_deref()
    }
}

/// How the last validation of a store ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The generation that was validated.
    pub generation: i64,
    /// Whether ExternalSecrets may use it.
    pub ready: bool,
    /// Reason and message of the condition.
    pub text: (String, String),
}

impl State {
    /// A store of either kind.
    pub(crate) fn store(&self, object: &Object) -> Option<Arc<Store>> {
        self.lock().store(object)
    }

    /// Every store.
    pub(crate) fn stores(&self) -> Vec<Object> {
        self.lock().stores().map(|(object, _)| object).collect()
    }

    /// The verdict on a store, if it was validated by this process.
    pub(crate) fn verdict(&self, store: &Object) -> Option<Verdict> {
        self.lock().verdicts.get(store).cloned()
    }

    /// Keeps a verdict; wakes the store's users if it began or ceased to work. Returns how often in a row
    /// it has failed.
    pub(crate) fn set_verdict(&self, store: &Object, verdict: Verdict) -> u32 {
        let mut inner = self.lock();
        let ready = verdict.ready;
        let before = inner.verdicts.insert(store.clone(), verdict);
        if before.is_none_or(|before| before.ready != ready) {
            inner.wake_users(store);
        }
        let failures = if ready {
            inner.store_failures.remove(store);
            0
        } else {
            let failures = inner.store_failures.entry(store.clone()).or_default();
            *failures = failures.saturating_add(1);
            *failures
        };
        drop(inner);
        self.wake.notify_one();
        failures
    }

    /// Whether the store's status could be written; how often in a row it could not.
    pub(crate) fn told(&self, store: &Object, written: bool) -> u32 {
        let mut inner = self.lock();
        if written {
            inner.untold_stores.remove(store);
            return 0;
        }
        let failures = inner.untold_stores.entry(store.clone()).or_default();
        *failures = failures.saturating_add(1);
        *failures
    }

    /// Somebody who uses the store had trouble that is the store's: validate it, if it is thought to work.
    pub(crate) fn doubt(&self, store: &Object) {
        let mut inner = self.lock();
        if inner.verdicts.get(store).is_none_or(|verdict| verdict.ready) {
            inner.queue.push(store.clone(), Class::Fresh, Instant::now());
        }
        drop(inner);
        self.wake.notify_one();
    }
}

impl Inner {
    /// A store of either kind.
    pub(super) fn store(&self, object: &Object) -> Option<Arc<Store>> {
        match object {
            Object::SecretStore(name) => self.stores.get(name),
            Object::ClusterSecretStore(name) => self.cluster_stores.get(&Name::new("", name)),
            _ => None,
        }
    }

    /// Every store, those of the cluster behind the others.
    pub(super) fn stores(&self) -> impl Iterator<Item = (Object, &Arc<Store>)> {
        let namespaced = self.stores.iter().map(|(name, store)| (Object::SecretStore(name.clone()), store));
        let cluster = self.cluster_stores.iter();
        namespaced.chain(cluster.map(|(name, store)| (Object::ClusterSecretStore(name.name.clone()), store)))
    }

    /// Who uses it looks again.
    pub(super) fn wake_users(&mut self, store: &Object) {
        let now = Instant::now();
        for user in self.index.users(store) {
            self.push_in_company(user, Class::Fresh, now);
        }
        self.wake_pushers_to(store);
    }
}

/// Every store that an ExternalSecret with that spec names in that namespace, as often as it does, its own first.
pub(crate) fn stores_named(spec: &ExternalSecretSpec, namespace: &str) -> impl Iterator<Item = Object> {
    let own = spec.secret_store_ref.iter();
    let entries = spec.data.iter().filter_map(|entry| entry.source_ref.as_ref());
    let many = spec.data_from.iter().filter_map(|entry| entry.source_ref.as_ref());
    let per_entry = entries.chain(many).filter_map(|source| source.store_ref.as_ref());
    own.chain(per_entry).filter_map(move |store| {
        Some(Object::store(store.kind.unwrap_or_default(), namespace, store.name.as_deref()?))
    })
}
