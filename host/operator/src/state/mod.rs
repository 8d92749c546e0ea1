//! What the watches and the workers share: the caches, the index, the queue.
//!
//! One lock, held for look-ups and insertions only, never over an await. Events become queue entries (`watched`);
//! what an entry means is decided by the reconciler that takes it.

mod absent;
mod asked;
pub(crate) mod children;
mod leases;
pub(crate) mod left;
mod progress;
pub(crate) mod push;
pub(crate) mod push_spread;
mod spread;
mod statuses;
mod stores;
mod term;
mod uids;
mod uses;
pub(crate) mod view;
mod watched;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use claviger_core::failures::Unread;
use claviger_core::refresh::{company, first_key};
use claviger_core::scheduler::{Class, Scheduler};
use claviger_core::spread::NamespaceView;
use claviger_crds::cluster_external_secret::ClusterExternalSecret;
use claviger_crds::cluster_push_secret::ClusterPushSecret;
use claviger_crds::external_secret::ExternalSecret;
use claviger_crds::generators::GeneratorState;
use claviger_crds::plugin::Plugin;
use claviger_crds::push_secret::PushSecret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::error_boundary::InvalidObject;
use tokio::sync::Notify;

use crate::metrics::Metrics;
use crate::watch::cache::{Cache, Name};
use crate::watch::index::Index;
use crate::watch::managed::ManagedSecret;
use crate::watch::marked::MarkedCache;
use crate::watch::others::Others;
use crate::watch::{Object, Reference};
use children::Spreading;
use leases::Leases;
pub(crate) use progress::{Progress, RolledOut};
use push::Pushing;
use statuses::UnwrittenStatus;
pub(crate) use stores::{Store, Verdict, stores_named};

/// An object, or what is known of one that does not parse.
pub(crate) type Parsed<K> = Result<K, Box<InvalidObject>>;

/// What is not watched, so that work starts without its lists.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unwatched {
    /// Cluster-scoped kinds: a namespaced installation has no right to them.
    pub cluster_scope: bool,
    /// ClusterExternalSecrets.
    pub cluster_external_secrets: bool,
    /// PushSecrets.
    pub push_secrets: bool,
    /// ClusterPushSecrets.
    pub cluster_push_secrets: bool,
}

#[derive(Default)]
struct Inner {
    external_secrets: Cache<Parsed<ExternalSecret>>,
    stores: Cache<Store>,
    cluster_stores: Cache<Store>,
    plugins: Cache<Parsed<Plugin>>,
    cluster_external_secrets: Cache<Parsed<ClusterExternalSecret>>,
    push_secrets: Cache<Parsed<PushSecret>>,
    cluster_push_secrets: Cache<Parsed<ClusterPushSecret>>,
    namespaces: Cache<NamespaceView>,
    left: Cache<GeneratorState>,
    managed: MarkedCache,
    others: Others,
    index: Index,
    verdicts: BTreeMap<Object, Verdict>,
    store_failures: BTreeMap<Object, u32>,
    /// Failures in a row to write its status.
    untold_stores: BTreeMap<Object, u32>,
    progress: BTreeMap<Name, Progress>,
    leases: Leases,
    rollouts: BTreeMap<Name, RolledOut>,
    unread: BTreeMap<Name, Arc<Unread>>,
    unwritten: BTreeMap<Name, UnwrittenStatus>,
    spreading: Spreading,
    pushing: Pushing,
    queue: Scheduler<Object>,
    unwatched: Unwatched,
    /// When the list of ExternalSecrets that is coming in began.
    listed: Option<Instant>,
    /// Whether this process works, and not only stands by.
    working: bool,
}

/// The shared state.
pub(crate) struct State {
    inner: Mutex<Inner>,
    /// Told when the queue or the sync state changed.
    wake: Notify,
    /// Told when what generators left behind changed.
    left_changed: Notify,
    metrics: Arc<Metrics>,
}

