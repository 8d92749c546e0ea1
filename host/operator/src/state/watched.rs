//! What the watches bring, and what it wakes: each event changes what is known and queues whom it concerns.
//!
//! Nothing is decided about the objects here, and nothing is written.

use std::collections::BTreeMap;
use std::time::Instant;

use claviger_core::scheduler::Class;
use claviger_core::template::SourceKind;
use claviger_crds::external_secret::ExternalSecret;
use claviger_crds::plugin::Plugin;
use claviger_crds::store::{ClusterSecretStore, SecretStore};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::watcher::Event;

use super::{Inner, Parsed, State, Store, children, is_newer, meta_of};
use crate::watch::cache::{Cache, Change, Name};
use crate::watch::managed::ManagedSecret;
use crate::watch::{Object, Reference};

impl State {
    /// An event of the ExternalSecret watch.
    pub(crate) fn external_secret_event(&self, event: Event<DeserializeGuard<ExternalSecret>>) {
        let mut inner = self.lock();
        self.external_secret_changed(&mut inner, event);
        drop(inner);
        self.wake.notify_one();
    }

    /// The same, for who holds the lock already.
    pub(super) fn external_secret_changed(
        &self,
        inner: &mut Inner,
        event: Event<DeserializeGuard<ExternalSecret>>,
    ) {
        if matches!(event, Event::Init) {
            inner.listed = Some(Instant::now());
        }
        let listing = matches!(event, Event::InitApply(_)).then_some(inner.listed).flatten();
        let same = shows_nothing_new(&inner.external_secrets, &event, wanted_state);
        let mut gone = match &event {
            Event::Delete(object) => object.meta().uid.clone(),
            _ => None,
        };
        match &event {
            Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => {
                if !same {
                    inner.wake_spreaders(object.meta());
                }
            }
            // What a list shows no more.
            Event::InitDone => inner.wake_all_spreaders(),
            Event::Init => {}
        }
        let changes = inner.external_secrets.apply(event, |guard| guard.0.map(slim).map_err(Box::new));
        for change in changes {
            inner.remade(&change);
            match change {
                Change::Upserted(_) if same => {}
                Change::Upserted(name) => {
                    inner.reindex(&name);
                    inner.progress.entry(name.clone()).or_default().changed = Some(Instant::now());
                    match listing {
                        Some(at) => {
                            let class = if inner.was_synced(&name) { Class::Refresh } else { Class::Fresh };
                            inner.push_in_company(name, class, at);
                        }
                        None => {
                            inner.queue.push(Object::ExternalSecret(name), Class::Fresh, Instant::now());
                        }
                    }
                }
                Change::Deleted(name) => {
                    if let Some(uid) = gone.take() {
                        inner.external_secret_gone(&name, uid);
                    }
                    inner.index.forget_external_secret(&name);
                    inner.index.forget_reads(&Object::ExternalSecret(name.clone()));
                    let object = Object::ExternalSecret(name);
                    self.metrics.forget(&object);
                    inner.queue.push(object, Class::Fresh, Instant::now());
                }
                Change::Synced => {}
            }
        }
    }

    /// An event of the SecretStore watch.
    pub(crate) fn store_event(&self, event: Event<DeserializeGuard<SecretStore>>) {
        let mut inner = self.lock();
        let before = other_labels(&inner.stores, &event);
        let changes = inner.stores.apply(event, |guard| match guard.0 {
            Ok(store) => Store { metadata: store.metadata, spec: Ok(store.spec), status: store.status },
            Err(invalid) => Store { metadata: invalid.metadata, spec: Err(invalid.error), status: None },
        });
        self.stores_changed(&mut inner, changes, before, Object::SecretStore);
        drop(inner);
        self.wake.notify_one();
    }

