//! Series of single objects: conditions, durations, when each was synced. What there is for each object is left out as a
//! whole where nobody wants it (`OperatorConfig::object_metrics`); series of an object that is gone go with it.
//!
//! The names that do not begin with `claviger_` are ESO's, and three of the reference document's.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::{ConditionLabels, NotReadyLabels, ObjectLabels};
use crate::watch::Object;
use crate::watch::cache::Name;

type Seconds = Family<ObjectLabels, Gauge<f64, AtomicU64>>;

/// What an ExternalSecret says of itself when this process sees it for the first time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Unix time of its creation.
    pub created: Option<f64>,
    /// Unix time of its last success.
    pub synced: Option<f64>,
    /// What its condition Ready says, if it has one.
    pub ready: Option<bool>,
    /// The typed reason, if it is not Ready for one of ours.
    pub reason: Option<&'static str>,
}

/// Of one kind.
struct OfKind {
    conditions: Family<ConditionLabels, Gauge>,
    took: Seconds,
}

impl OfKind {
    fn register(registry: &mut Registry, prefix: &str, kinds: &str) -> Self {
        let (conditions, took) = (Family::default(), Seconds::default());
        registry.register(
            format!("{prefix}_status_condition"),
            format!("1 for the condition that holds, of {kinds}"),
            conditions.clone(),
        );
        registry.register(
            format!("{prefix}_reconcile_duration"),
            format!("Nanoseconds that the last reconcile took, of {kinds}"),
            took.clone(),
        );
        Self { conditions, took }
    }

    fn clear(&self) {
        self.conditions.clear();
        self.took.clear();
    }
}

/// All of them.
pub(super) struct Objects {
    external_secrets: OfKind,
    stores: OfKind,
    cluster_stores: OfKind,
    spreads: OfKind,
    push_secrets: OfKind,
    push_spreads: OfKind,
    plugins: Family<ConditionLabels, Gauge>,
    not_ready: Family<NotReadyLabels, Gauge>,
    /// The reason under which each object has its series in `not_ready`.
    reasons: Mutex<HashMap<Object, &'static str>>,
    sync_total: Family<ObjectLabels, Counter>,
    sync_error: Family<ObjectLabels, Gauge>,
    last_sync: Seconds,
    due: Seconds,
    failing: Family<ObjectLabels, Gauge>,
    fresh: Seconds,
    connection: Family<ObjectLabels, Gauge>,
}

