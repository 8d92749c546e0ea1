//! Series of single objects: conditions, durations, when each was synced. What there is for each object is left out as a
//! whole where nobody wants it (`OperatorConfig::object_metrics`); series of an object that is gone go with it.
//!
//! What is known of an object is one row, and becomes series when somebody reads them: kept as series, each with its own copy
//! of the object's names, they took 2 KiB for each ExternalSecret.
//!
//! The names that do not begin with `claviger_` are ESO's, and three of the reference document's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::watch::Object;
use crate::watch::cache::Name;

/// What an ExternalSecret says of itself when this process sees it for the first time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Unix time of its creation.
    pub created: Option<f64>,
    /// Unix time of its last success.
    pub synced: Option<f64>,
    /// What its condition Ready says, if it has one.
    pub ready: Option<bool>,
    /// The typed reason, if it is not Ready for one of ours.
    pub reason: Option<&'static str>,
}

/// What is known of an object. What is not known has no series.
#[derive(Debug, Default)]
struct Row {
    ready: Option<bool>,
    /// The typed reason, if it is known and the object is not Ready.
    reason: Option<&'static str>,
    /// Nanoseconds, which is ESO's unit.
    took: Option<f64>,
    /// Of an ExternalSecret.
    synced: Synced,
}

/// How it goes with an ExternalSecret's refreshes; times are Unix times.
#[derive(Debug, Default)]
struct Synced {
    /// All, and those that failed: both are there from the first, since a series that begins with its first failure shows no
    /// increase.
    calls: Option<(u64, i64)>,
    last: Option<f64>,
    due: Option<f64>,
    /// In a row.
    failing: Option<i64>,
    fresh: Option<f64>,
}

impl Synced {
    /// None: it is not refreshed by itself any more, so it is not stale however long ago that was.
    fn set_due(&mut self, due: Option<f64>) {
        self.due = due;
        if due.is_none() {
            self.fresh = None;
        }
    }
}

/// A value as its series is written.
enum Value {
    Count(u64),
    Whole(i64),
    Real(f64),
}

impl Value {
    fn encode(&self, metric: MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => ConstCounter::new(*count).encode(metric),
            Self::Whole(value) => ConstGauge::new(*value).encode(metric),
            Self::Real(value) => ConstGauge::new(*value).encode(metric),
        }
    }
}

/// A metric with one series for each object that has a value.
struct Metric {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    value: fn(&Object, &Row) -> Option<Value>,
}

const METRICS: [Metric; 7] = [
    Metric {
        name: "external_secrets_secret_store_connection_status",
        help: "1 if a SecretStore or (with an empty namespace) ClusterSecretStore works, 0 if it does not",
        kind: MetricType::Gauge,
        value: |object, row| {
            let is_store = matches!(object, Object::SecretStore(_) | Object::ClusterSecretStore(_));
            row.ready.filter(|_| is_store).map(|ready| Value::Whole(ready.into()))
        },
    },
    Metric {
        name: "externalsecret_sync_calls",
        help: "Reconciles of an ExternalSecret that asked its provider",
        kind: MetricType::Counter,
        value: |_, row| row.synced.calls.map(|(all, _)| Value::Count(all)),
    },
    // A gauge, because the exposition format gives every counter the suffix `_total` and ESO's
    // name has none. It only ever grows, so `increase()` works on it.
    Metric {
        name: "externalsecret_sync_calls_error",
        help: "Reconciles of an ExternalSecret that failed",
        kind: MetricType::Gauge,
        value: |_, row| row.synced.calls.map(|(_, failed)| Value::Whole(failed)),
    },
    Metric {
        name: "externalsecret_last_sync_timestamp_seconds",
        help: "Unix time of the last successful refresh",
        kind: MetricType::Gauge,
        value: |_, row| row.synced.last.map(Value::Real),
    },
    Metric {
        name: "claviger_external_secret_due_timestamp_seconds",
        help: "Unix time at which the refresh that comes next is or was due, of those that are refreshed by themselves",
        kind: MetricType::Gauge,
        value: |_, row| row.synced.due.map(Value::Real),
    },
    Metric {
        name: "external_secrets_sync_calls_error",
        help: "Failures of an ExternalSecret in a row, 0 after a success",
        kind: MetricType::Gauge,
        value: |_, row| row.synced.failing.map(Value::Whole),
    },
    Metric {
        name: "external_secrets_sync_calls_total",
        help: "Unix time of the last success of an ExternalSecret that is refreshed by itself; of its creation, before the first",
        kind: MetricType::Gauge,
        value: |_, row| row.synced.fresh.map(Value::Real),
    },
];

/// Kinds, as metrics begin with them, and their plurals. Plugins are not ESO's.
const KINDS: [(&str, &str, &str); 6] = [
    ("ExternalSecret", "externalsecret", "ExternalSecrets"),
    ("SecretStore", "secretstore", "SecretStores"),
    ("ClusterSecretStore", "clustersecretstore", "ClusterSecretStores"),
    ("ClusterExternalSecret", "clusterexternalsecret", "ClusterExternalSecrets"),
    ("PushSecret", "pushsecret", "PushSecrets"),
    ("ClusterPushSecret", "clusterpushsecret", "ClusterPushSecrets"),
];

/// All objects.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects(Arc<Mutex<HashMap<Object, Row>>>);

