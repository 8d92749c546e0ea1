//! The counters and gauges that operators of Claviger see, under ESO's names where ESO has one.
//!
//! Only names of objects and typed reasons become labels, never a text that came from outside. Series
//! of a deleted object are removed with it.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// `name` and `namespace` of an object, as in ESO's metrics.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ObjectLabels {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`; empty for cluster-scoped objects.
    pub namespace: String,
}

/// A condition of an object and its status.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ConditionLabels {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// Condition type.
    pub condition: String,
    /// `True` or `False`.
    pub status: String,
}

/// The typed reason of a failure.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ReasonLabels {
    /// Kind of the object that failed.
    pub kind: &'static str,
    /// Reason, from [`claviger_core::error`]'s closed set.
    pub reason: &'static str,
}

/// Counts kept elsewhere (plugin host, fetch layer), read when the metrics are scraped.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// What happened.
    pub outcome: &'static str,
}

/// What was done with a lease.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct LeaseLabels {
    /// `make`, `renew` or `revoke`.
    pub operation: &'static str,
    /// `done`, `gone`, `refused` or `failed`.
    pub outcome: &'static str,
}

/// Calls of a plugin by how they ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct PluginLabels {
    /// Name of the Plugin.
    pub plugin: String,
    /// `answered`, or `contained`: ended by a limit, a trap or a refusal.
    pub outcome: &'static str,
}

/// All metrics of the process.
pub struct Metrics {
    registry: Mutex<Registry>,
    sync_total: Family<ObjectLabels, Counter>,
    sync_error: Family<ObjectLabels, Gauge>,
    last_sync: Family<ObjectLabels, Gauge<f64, AtomicU64>>,
    conditions: Family<ConditionLabels, Gauge>,
    store_conditions: Family<ConditionLabels, Gauge>,
    spread_conditions: Family<ConditionLabels, Gauge>,
    push_conditions: Family<ConditionLabels, Gauge>,
    push_took: Family<ObjectLabels, Gauge<f64, AtomicU64>>,
    push_spread_conditions: Family<ConditionLabels, Gauge>,
    pushes: Family<OutcomeLabels, Counter>,
    plugins: Family<ConditionLabels, Gauge>,
    plugin_calls: Family<PluginLabels, Gauge>,
    failures: Family<ReasonLabels, Counter>,
    writes: Counter,
    unreadable: Family<ReasonLabels, Counter>,
    reconcile: Histogram,
    fetch: Family<OutcomeLabels, Gauge>,
    leases: Family<LeaseLabels, Counter>,
    leader: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let sync_total = Family::default();
        registry.register(
            "externalsecret_sync_calls",
            "Reconciles of an ExternalSecret that asked its provider",
            sync_total.clone(),
        );
        // A gauge, because the exposition format gives every counter the suffix `_total` and ESO's
        // name has none. It only ever grows, so `increase()` works on it.
        let sync_error = Family::default();
        registry.register(
            "externalsecret_sync_calls_error",
            "Reconciles of an ExternalSecret that failed",
            sync_error.clone(),
        );
        let last_sync = Family::default();
        registry.register(
            "externalsecret_last_sync_timestamp_seconds",
            "Unix time of the last successful refresh",
            last_sync.clone(),
        );
        let conditions = Family::default();
        registry.register(
            "externalsecret_status_condition",
            "1 for the condition that holds",
            conditions.clone(),
        );
        let store_conditions = Family::default();
        registry.register(
            "secretstore_status_condition",
            "1 for the condition that holds, of SecretStores and (with an empty namespace) ClusterSecretStores",
            store_conditions.clone(),
        );
        let spread_conditions = Family::default();
        registry.register(
            "clusterexternalsecret_status_condition",
            "1 for the condition that holds, of ClusterExternalSecrets",
            spread_conditions.clone(),
        );
        let push_conditions = Family::default();
        registry.register(
            "pushsecret_status_condition",
            "1 for the condition that holds, of PushSecrets",
            push_conditions.clone(),
        );
        let push_took = Family::default();
        registry.register(
            "pushsecret_reconcile_duration",
            "Nanoseconds that the last reconcile of a PushSecret took",
            push_took.clone(),
        );
        let push_spread_conditions = Family::default();
        registry.register(
            "clusterpushsecret_status_condition",
            "1 for the condition that holds, of ClusterPushSecrets",
            push_spread_conditions.clone(),
        );
        let pushes = Family::default();
        registry.register(
            "claviger_pushes",
            "Keys that were pushed or taken back, by outcome: created, updated, unchanged, deleted, failed",
            pushes.clone(),
        );
        let plugins = Family::default();
        registry.register(
            "claviger_plugin_status_condition",
            "1 for the condition that holds, of Plugin objects",
            plugins.clone(),
        );
        let plugin_calls = Family::default();
        registry.register(
            "claviger_plugin_calls",
            "Calls of the plugin that is in place, by how they ended: answered, contained",
            plugin_calls.clone(),
        );
        let failures = Family::default();
        registry.register("claviger_failures", "Failed reconciles by typed reason", failures.clone());
        let writes = Counter::default();
        registry.register("claviger_secret_writes", "Writes of Secrets", writes.clone());
        let unreadable = Family::default();
        registry.register(
            "claviger_unreadable_objects",
            "Objects that do not parse, each time they are seen",
            unreadable.clone(),
        );
        // 1 ms to 65 s: from a skipped reconcile to one that waits for a slow provider.
        let reconcile = Histogram::new(exponential_buckets(0.001, 2.0, 17));
        registry.register("claviger_reconcile_duration_seconds", "Time per reconcile", reconcile.clone());
        let fetch = Family::default();
        registry.register(
            "claviger_fetch",
            "Keys asked of the fetch layer, by how they were answered: read, hit, joined",
            fetch.clone(),
        );
        let leases = Family::default();
        registry.register(
            "claviger_lease_operations",
            "Leased credentials that were made, renewed and revoked, by outcome: done, gone, refused, failed",
            leases.clone(),
        );
        let leader = Gauge::default();
        registry.register(
            "claviger_leader",
            "1 while this replica works, 0 while it stands by for the one that does",
            leader.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            sync_total,
            sync_error,
            last_sync,
            conditions,
            store_conditions,
            spread_conditions,
            push_conditions,
            push_took,
            push_spread_conditions,
            pushes,
            plugins,
            plugin_calls,
            failures,
            writes,
            unreadable,
            reconcile,
            fetch,
            leases,
            leader,
        }
    }
}

