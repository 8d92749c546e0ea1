//! The counters and gauges that operators of Claviger see, under ESO's names where ESO has one (docs/metrics.md has all).
//!
//! Only names of objects and typed reasons become labels, never a text that came from outside. Series
//! of a deleted object are removed with it.

mod labels;
mod objects;
mod process;
#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use claviger_core::outcome;
use claviger_plugins::Observer;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::watch::Object;
use crate::watch::cache::Name;
use labels::{
    CauseLabels, ChangeLabels, EsoCallLabels, KindLabels, LeaseLabels, OutcomeLabels, PluginCallLabels,
    PluginLabels, ProviderCallLabels, ReasonLabels, SourceLabels, eso_provider,
};
use objects::Objects;
pub(crate) use objects::Seen;
use process::Process;

/// Buckets by their least one, the factor and their number.
#[derive(Clone, Copy)]
struct Buckets(f64, f64, u16);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(self.0, self.1, self.2))
    }
}

/// 1 ms to 65 s: from a reconcile that skips to one that waits for a slow provider.
const RECONCILE: Buckets = Buckets(0.001, 2.0, 17);
/// 1 ms to 60 s, in fewer steps, since there is one for each provider, operation and outcome.
const PROVIDER: Buckets = Buckets(0.001, 3.0, 11);
/// 0.1 ms, which is what an instance and an empty call take, to 60 s.
const PLUGIN: Buckets = Buckets(0.0001, 3.8, 11);
/// 0.1 s to 13 minutes, which is a little less than what a compilation may take.
const COMPILE: Buckets = Buckets(0.1, 2.0, 14);

/// Of a series that is not always there.
type NoLabels = Vec<(&'static str, &'static str)>;

type Histograms<L> = Family<L, Histogram, Buckets>;

/// All metrics of the process.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    objects: Option<Objects>,
    pushes: Family<OutcomeLabels, Counter>,
    plugin_calls: Family<PluginLabels, Gauge>,
    plugin_call_durations: Histograms<PluginCallLabels>,
    plugin_faults: Family<CauseLabels, Counter>,
    provider_call_durations: Histograms<ProviderCallLabels>,
    eso_provider_calls: Family<EsoCallLabels, Gauge>,
    compilations: Histograms<OutcomeLabels>,
    failures: Family<ReasonLabels, Counter>,
    writes: Counter,
    unreadable: Family<ReasonLabels, Counter>,
    reconcile: Histograms<KindLabels>,
    fetch: Family<OutcomeLabels, Gauge>,
    memo: Family<OutcomeLabels, Gauge>,
    leases: Family<LeaseLabels, Counter>,
    audit: Family<OutcomeLabels, Gauge>,
    changes: Family<ChangeLabels, Counter>,
    changes_asked: Family<SourceLabels, Counter>,
    queue: Gauge,
    workers: Gauge,
    certificate: Family<NoLabels, Gauge<f64, AtomicU64>>,
    leader: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(true)
    }
}

