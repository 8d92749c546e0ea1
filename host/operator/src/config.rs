//! What the operator is told at its start. One typed value, filled by the CLI from flags and
//! environment; nothing here reads either.

use std::net::SocketAddr;
use std::time::Duration;

/// Settings of one operator process.
#[derive(Clone, Debug)]
pub struct OperatorConfig {
    /// The namespace that the operator runs in: ConfigMaps with plugins lie there.
    pub operator_namespace: String,
    /// Whether a reference of a ClusterSecretStore that names no namespace may mean the operator's, where the
    /// ExternalSecret's own has no such object (`--operator-namespace-fallback`).
    pub operator_namespace_fallback: bool,
    /// Only this namespace is watched (ESO's `--namespace`); none: all.
    pub namespace: Option<String>,
    /// Stores with another `spec.controller` are somebody else's (ESO's `--controller-class`).
    pub controller_class: String,
    /// How many objects are reconciled at once (ESO's `--concurrent`).
    pub concurrency: usize,
    /// Where metrics and health are served; none: not at all.
    pub listen: Option<SocketAddr>,
    /// How often a store is validated, unless its `refreshInterval` says otherwise
    /// (ESO's `--store-requeue-interval`).
    pub store_interval: Duration,
    /// `status.refreshTime` alone is written at most this often; the exact time is a metric.
    pub status_interval: Duration,
    /// How long reconciles in flight may take to finish when the process is told to stop.
    pub grace: Duration,
}

impl Default for OperatorConfig {
    fn default() -> Self {
        Self {
            operator_namespace: "claviger-system".to_owned(),
            operator_namespace_fallback: false,
            namespace: None,
            controller_class: "default".to_owned(),
            // As the seed's CONCURRENT_RECONCILES; a reconcile mostly waits, so this bounds memory more
            // than it bounds CPU.
            concurrency: 10,
            listen: None,
            store_interval: Duration::from_secs(300),
            status_interval: Duration::from_secs(60),
            // Shorter than the 30 s that Kubernetes gives a pod by default, longer than a provider's call.
            grace: Duration::from_secs(20),
        }
    }
}