impl Metrics {
    /// A reconcile ended: how long it took, and the reason if it failed.
    pub fn reconciled(&self, kind: &'static str, took: Duration, failed: Option<&'static str>) {
        self.reconcile.observe(took.as_secs_f64());
        if let Some(reason) = failed {
            self.failures.get_or_create(&ReasonLabels { kind, reason }).inc();
        }
    }

    /// An ExternalSecret was refreshed at `now` (unix seconds), or failed to be.
    pub fn synced(&self, namespace: &str, name: &str, now: f64, ok: bool) {
        let labels = ObjectLabels { name: name.to_owned(), namespace: namespace.to_owned() };
        self.sync_total.get_or_create(&labels).inc();
        // There from the first, at 0: a series that begins with its first failure shows no increase.
        drop(self.sync_error.get_or_create(&labels));
        if ok {
            self.last_sync.get_or_create(&labels).set(now);
        } else {
            self.sync_error.get_or_create(&labels).inc();
        }
    }

    /// The Ready condition of an ExternalSecret.
    pub fn external_secret_ready(&self, namespace: &str, name: &str, ready: bool) {
        set_condition(&self.conditions, namespace, name, ready);
    }

    /// The Ready condition of a store.
    pub fn store_ready(&self, namespace: &str, name: &str, ready: bool) {
        set_condition(&self.store_conditions, namespace, name, ready);
    }

    /// The Ready condition of a ClusterExternalSecret.
    pub fn cluster_external_secret_ready(&self, name: &str, ready: bool) {
        set_condition(&self.spread_conditions, "", name, ready);
    }

    /// Removes the series of a ClusterExternalSecret that is gone.
    pub fn forget_cluster_external_secret(&self, name: &str) {
        forget_condition(&self.spread_conditions, "", name);
    }

    /// The Ready condition of a PushSecret.
    pub fn push_secret_ready(&self, namespace: &str, name: &str, ready: bool) {
        set_condition(&self.push_conditions, namespace, name, ready);
    }

    /// How long a PushSecret's reconcile took.
    pub fn push_secret_took(&self, namespace: &str, name: &str, took: Duration) {
        let labels = ObjectLabels { name: name.to_owned(), namespace: namespace.to_owned() };
        // ESO's unit.
        self.push_took.get_or_create(&labels).set(took.as_secs_f64() * 1e9);
    }