impl Objects {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let objects = Self {
            external_secrets: OfKind::register(registry, "externalsecret", "ExternalSecrets"),
            stores: OfKind::register(registry, "secretstore", "SecretStores"),
            cluster_stores: OfKind::register(registry, "clustersecretstore", "ClusterSecretStores"),
            spreads: OfKind::register(registry, "clusterexternalsecret", "ClusterExternalSecrets"),
            push_secrets: OfKind::register(registry, "pushsecret", "PushSecrets"),
            push_spreads: OfKind::register(registry, "clusterpushsecret", "ClusterPushSecrets"),
            plugins: Family::default(),
            not_ready: Family::default(),
            reasons: Mutex::default(),
            sync_total: Family::default(),
            sync_error: Family::default(),
            last_sync: Seconds::default(),
            due: Seconds::default(),
            failing: Family::default(),
            fresh: Seconds::default(),
            connection: Family::default(),
        };
        objects.register_external_secrets(registry);
        registry.register(
            "claviger_plugin_status_condition",
            "1 for the condition that holds, of Plugin objects",
            objects.plugins.clone(),
        );
        registry.register(
            "claviger_not_ready",
            "1 while an object is not Ready, by typed reason",
            objects.not_ready.clone(),
        );
        registry.register(
            "external_secrets_secret_store_connection_status",
            "1 if a SecretStore or (with an empty namespace) ClusterSecretStore works, 0 if it does not",
            objects.connection.clone(),
        );
        objects
    }

    fn register_external_secrets(&self, registry: &mut Registry) {
        registry.register(
            "externalsecret_sync_calls",
            "Reconciles of an ExternalSecret that asked its provider",
            self.sync_total.clone(),
        );
        // A gauge, because the exposition format gives every counter the suffix `_total` and ESO's
        // name has none. It only ever grows, so `increase()` works on it.
        registry.register(
            "externalsecret_sync_calls_error",
            "Reconciles of an ExternalSecret that failed",
            self.sync_error.clone(),
        );
        registry.register(
            "externalsecret_last_sync_timestamp_seconds",
            "Unix time of the last successful refresh",
            self.last_sync.clone(),
        );
        registry.register(
            "claviger_external_secret_due_timestamp_seconds",
            "Unix time at which the refresh that comes next is or was due, of those that are refreshed by themselves",
            self.due.clone(),
        );
        registry.register(
            "external_secrets_sync_calls_error",
            "Failures of an ExternalSecret in a row, 0 after a success",
            self.failing.clone(),
        );
        registry.register(
            "external_secrets_sync_calls_total",
            "Unix time of the last success of an ExternalSecret that is refreshed by itself; of its creation, before the first",
            self.fresh.clone(),
        );
    }

    fn of_kind(&self, object: &Object) -> Option<&OfKind> {
        Some(match object {
            Object::ExternalSecret(_) => &self.external_secrets,
            Object::SecretStore(_) => &self.stores,
            Object::ClusterSecretStore(_) => &self.cluster_stores,
            Object::ClusterExternalSecret(_) => &self.spreads,
            Object::PushSecret(_) => &self.push_secrets,
            Object::ClusterPushSecret(_) => &self.push_spreads,
            Object::Plugin(_) => return None,
        })
    }

    fn conditions(&self, object: &Object) -> &Family<ConditionLabels, Gauge> {
        self.of_kind(object).map_or(&self.plugins, |kind| &kind.conditions)
    }

    pub(super) fn took(&self, object: &Object, took: Duration) {
        if let Some(kind) = self.of_kind(object) {
            // ESO's unit.
            kind.took.get_or_create(&ObjectLabels::of(object)).set(took.as_secs_f64() * 1e9);
        }
    }

    /// `not_ready`: the typed reason, if it is known.
    pub(super) fn ready(&self, object: &Object, ready: bool, not_ready: Option<&'static str>) {
        let conditions = self.conditions(object);
        for (status, holds) in [("True", ready), ("False", !ready)] {
            conditions.get_or_create(&condition(object, status)).set(i64::from(holds));
        }
        if matches!(object, Object::SecretStore(_) | Object::ClusterSecretStore(_)) {
            self.connection.get_or_create(&ObjectLabels::of(object)).set(i64::from(ready));
        }
        self.set_reason(object, not_ready.filter(|_| !ready));
    }

    fn set_reason(&self, object: &Object, reason: Option<&'static str>) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match reason {
            Some(reason) => reasons.insert(object.clone(), reason),
            None => reasons.remove(object),
        };
        if before == reason {
            return;
        }
        if let Some(before) = before {
            self.not_ready.remove(&not_ready_labels(object, before));
        }
        if let Some(reason) = reason {
            self.not_ready.get_or_create(&not_ready_labels(object, reason)).set(1);
        }
    }

    /// A store's condition as its status has it, until this process knows better.
    pub(super) fn store_seen(&self, object: &Object, ready: bool) {
        if self.connection.get(&ObjectLabels::of(object)).is_none() {
            self.ready(object, ready, None);
        }
    }

    /// What an ExternalSecret's status has, until this process knows better.
    pub(super) fn seen(&self, name: &Name, seen: Seen) {
        let labels = ObjectLabels::from(name);
        if self.failing.get(&labels).is_some() {
            return;
        }
        self.failing.get_or_create(&labels).set(i64::from(seen.ready == Some(false)));
        if let Some(ready) = seen.ready {
            self.ready(&Object::ExternalSecret(name.clone()), ready, seen.reason);
        }
        if let Some(synced) = seen.synced {
            self.last_sync.get_or_create(&labels).set(synced);
        }
        if let Some(since) = seen.synced.or(seen.created) {
            self.fresh.get_or_create(&labels).set(since);
        }
    }

    /// When its next refresh is or was due, until this process knows better; none: it is not refreshed by itself any
    /// more, so it is not stale however long ago that was.
    pub(super) fn due_seen(&self, name: &Name, due: Option<f64>) {
        let labels = ObjectLabels::from(name);
        match due {
            Some(due) if self.due.get(&labels).is_none() => self.set_due(&labels, Some(due)),
            Some(_) => {}
            None => self.set_due(&labels, None),
        }
    }

    fn set_due(&self, labels: &ObjectLabels, due: Option<f64>) {
        match due {
            Some(due) => drop(self.due.get_or_create(labels).set(due)),
            None => {
                self.due.remove(labels);
                self.fresh.remove(labels);
            }
        }
    }

    pub(super) fn synced(&self, name: &Name, now: f64, due: Option<f64>) {
        let labels = ObjectLabels::from(name);
        self.sync_total.get_or_create(&labels).inc();
        // There from the first, at 0: a series that begins with its first failure shows no increase.
        drop(self.sync_error.get_or_create(&labels));
        self.last_sync.get_or_create(&labels).set(now);
        self.failing.get_or_create(&labels).set(0);
        self.fresh.get_or_create(&labels).set(now);
        self.set_due(&labels, due);
    }

    pub(super) fn not_synced(&self, name: &Name) {
        let labels = ObjectLabels::from(name);
        self.sync_total.get_or_create(&labels).inc();
        self.sync_error.get_or_create(&labels).inc();
        self.failing.get_or_create(&labels).inc();
    }

    /// Removes the series of an object.
    pub(super) fn forget(&self, object: &Object) {
        let labels = ObjectLabels::of(object);
        for status in ["True", "False"] {
            self.conditions(object).remove(&condition(object, status));
        }
        if let Some(kind) = self.of_kind(object) {
            kind.took.remove(&labels);
        }
        self.set_reason(object, None);
        match object {
            Object::ExternalSecret(_) => {
                self.sync_total.remove(&labels);
                self.sync_error.remove(&labels);
                self.failing.remove(&labels);
                for family in [&self.last_sync, &self.due, &self.fresh] {
                    family.remove(&labels);
                }
            }
            Object::SecretStore(_) | Object::ClusterSecretStore(_) => drop(self.connection.remove(&labels)),
            _ => {}
        }
    }

    /// Removes the series of all objects but Plugins.
    pub(super) fn forget_work(&self) {
        for kind in [
            &self.external_secrets,
            &self.stores,
            &self.cluster_stores,
            &self.spreads,
            &self.push_secrets,
            &self.push_spreads,
        ] {
            kind.clear();
        }
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        for (object, reason) in reasons.extract_if(|object, _| !matches!(object, Object::Plugin(_))) {
            self.not_ready.remove(&not_ready_labels(&object, reason));
        }
        drop(reasons);
        self.sync_total.clear();
        for family in [&self.sync_error, &self.failing, &self.connection] {
            family.clear();
        }
        for family in [&self.last_sync, &self.due, &self.fresh] {
            family.clear();
        }
    }
}

fn condition(object: &Object, status: &'static str) -> ConditionLabels {
    let ObjectLabels { name, namespace } = ObjectLabels::of(object);
    ConditionLabels { name, namespace, condition: "Ready", status }
}

fn not_ready_labels(object: &Object, reason: &'static str) -> NotReadyLabels {
    let ObjectLabels { name, namespace } = ObjectLabels::of(object);
    NotReadyLabels { kind: object.kind(), name, namespace, reason }
}