impl State {
    /// Nothing seen yet.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { inner: Mutex::default(), wake: Notify::new(), left_changed: Notify::new(), metrics }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something was queued or a list completed.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The lists that have not come in.
    pub(crate) fn unlisted(&self) -> Vec<&'static str> {
        let inner = self.lock();
        let Unwatched { cluster_scope, cluster_external_secrets, push_secrets, cluster_push_secrets } =
            inner.unwatched;
        let lists = [
            ("externalsecrets", inner.external_secrets.synced()),
            ("secretstores", inner.stores.synced()),
            ("generatorstates", inner.left.synced()),
            ("managed secrets", inner.managed.synced()),
            ("clustersecretstores", cluster_scope || inner.cluster_stores.synced()),
            ("plugins", cluster_scope || inner.plugins.synced()),
            ("clusterexternalsecrets", cluster_external_secrets || inner.cluster_external_secrets.synced()),
            ("pushsecrets", push_secrets || inner.push_secrets.synced()),
            ("clusterpushsecrets", cluster_push_secrets || inner.cluster_push_secrets.synced()),
            ("namespaces", cluster_external_secrets && cluster_push_secrets || inner.namespaces.synced()),
        ];
        lists.into_iter().filter(|(_, synced)| !synced).map(|(list, _)| list).collect()
    }

    /// Whether every list has come in.
    pub(crate) fn synced(&self) -> bool {
        self.unlisted().is_empty()
    }

    /// These are not watched: no list of them will come in.
    pub(crate) fn without(&self, unwatched: Unwatched) {
        self.lock().unwatched = unwatched;
    }

    // === the queue ===

    /// Queues an object for now.
    pub(crate) fn push(&self, object: Object, class: Class) {
        self.lock().queue.push(object, class, Instant::now());
        self.wake.notify_one();
    }

    /// How many objects wait to be looked at, now or later.
    pub(crate) fn queued(&self) -> usize {
        self.lock().queue.len()
    }

    /// How many workers are at work.
    pub(crate) fn at_work(&self) -> usize {
        self.lock().queue.workers_at_work()
    }

    /// When there is something to do for one of so many workers, if nothing happens until then.
    pub(crate) fn next_due(&self, workers: usize) -> Option<Instant> {
        self.lock().queue.next_due(Instant::now(), workers)
    }

    /// An object's reconcile ended, and when to look again.
    pub(crate) fn done(&self, object: &Object, next: Option<(Class, Instant)>) {
        self.lock().queue.done(object, next);
        self.wake.notify_one();
    }

    // === look-ups ===

    /// An ExternalSecret.
    pub(crate) fn external_secret(&self, name: &Name) -> Option<Arc<Parsed<ExternalSecret>>> {
        self.lock().external_secrets.get(name)
    }

    /// A Plugin object.
    pub(crate) fn plugin(&self, name: &str) -> Option<Arc<Parsed<Plugin>>> {
        self.lock().plugins.get(&Name::new("", name))
    }

    /// Every Plugin object.
    pub(crate) fn plugins(&self) -> Vec<(String, Arc<Parsed<Plugin>>)> {
        let inner = self.lock();
        inner.plugins.iter().map(|(name, plugin)| (name.name.clone(), plugin.clone())).collect()
    }

    /// A Secret with the managed label.
    pub(crate) fn managed(&self, name: &Name) -> Option<Arc<ManagedSecret>> {
        self.lock().managed.get(name)
    }

    /// Whether the watches show that there is no Secret of that name, managed or not. They may be a moment behind.
    pub(crate) fn lacks(&self, name: &Name) -> bool {
        let inner = self.lock();
        inner.managed.synced() && !inner.managed.holds(name) && inner.others.lacks(name)
    }

    /// Managed Secrets of a namespace with that created-by label.
    pub(crate) fn created_by(&self, namespace: &str, label: &str) -> Vec<Arc<ManagedSecret>> {
        self.lock().managed.marked(namespace, label)
    }

    /// Our own write, before the watch shows it; what the watch has shown since is newer. `seen`: the version that it was
    /// written over. If that is not the known one, somebody else's write lies between: the watch will come too late with it,
    /// so it wakes the writers now.
    pub(crate) fn wrote(&self, secret: ManagedSecret, seen: Option<&str>) {
        let name = Name::of(&secret);
        let mut inner = self.lock();
        let known = inner.managed.get(&name);
        if known.as_ref().is_some_and(|known| !is_newer(&secret.metadata, &known.metadata)) {
            return;
        }
        if known.is_some_and(|known| known.metadata.resource_version.as_deref() != seen) {
            inner.wake_writers(&name);
        }
        inner.managed.insert(name, secret);
        drop(inner);
        self.wake.notify_one();
    }

    /// Our own deletion, before the watch shows it; it may have shown a new one of that name since.
    pub(crate) fn deleted(&self, name: &Name, uid: &str) {
        let mut inner = self.lock();
        let known = inner.managed.get(name);
        if known.is_some_and(|known| known.metadata.uid.as_deref().unwrap_or_default() == uid) {
            inner.managed.remove(name);
        }
    }

    // === dependencies ===

    /// Notes that an object reads another, and so wants to be woken when that changes.
    pub(crate) fn add_read(&self, object: &Object, reference: Reference) {
        self.lock().index.add_read(object, reference);
    }

    /// Who reads something.
    #[cfg(test)]
    pub(crate) fn readers(&self, reference: &Reference) -> Vec<Object> {
        self.lock().index.readers(reference)
    }

    /// What an object reads is not known any more.
    pub(crate) fn forget_reads(&self, object: &Object) {
        self.lock().index.forget_reads(object);
    }
}