    /// An event of the ClusterSecretStore watch.
    pub(crate) fn cluster_store_event(&self, event: Event<DeserializeGuard<ClusterSecretStore>>) {
        let mut inner = self.lock();
        let before = other_labels(&inner.cluster_stores, &event);
        let changes = inner.cluster_stores.apply(event, |guard| match guard.0 {
            Ok(store) => Store { metadata: store.metadata, spec: Ok(store.spec.0), status: store.status },
            Err(invalid) => Store { metadata: invalid.metadata, spec: Err(invalid.error), status: None },
        });
        self.stores_changed(&mut inner, changes, before, |name| Object::ClusterSecretStore(name.name));
        drop(inner);
        self.wake.notify_one();
    }

    /// `before`: the labels that the one of the event had, if it has others now.
    fn stores_changed(
        &self,
        inner: &mut Inner,
        changes: Vec<Change>,
        mut before: Option<BTreeMap<String, String>>,
        object: impl Fn(Name) -> Object,
    ) {
        for change in changes {
            match change {
                Change::Upserted(name) => {
                    let store = object(name);
                    let generation = inner.store(&store).and_then(|store| store.metadata.generation);
                    let known = inner.verdicts.get(&store).map(|verdict| verdict.generation);
                    // A status write moves no generation.
                    if known.is_none() || known != generation {
                        inner.wake_spreaders_of(&store);
                        inner.index.forget_reads(&store);
                        inner.queue.push(store.clone(), Class::Fresh, Instant::now());
                        inner.wake_users(&store);
                    }
                    // Nor do labels.
                    if let Some(before) = before.take() {
                        inner.wake_pushers_by_labels(&store, before);
                    }
                }
                Change::Deleted(name) => {
                    let store = object(name);
                    self.metrics.forget(&store);
                    inner.wake_spreaders_of(&store);
                    inner.verdicts.remove(&store);
                    inner.store_failures.remove(&store);
                    inner.untold_stores.remove(&store);
                    inner.index.forget_reads(&store);
                    inner.queue.push(store.clone(), Class::Fresh, Instant::now());
                    inner.wake_users(&store);
                }
                Change::Synced => {}
            }
        }
    }