fn register<M: prometheus_client::registry::Metric + Clone>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    metric: M,
) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// With series for each object, or without.
    pub(crate) fn new(objects: bool) -> Self {
        let mut owned = Registry::default();
        let registry = &mut owned;
        let objects = objects.then(|| Objects::register(registry));
        registry.register_collector(Box::new(Process));
        let leases = register(
            registry,
            "claviger_lease_operations",
            "Leased credentials that were made, renewed and revoked, by outcome: done, gone, refused, failed",
            Family::<LeaseLabels, Counter>::default(),
        );
        // There from the first, at 0: an alert on a series that begins with a failure would miss that one.
        for outcome in ["refused", "failed"] {
            drop(leases.get_or_create(&LeaseLabels { operation: "renew", outcome }));
        }
        Self {
            objects,
            leases,
            pushes: register(
                registry,
                "claviger_pushes",
                "Keys that were pushed or taken back, by outcome: created, updated, unchanged, deleted, failed",
                Family::default(),
            ),
            plugin_calls: register(
                registry,
                "claviger_plugin_calls",
                "Calls of the plugin that is in place, by how they ended: answered, contained",
                Family::default(),
            ),
            plugin_call_durations: register(
                registry,
                "claviger_plugin_call_duration_seconds",
                "Time to instantiate and call a plugin, by function and how it ended: answered, or what ended it",
                Family::new_with_constructor(PLUGIN),
            ),
            plugin_faults: register(
                registry,
                "claviger_plugin_faults",
                "Calls that a limit, a trap or a refusal ended, by which",
                Family::default(),
            ),
            provider_call_durations: register(
                registry,
                "claviger_provider_call_duration_seconds",
                "Time per call of a provider, which may be about several keys, by operation and outcome",
                Family::new_with_constructor(PROVIDER),
            ),
            // A gauge for the same reason as `externalsecret_sync_calls_error`.
            eso_provider_calls: register(
                registry,
                "externalsecret_provider_api_calls_count",
                "Calls of a provider, by operation of the plugin and success or error",
                Family::default(),
            ),
            compilations: register(
                registry,
                "claviger_plugin_compile_duration_seconds",
                "Time to compile a component, by outcome: done, failed",
                Family::new_with_constructor(COMPILE),
            ),
            failures: register(
                registry,
                "claviger_failures",
                "Failed reconciles by typed reason",
                Family::default(),
            ),
            writes: register(registry, "claviger_secret_writes", "Writes of Secrets", Counter::default()),
            unreadable: register(
                registry,
                "claviger_unreadable_objects",
                "Objects that do not parse, each time they are seen",
                Family::default(),
            ),
            reconcile: register(
                registry,
                "claviger_reconcile_duration_seconds",
                "Time per reconcile, by kind",
                Family::new_with_constructor(RECONCILE),
            ),
            fetch: register(
                registry,
                "claviger_fetch",
                "Keys asked of the fetch layer, by how they were answered: read, hit, joined",
                Family::default(),
            ),
            memo: register(
                registry,
                "claviger_memo",
                "Look-ups of what plugins keep between calls (logins): hit, missed, busy, full; and filled",
                Family::default(),
            ),
            audit: register(
                registry,
                "claviger_audit_lines",
                "Lines of the audit log: written, lost",
                Family::default(),
            ),
            changes: register(
                registry,
                "claviger_change_notices",
                "Words that a provider has something new, by where they came from and what became of them",
                Family::default(),
            ),
            changes_asked: register(
                registry,
                "claviger_change_refreshes",
                "ExternalSecrets that such words had refreshed, by where they came from",
                Family::default(),
            ),
            queue: register(
                registry,
                "claviger_queue_length",
                "Objects that wait to be looked at",
                Gauge::default(),
            ),
            workers: register(
                registry,
                "claviger_active_workers",
                "Reconciles that are under way",
                Gauge::default(),
            ),
            certificate: register(
                registry,
                "claviger_webhook_certificate_expiry_timestamp_seconds",
                "Unix time at which the certificate that the webhook serves with ends",
                Family::default(),
            ),
            leader: register(
                registry,
                "claviger_leader",
                "1 while this replica works, 0 while it stands by for the one that does",
                Gauge::default(),
            ),
            registry: Mutex::new(owned),
        }
    }

    // === single objects ===

    /// A reconcile ended: how long it took, and the reason if it failed.
    pub(crate) fn reconciled(&self, object: &Object, took: Duration, failed: Option<&'static str>) {
        let kind = object.kind();
        self.reconcile.get_or_create(&KindLabels { kind }).observe(took.as_secs_f64());
        if let Some(reason) = failed {
            self.failures.get_or_create(&ReasonLabels { kind, reason }).inc();
        }
        if let Some(objects) = &self.objects {
            objects.took(object, took);
        }
    }

    /// The Ready condition of an object; `not_ready`: the typed reason, if it is not.
    pub(crate) fn ready(&self, object: &Object, ready: bool, not_ready: Option<&'static str>) {
        if let Some(objects) = &self.objects {
            objects.ready(object, ready, not_ready);
        }
    }

    /// A store that this process has not validated is Ready or not, as its status says.
    pub(crate) fn store_seen(&self, object: &Object, ready: bool) {
        if let Some(objects) = &self.objects {
            objects.store_seen(object, ready);
        }
    }

    /// An ExternalSecret is looked at, perhaps for the first time.
    pub(crate) fn external_secret_seen(&self, name: &Name, seen: Seen) {
        if let Some(objects) = &self.objects {
            objects.seen(name, seen);
        }
    }

    /// The same, of when its next refresh is or was due (unix seconds); none: it is not refreshed by itself any more.
    pub(crate) fn external_secret_due(&self, name: &Name, due: Option<f64>) {
        if let Some(objects) = &self.objects {
            objects.due_seen(name, due);
        }
    }

    /// An ExternalSecret was refreshed at `now` (unix seconds), and will be again at `due`, if by itself.
    pub(crate) fn synced(&self, name: &Name, now: f64, due: Option<f64>) {
        if let Some(objects) = &self.objects {
            objects.synced(name, now, due);
        }
    }

    /// An ExternalSecret failed to be refreshed, as a whole or in part.
    pub(crate) fn not_synced(&self, name: &Name) {
        if let Some(objects) = &self.objects {
            objects.not_synced(name);
        }
    }

    /// Removes the series of an object that is gone, or another operator's.
    pub(crate) fn forget(&self, object: &Object) {
        if let Some(objects) = &self.objects {
            objects.forget(object);
        }
    }

    /// Removes the series of every object but Plugins: another replica looks after them now, and what this
    /// one knew of them would stand beside what that one says.
    pub(crate) fn forget_work(&self) {
        if let Some(objects) = &self.objects {
            objects.forget_work();
        }
    }

    // === the process ===

    /// A key was pushed or taken back, or was not.
    pub(crate) fn pushed(&self, outcome: &'static str) {
        self.pushes.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Takes over the calls of every plugin that is in place: (name, answered, contained).
    pub(crate) fn plugin_calls(&self, plugins: impl Iterator<Item = (String, u64, u64)>) {
        let plugins: Vec<_> = plugins.collect();
        // Whole, so that a plugin that was removed has no series; and with nobody who reads them meanwhile.
        let _reading = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        self.plugin_calls.clear();
        for (plugin, answered, contained) in plugins {
            for (outcome, count) in [("answered", answered), ("contained", contained)] {
                let labels = PluginLabels { plugin: plugin.clone(), outcome };
                self.plugin_calls.get_or_create(&labels).set(whole(count));
            }
        }
    }

    /// An object that does not parse was seen.
    pub(crate) fn unreadable(&self, kind: &'static str) {
        self.unreadable.get_or_create(&ReasonLabels { kind, reason: "ManifestInvalid" }).inc();
    }

    /// A Secret was written.
    pub(crate) fn wrote(&self) {
        self.writes.inc();
    }

    /// A lease was made, renewed or revoked, or was not.
    pub(crate) fn lease(&self, operation: &'static str, outcome: &'static str) {
        self.leases.get_or_create(&LeaseLabels { operation, outcome }).inc();
    }

    /// Somebody said that a provider has something new, and so many ExternalSecrets are refreshed for that.
    pub(crate) fn change_told(&self, source: &'static str, outcome: &'static str, asked: usize) {
        self.changes.get_or_create(&ChangeLabels { source, outcome }).inc();
        if asked > 0 {
            let asked = u64::try_from(asked).unwrap_or(u64::MAX);
            self.changes_asked.get_or_create(&SourceLabels { source }).inc_by(asked);
        }
    }

    /// Whether this replica works.
    pub(crate) fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// How many objects wait to be looked at, and how many are at the moment.
    pub(crate) fn queued(&self, waiting: usize, at_work: usize) {
        self.queue.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.workers.set(i64::try_from(at_work).unwrap_or(i64::MAX));
    }

    /// When the webhook's certificate ends (unix seconds); there is no series without one.
    pub(crate) fn certificate_ends(&self, at: Option<f64>) {
        match at {
            Some(at) => drop(self.certificate.get_or_create(&NoLabels::new()).set(at)),
            None => self.certificate.clear(),
        }
    }

    /// Takes over a count of the fetch layer.
    pub(crate) fn fetch_count(&self, outcome: &'static str, count: u64) {
        self.fetch.get_or_create(&OutcomeLabels { outcome }).set(whole(count));
    }

    /// Takes over a count of the memos.
    pub(crate) fn memo_count(&self, outcome: &'static str, count: u64) {
        self.memo.get_or_create(&OutcomeLabels { outcome }).set(whole(count));
    }

    /// Takes over a count of the audit log.
    pub(crate) fn audit_count(&self, outcome: &'static str, count: u64) {
        self.audit.get_or_create(&OutcomeLabels { outcome }).set(whole(count));
    }

    /// Everything, in the OpenMetrics text format.
    ///
    /// # Errors
    /// Only if a metric cannot be formatted.
    pub(crate) fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Observer for Metrics {
    fn plugin_called(&self, plugin: &str, operation: &'static str, outcome: &'static str, took: Duration) {
        let labels = PluginCallLabels { plugin: plugin.to_owned(), operation, outcome };
        self.plugin_call_durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    fn plugin_failed(&self, plugin: &str, cause: &'static str) {
        self.plugin_faults.get_or_create(&CauseLabels { plugin: plugin.to_owned(), cause }).inc();
    }

    fn provider_called(&self, plugin: &str, operation: &'static str, ended: &'static str, took: Duration) {
        let labels = ProviderCallLabels { provider: plugin.to_owned(), operation, outcome: ended };
        self.provider_call_durations.get_or_create(&labels).observe(took.as_secs_f64());
        let status = if ended == outcome::OK { "success" } else { "error" };
        let labels = EsoCallLabels { provider: eso_provider(plugin).to_owned(), call: operation, status };
        self.eso_provider_calls.get_or_create(&labels).inc();
    }

    fn compiled(&self, done: bool, took: Duration) {
        let outcome = if done { "done" } else { "failed" };
        self.compilations.get_or_create(&OutcomeLabels { outcome }).observe(took.as_secs_f64());
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