impl Inner {
    /// Queues one of many that are due at the same moment.
    fn push_in_company(&mut self, name: Name, class: Class, at: Instant) {
        let parsed = self.external_secrets.get(&name);
        let later = parsed.as_deref().and_then(|parsed| {
            let es = parsed.as_ref().ok()?;
            let store = stores_named(&es.spec, &name.namespace).next()?;
            Some(company(&format!("{} {store}", store.kind()), first_key(&es.spec)?))
        });
        self.queue.push(Object::ExternalSecret(name), class, at + later.unwrap_or_default());
    }

    fn wake_writers(&mut self, target: &Name) {
        for writer in self.index.writers(target) {
            self.queue.push(Object::ExternalSecret(writer), Class::Fresh, Instant::now());
        }
    }

    fn was_synced(&self, name: &Name) -> bool {
        let known = self.external_secrets.get(name);
        known.is_some_and(|parsed| {
            let status = parsed.as_ref().as_ref().ok().and_then(|es| es.status.as_ref());
            status.is_some_and(|status| status.synced_resource_version.is_some())
        })
    }

    fn reindex(&mut self, name: &Name) {
        let Some(parsed) = self.external_secrets.get(name) else { return };
        let Ok(es) = parsed.as_ref() else {
            self.index.forget_external_secret(name);
            return;
        };
        let target = es.spec.target.name.clone().unwrap_or_else(|| name.name.clone());
        let stores = stores_named(&es.spec, &name.namespace);
        self.index.set_external_secret(name, stores, Name::new(&name.namespace, target));
    }
}

/// The metadata of an object, known also of one that does not parse.
pub(crate) fn meta_of<K: Resource>(parsed: &Parsed<K>) -> &ObjectMeta {
    match parsed {
        Ok(object) => object.meta(),
        Err(invalid) => &invalid.metadata,
    }
}

/// Whether an object's version is later than the known one. The API server's versions are numbers that rise.
fn is_newer(object: &ObjectMeta, known: &ObjectMeta) -> bool {
    let version = |meta: &ObjectMeta| meta.resource_version.as_deref().and_then(|v| v.parse::<u64>().ok());
    match (version(object), version(known)) {
        (Some(object), Some(known)) => object > known,
        _ => true,
    }
}