    /// Removes the series of a PushSecret that is gone.
    pub fn forget_push_secret(&self, namespace: &str, name: &str) {
        forget_condition(&self.push_conditions, namespace, name);
        let labels = ObjectLabels { name: name.to_owned(), namespace: namespace.to_owned() };
        self.push_took.remove(&labels);
    }

    /// The Ready condition of a ClusterPushSecret.
    pub fn cluster_push_secret_ready(&self, name: &str, ready: bool) {
        set_condition(&self.push_spread_conditions, "", name, ready);
    }

    /// Removes the series of a ClusterPushSecret that is gone.
    pub fn forget_cluster_push_secret(&self, name: &str) {
        forget_condition(&self.push_spread_conditions, "", name);
    }

    /// A key was pushed or taken back, or was not.
    pub fn pushed(&self, outcome: &'static str) {
        self.pushes.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// The Ready condition of a Plugin.
    pub fn plugin_ready(&self, name: &str, ready: bool) {
        set_condition(&self.plugins, "", name, ready);
    }

    /// Removes the series of a Plugin object that is gone.
    pub fn forget_plugin(&self, name: &str) {
        forget_condition(&self.plugins, "", name);
    }

    /// Takes over the calls of every plugin that is in place: (name, answered, contained).
    pub fn plugin_calls(&self, plugins: impl Iterator<Item = (String, u64, u64)>) {
        // Whole, so that a plugin that was removed has no series.
        self.plugin_calls.clear();
        for (plugin, answered, contained) in plugins {
            for (outcome, count) in [("answered", answered), ("contained", contained)] {
                let labels = PluginLabels { plugin: plugin.clone(), outcome };
                self.plugin_calls.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
    }

    /// An object that does not parse was seen.
    pub fn unreadable(&self, kind: &'static str) {
        self.unreadable.get_or_create(&ReasonLabels { kind, reason: "ManifestInvalid" }).inc();
    }

    /// A Secret was written.
    pub fn wrote(&self) {
        self.writes.inc();
    }

    /// A lease was made, renewed or revoked, or was not.
    pub fn lease(&self, operation: &'static str, outcome: &'static str) {
        self.leases.get_or_create(&LeaseLabels { operation, outcome }).inc();
    }

    /// Removes the series of an ExternalSecret that is gone.
    pub fn forget_external_secret(&self, namespace: &str, name: &str) {
        let labels = ObjectLabels { name: name.to_owned(), namespace: namespace.to_owned() };
        self.sync_total.remove(&labels);
        self.sync_error.remove(&labels);
        self.last_sync.remove(&labels);
        forget_condition(&self.conditions, namespace, name);
    }

    /// Removes the series of a store that is gone.
    pub fn forget_store(&self, namespace: &str, name: &str) {
        forget_condition(&self.store_conditions, namespace, name);
    }

    /// Removes the series of every ExternalSecret, ClusterExternalSecret and store: another replica looks after them now, and what this
    /// one knew of them would stand beside what that one says.
    pub fn forget_work(&self) {
        self.sync_total.clear();
        self.sync_error.clear();
        self.last_sync.clear();
        self.conditions.clear();
        self.store_conditions.clear();
        self.spread_conditions.clear();
        self.push_conditions.clear();
        self.push_took.clear();
        self.push_spread_conditions.clear();
    }

    /// Whether this replica works.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Takes over a count that is kept elsewhere.
    pub fn fetch_count(&self, outcome: &'static str, count: u64) {
        self.fetch.get_or_create(&OutcomeLabels { outcome }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Everything, in the OpenMetrics text format.
    ///
    /// # Errors
    /// Only if a metric cannot be formatted.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn condition_labels(namespace: &str, name: &str, status: &str) -> ConditionLabels {
    ConditionLabels {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        condition: "Ready".to_owned(),
        status: status.to_owned(),
    }
}

fn set_condition(family: &Family<ConditionLabels, Gauge>, namespace: &str, name: &str, ready: bool) {
    family.get_or_create(&condition_labels(namespace, name, "True")).set(i64::from(ready));
    family.get_or_create(&condition_labels(namespace, name, "False")).set(i64::from(!ready));
}

fn forget_condition(family: &Family<ConditionLabels, Gauge>, namespace: &str, name: &str) {
    for status in ["True", "False"] {
        family.remove(&condition_labels(namespace, name, status));
    }
}