    /// An event of the Plugin watch.
    pub(crate) fn plugin_event(&self, event: Event<DeserializeGuard<Plugin>>) {
        let mut inner = self.lock();
        let same = shows_nothing_new(&inner.plugins, &event, |meta| (meta.uid.clone(), meta.generation));
        for change in inner.plugins.apply(event, |guard| guard.0.map_err(Box::new)) {
            match change {
                Change::Upserted(_) if same => {}
                Change::Upserted(name) | Change::Deleted(name) => {
                    inner.queue.push(Object::Plugin(name.name), Class::Fresh, Instant::now());
                }
                Change::Synced => {}
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// An event of the managed Secrets' watch: drift wakes the writers.
    pub(crate) fn managed_event(&self, event: Event<ManagedSecret>) {
        let mut inner = self.lock();
        let own_write = match &event {
            Event::Apply(secret) | Event::InitApply(secret) => {
                inner.managed.is_at(&Name::of(secret), secret.metadata.resource_version.as_deref())
            }
            _ => false,
        };
        // We have written meanwhile, over what this shows, and know that. (A list may go back: etcd was restored.)
        if let Event::Apply(secret) = &event
            && !own_write
            && inner.managed.get(&Name::of(secret)).is_some_and(|known| {
                known.metadata.uid == secret.metadata.uid && !is_newer(&secret.metadata, &known.metadata)
            })
        {
            return;
        }
        // What stores refer to may be managed as well.
        if let Event::Apply(secret) | Event::InitApply(secret) | Event::Delete(secret) = &event {
            inner.wake_readers(SourceKind::Secret, &secret.metadata);
        }
        let gone = match &event {
            Event::Delete(secret) => inner.orphan(secret),
            _ => None,
        };
        // An ExternalSecret that is there is woken as a writer; of one that is gone, what the Secret held is revoked.
        if let Some(owner) = gone {
            inner.queue.push(Object::ExternalSecret(owner), Class::Fresh, Instant::now());
        }
        for change in inner.managed.apply(event) {
            if let Change::Upserted(name) | Change::Deleted(name) = change
                && !own_write
            {
                inner.wake_writers(&name);
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// An event of the watch of all other Secrets.
    pub(crate) fn other_event(&self, event: Event<PartialObjectMeta<Secret>>) {
        self.lock().others.apply(&event);
        self.reference_event(SourceKind::Secret, event);
    }

    /// That watch failed.
    pub(crate) fn others_failed(&self) {
        self.lock().others.failed();
    }

    /// An event of a watch of what is referred to.
    pub(crate) fn reference_event<K: Resource>(&self, kind: SourceKind, event: Event<PartialObjectMeta<K>>) {
        match event {
            // A relist shows every object again. Whoever refers to one was queued when it was itself
            // listed, and a change that was missed shows in the next connect's identity.
            Event::Init | Event::InitDone => {}
            Event::InitApply(object) | Event::Apply(object) | Event::Delete(object) => {
                self.reference_changed(kind, &object.metadata);
            }
        }
    }

    /// A Secret that is not managed, or a ConfigMap, changed: wakes who reads it, and who would write it.
    pub(crate) fn reference_changed(&self, kind: SourceKind, meta: &ObjectMeta) {
        let mut inner = self.lock();
        inner.wake_readers(kind, meta);
        if kind == SourceKind::Secret {
            let (namespace, name) = (meta.namespace.clone(), meta.name.clone());
            inner.wake_writers(&Name::new(namespace.unwrap_or_default(), name.unwrap_or_default()));
        }
        drop(inner);
        self.wake.notify_one();
    }
}

impl Inner {
    /// Wakes who reads something, and who pushes it.
    fn wake_readers(&mut self, kind: SourceKind, meta: &ObjectMeta) {
        let reference = Reference {
            kind,
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        };
        for reader in self.index.readers(&reference) {
            if !matches!(reader, Object::ExternalSecret(_) | Object::PushSecret(_)) {
                self.verdicts.remove(&reader);
                self.wake_users(&reader);
            }
            self.queue.push(reader, Class::Fresh, Instant::now());
        }
        if kind == SourceKind::Secret {
            self.wake_pushers_of(meta);
        }
    }
}

/// Whether an event shows an object that is known, and as it was in what `asks` takes of its metadata: after a status that
/// we wrote ourselves, or a relist.
pub(super) fn shows_nothing_new<K: Resource<DynamicType = ()>, A: PartialEq>(
    known: &Cache<Parsed<K>>,
    event: &Event<DeserializeGuard<K>>,
    asks: impl Fn(&ObjectMeta) -> A,
) -> bool {
    let (Event::Apply(object) | Event::InitApply(object)) = event else { return false };
    known.get(&Name::of(object)).is_some_and(|known| asks(meta_of(&known)) == asks(object.meta()))
}

/// The labels that a store had that is shown with others.
fn other_labels<K: Resource<DynamicType = ()>>(
    known: &Cache<Store>,
    event: &Event<DeserializeGuard<K>>,
) -> Option<BTreeMap<String, String>> {
    let (Event::Apply(object) | Event::InitApply(object)) = event else { return None };
    let before = known.get(&Name::of(object))?.metadata.labels.clone().unwrap_or_default();
    let same = object.meta().labels.as_ref().map_or(before.is_empty(), |labels| *labels == before);
    (!same).then_some(before)
}

/// What of an object's metadata asks for work; a status write changes none of it.
pub(super) fn wanted_state(meta: &ObjectMeta) -> impl PartialEq + use<> {
    (
        meta.uid.clone(),
        meta.generation,
        meta.labels.clone(),
        meta.annotations.clone(),
        meta.deletion_timestamp.is_some(),
        meta.owner_references.clone(),
    )
}

/// Field ownership of ExternalSecrets is a third of their size, and nobody's business but for what a
/// ClusterExternalSecret gave them.
fn slim(mut es: ExternalSecret) -> ExternalSecret {
    children::keep_given(&mut es.metadata);
    es
}

#[cfg(test)]
#[path = "watched_tests.rs"]
mod tests;