impl Objects {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let objects = Self::default();
        registry.register_collector(Box::new(objects.clone()));
        objects
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<Object, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, object: &Object, change: impl FnOnce(&mut Row)) {
        let mut rows = self.rows();
        match rows.get_mut(object) {
            Some(row) => change(row),
            None => change(rows.entry(object.clone()).or_default()),
        }
    }

    fn change_synced(&self, name: &Name, change: impl FnOnce(&mut Synced)) {
        self.change(&Object::ExternalSecret(name.clone()), |row| change(&mut row.synced));
    }

    pub(super) fn took(&self, object: &Object, took: Duration) {
        self.change(object, |row| row.took = Some(took.as_secs_f64() * 1e9));
    }

    /// `not_ready`: the typed reason, if it is known.
    pub(super) fn ready(&self, object: &Object, ready: bool, not_ready: Option<&'static str>) {
        self.change(object, |row| {
            row.ready = Some(ready);
            row.reason = not_ready.filter(|_| !ready);
        });
    }

    /// A store's condition as its status has it, until this process knows better.
    pub(super) fn store_seen(&self, object: &Object, ready: bool) {
        self.change(object, |row| {
            row.ready.get_or_insert(ready);
        });
    }

    /// What an ExternalSecret's status has, until this process knows better.
    pub(super) fn seen(&self, name: &Name, seen: Seen) {
        self.change(&Object::ExternalSecret(name.clone()), |row| {
            if row.synced.failing.is_some() {
                return;
            }
            row.synced.failing = Some((seen.ready == Some(false)).into());
            if let Some(ready) = seen.ready {
                row.ready = Some(ready);
                row.reason = seen.reason.filter(|_| !ready);
            }
            row.synced.last = seen.synced.or(row.synced.last);
            row.synced.fresh = seen.synced.or(seen.created).or(row.synced.fresh);
        });
    }

    /// When its next refresh is or was due, until this process knows better; none: it is not refreshed by itself any
    /// more.
    pub(super) fn due_seen(&self, name: &Name, due: Option<f64>) {
        self.change_synced(name, |synced| synced.set_due(due.and(synced.due).or(due)));
    }

    pub(super) fn synced(&self, name: &Name, now: f64, due: Option<f64>) {
        self.change_synced(name, |synced| {
            synced.calls.get_or_insert_default().0 += 1;
            (synced.last, synced.fresh, synced.failing) = (Some(now), Some(now), Some(0));
            synced.set_due(due);
        });
    }

    pub(super) fn not_synced(&self, name: &Name) {
        self.change_synced(name, |synced| {
            let (all, failed) = synced.calls.get_or_insert_default();
            (*all, *failed) = (*all + 1, *failed + 1);
            *synced.failing.get_or_insert_default() += 1;
        });
    }

    /// Removes the series of an object.
    pub(super) fn forget(&self, object: &Object) {
        self.rows().remove(object);
    }

    /// Removes the series of all objects but Plugins.
    pub(super) fn forget_work(&self) {
        self.rows().retain(|object, _| matches!(object, Object::Plugin(_)));
    }
}

/// Writes one metric, of every object that has something of it: labels and values.
fn family<'r, L: EncodeLabelSet, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    rows: &'r HashMap<Object, Row>,
    (name, help, kind): (&str, &str, MetricType),
    series: impl Fn(&'r Object, &'r Row) -> Option<[(L, Value); N]>,
) -> fmt::Result {
    let mut known = rows.iter().filter_map(|(object, row)| series(object, row)).flatten().peekable();
    // What has no series has no description either.
    if known.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in known {
        value.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

/// The condition Ready, of objects of a kind.
fn conditions(
    encoder: &mut DescriptorEncoder<'_>,
    rows: &HashMap<Object, Row>,
    name: &str,
    kinds: &str,
    kind: &str,
) -> fmt::Result {
    let help = format!("1 for the condition that holds, of {kinds}");
    family(encoder, rows, (name, &help, MetricType::Gauge), |object, row| {
        let ready = row.ready.filter(|_| object.kind() == kind)?;
        let [name, namespace] = names(object);
        Some([("True", ready), ("False", !ready)].map(|(status, holds)| {
            ([name, namespace, ("condition", "Ready"), ("status", status)], Value::Whole(holds.into()))
        }))
    })
}

/// Whoever changes a row waits for one metric to be written, and not for the page.
impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        for (kind, prefix, kinds) in KINDS {
            conditions(encoder, &self.rows(), &format!("{prefix}_status_condition"), kinds, kind)?;
            let name = format!("{prefix}_reconcile_duration");
            let help = format!("Nanoseconds that the last reconcile took, of {kinds}");
            family(encoder, &self.rows(), (&name, &help, MetricType::Gauge), |object, row| {
                let took = row.took.filter(|_| object.kind() == kind)?;
                Some([(names(object), Value::Real(took))])
            })?;
        }
        let name = "claviger_plugin_status_condition";
        conditions(encoder, &self.rows(), name, "Plugin objects", "Plugin")?;
        let why =
            ("claviger_not_ready", "1 while an object is not Ready, by typed reason", MetricType::Gauge);
        family(encoder, &self.rows(), why, |object, row| {
            let [name, namespace] = names(object);
            Some([([("kind", object.kind()), name, namespace, ("reason", row.reason?)], Value::Whole(1))])
        })?;
        for Metric { name, help, kind, value } in METRICS {
            family(encoder, &self.rows(), (name, help, kind), |object, row| {
                Some([(names(object), value(object, row)?)])
            })?;
        }
        Ok(())
    }
}

/// `name` and `namespace` of an object, as in ESO's metrics; the namespace of a cluster-scoped one is empty.
fn names(object: &Object) -> [(&'static str, &str); 2] {
    [("name", object.name()), ("namespace", object.namespace())]
}
