//! Counts of the plugin host, its memos and the fetch layer, taken over when metrics are read.

use std::sync::atomic::Ordering;

use super::Pipeline;
use crate::metrics::Metrics;

impl Pipeline {
    /// Copies the counts.
    pub(crate) fn export(&self, metrics: &Metrics) {
        let plugins = self.registry.all().into_iter().map(|(name, installed)| {
            let used = installed.plugin.used();
            (name, used.calls.saturating_sub(used.faults), used.faults)
        });
        metrics.plugin_calls(plugins);
        let fetch = self.fetcher.counters();
        let egress = self.registry.host().egress().counters();
        for (outcome, count) in [
            ("read", &fetch.read),
            ("hit", &fetch.hit),
            ("joined", &fetch.joined),
            ("http_sent", &egress.sent),
            ("http_denied", &egress.denied),
            ("http_failed", &egress.failed),
        ] {
            metrics.fetch_count(outcome, count.load(Ordering::Relaxed));
        }
        for (outcome, count) in self.registry.host().memo_counts() {
            metrics.memo_count(outcome, count);
        }
    }
}
