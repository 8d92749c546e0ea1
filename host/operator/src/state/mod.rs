//! What the watches and the workers share: the caches, the index, the queue.
//!
//! One lock, held for look-ups and insertions only, never over an await. Events become queue entries (`watched`);
//! what an entry means is decided by the reconciler that takes it.

mod absent;
mod asked;
pub(crate) mod children;
mod leases;
pub(crate) mod left;
pub(crate) mod push;
pub(crate) mod push_spread;
mod spread;
mod statuses;
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
use claviger_crds::external_secret::{ExternalSecret, ExternalSecretSpec};
use claviger_crds::generators::GeneratorState;
use claviger_crds::plugin::Plugin;
use claviger_crds::push_secret::PushSecret;
use claviger_crds::store::{SecretStoreSpec, SecretStoreStatus};
use jiff::Timestamp;
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
use push::Pushing;
use statuses::UnwrittenStatus;

/// An object, or what is known of one that does not parse.
pub(crate) type Parsed<K> = Result<K, Box<InvalidObject>>;

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

/// What is known of an ExternalSecret beyond its status.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// When it was last refreshed: the status says that only once a minute.
    pub last: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// When a refresh that brought a part only is tried again.
    pub again: Option<Instant>,
    /// When the object was last seen to change: answers that were fetched since then are new enough for
    /// it, so those who change together share them.
    pub changed: Option<Instant>,
    /// When somebody said that its provider has something new, if it has not been refreshed since.
    pub asked: Option<Instant>,
    /// What events said of missing entries (a hash of it), and when.
    absent: Option<(u64, Instant)>,
}

/// Workloads that were restarted for a change of a Secret's data.
#[derive(Clone, Debug)]
pub(crate) struct RolledOut {
    /// The change.
    pub mark: String,
    /// Whether all were restarted; else somebody was told why not.
    pub restarted: bool,
    /// Whether all of them run again.
    pub over: bool,
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

    /// When the next entry is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.lock().queue.next_due()
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

    /// A store of either kind.
    pub(crate) fn store(&self, object: &Object) -> Option<Arc<Store>> {
        self.lock().store(object)
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

    /// Every store.
    pub(crate) fn stores(&self) -> Vec<Object> {
        self.lock().stores().map(|(object, _)| object).collect()
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

    /// Our own write, before the watch shows it; what the watch has shown since is newer.
    pub(crate) fn wrote(&self, secret: ManagedSecret) {
        let name = Name::of(&secret);
        let mut inner = self.lock();
        let known = inner.managed.get(&name);
        if known.is_none_or(|known| is_newer(&secret.metadata, &known.metadata)) {
            inner.managed.insert(name, secret);
        }
    }

    /// Our own deletion, before the watch shows it.
    pub(crate) fn deleted(&self, name: &Name) {
        self.lock().managed.remove(name);
    }

    // === dependencies ===

    /// Notes that an object reads another, and so wants to be woken when that changes.
    pub(crate) fn add_read(&self, object: &Object, reference: Reference) {
        self.lock().index.add_read(object, reference);
    }

    /// What an object reads is not known any more.
    pub(crate) fn forget_reads(&self, object: &Object) {
        self.lock().index.forget_reads(object);
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

    /// Somebody who uses the store had trouble that is the store's: validate it, if it is thought to work.
    pub(crate) fn doubt(&self, store: &Object) {
        let mut inner = self.lock();
        if inner.verdicts.get(store).is_none_or(|verdict| verdict.ready) {
            inner.queue.push(store.clone(), Class::Fresh, Instant::now());
        }
        drop(inner);
        self.wake.notify_one();
    }

    // === progress of ExternalSecrets ===

    /// What is known.
    pub(crate) fn progress(&self, name: &Name) -> Progress {
        self.lock().progress.get(name).copied().unwrap_or_default()
    }

    /// A refresh worked.
    pub(crate) fn refreshed(&self, name: &Name, at: Timestamp) {
        let mut inner = self.lock();
        let progress = inner.progress.entry(name.clone()).or_default();
        progress.last = Some(at);
        progress.failures = 0;
        progress.again = None;
        inner.unread.remove(name);
    }

    /// What could not be read at the last refresh, if this process made it and it brought a part.
    pub(crate) fn unread(&self, name: &Name) -> Option<Arc<Unread>> {
        self.lock().unread.get(name).cloned()
    }

    /// A refresh brought a part, and is to be tried again then.
    pub(crate) fn partly_refreshed(&self, name: &Name, unread: Unread, at: Timestamp, again: Instant) {
        let mut inner = self.lock();
        inner.unread.insert(name.clone(), Arc::new(unread));
        let progress = inner.progress.entry(name.clone()).or_default();
        (progress.last, progress.again) = (Some(at), Some(again));
    }

    /// A refresh failed; how often in a row.
    pub(crate) fn failed(&self, name: &Name) -> u32 {
        let mut inner = self.lock();
        let progress = inner.progress.entry(name.clone()).or_default();
        progress.failures = progress.failures.saturating_add(1);
        progress.failures
    }

    /// It is gone.
    pub(crate) fn forget_progress(&self, name: &Name) {
        let mut inner = self.lock();
        inner.progress.remove(name);
        inner.rollouts.remove(name);
        inner.unread.remove(name);
        inner.unwritten.remove(name);
    }

    /// How far the restarts for an ExternalSecret's last change have come, as far as this process knows.
    pub(crate) fn rollout(&self, name: &Name) -> Option<RolledOut> {
        self.lock().rollouts.get(name).cloned()
    }

    /// So far have they come.
    pub(crate) fn rolled(&self, name: &Name, rollout: RolledOut) {
        self.lock().rollouts.insert(name.clone(), rollout);
    }
}

impl Inner {
    fn store(&self, object: &Object) -> Option<Arc<Store>> {
        match object {
            Object::SecretStore(name) => self.stores.get(name),
            Object::ClusterSecretStore(name) => self.cluster_stores.get(&Name::new("", name)),
            _ => None,
        }
    }

    /// Every store, those of the cluster behind the others.
    fn stores(&self) -> impl Iterator<Item = (Object, &Arc<Store>)> {
        let namespaced = self.stores.iter().map(|(name, store)| (Object::SecretStore(name.clone()), store));
        let cluster = self.cluster_stores.iter();
        namespaced.chain(cluster.map(|(name, store)| (Object::ClusterSecretStore(name.name.clone()), store)))
    }

    fn wake_users(&mut self, store: &Object) {
        let now = Instant::now();
        for user in self.index.users(store) {
            self.push_in_company(user, Class::Fresh, now);
        }
        self.wake_pushers_to(store);
    }

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
