//! What the operator is told at its start. One typed value, filled by the CLI from flags, environment and
//! file; nothing here reads any of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::sync::Delimiters;

/// Settings of one operator process.
#[derive(Clone, Debug)]
pub struct OperatorConfig {
    /// The namespace that the operator runs in: ConfigMaps with plugins lie there.
    pub operator_namespace: String,
    /// Whether a reference of a ClusterSecretStore that names no namespace may mean the operator's, where the
    /// ExternalSecret's own has no such object (`--operator-namespace-fallback`).
    pub operator_namespace_fallback: bool,
    /// Whether targets may be of other kinds than Secret (ESO's `--unsafe-allow-generic-targets`): what is not meant to
    /// hold secrets is neither encrypted nor guarded like them.
    pub allow_generic_targets: bool,
    /// Only this namespace is watched (ESO's `--namespace`); none: all.
    pub namespace: Option<String>,
    /// Whether ClusterExternalSecrets are looked after (ESO's `--enable-cluster-external-secret-reconciler`); with
    /// `namespace` they are not.
    pub cluster_external_secrets: bool,
    /// Whether PushSecrets are looked after (ESO's `--enable-push-secret-reconciler`).
    pub push_secrets: bool,
    /// Whether ClusterPushSecrets are looked after (ESO's `--enable-cluster-push-secret-reconciler`); with `namespace`, and
    /// without PushSecrets, they are not.
    pub cluster_push_secrets: bool,
    /// Whether workloads are restarted that annotations name (`--enable-rollouts`): it takes a right to change them.
    pub rollouts: bool,
    /// Stores with another `spec.controller` are somebody else's (ESO's `--controller-class`).
    pub controller_class: String,
    /// What stands around an action of a template.
    pub delimiters: Delimiters,
    /// How many objects are reconciled at once (ESO's `--concurrent`); where some take longer than two seconds, up to twice
    /// as many.
    pub concurrency: usize,
    /// Where metrics and health are served; none: not at all.
    pub listen: Option<SocketAddr>,
    /// Where the validating webhook is served, and with what (`--enable-webhook`); none: not at all.
    pub webhook: Option<WebhookConfig>,
    /// How often a store is validated, unless its `refreshInterval` says otherwise
    /// (ESO's `--store-requeue-interval`).
    pub store_interval: Duration,
    /// `status.refreshTime` alone is written at most this often; the exact time is a metric.
    pub status_interval: Duration,
    /// How long reconciles in flight may take to finish when the process is told to stop.
    pub grace: Duration,
    /// Which lease decides whether this process works; none: it always does (ESO's `--enable-leader-election`).
    pub election: Option<Election>,
    /// What is written to the audit log.
    pub audit: Audit,
    /// Whether metrics have a series for each object; without, only those of the whole process are there.
    pub object_metrics: bool,
    /// Whether the status page is served beside the metrics.
    pub status_page: bool,
}

/// What the audit log has: never a value. The names of `config.yaml` are `logSecretAccess` and `logSecretSync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// What providers were asked for, and what they were made to write.
    pub access: bool,
    /// What was written to Kubernetes.
    pub sync: bool,
}

impl OperatorConfig {
    /// Whether ClusterExternalSecrets are looked after: who serves one namespace has no say in others.
    pub fn spreads(&self) -> bool {
        self.cluster_external_secrets && self.namespace.is_none()
    }

    /// Whether ClusterPushSecrets are looked after.
    pub fn spreads_pushes(&self) -> bool {
        self.cluster_push_secrets && self.push_secrets && self.namespace.is_none()
    }
}

/// The validating webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it serves with.
    pub certificates: CertificateSource,
    /// `POST /refresh`, which is served with the same certificate (`--enable-refresh`); none: not at all.
    pub refresh: Option<RefreshConfig>,
}

/// Where somebody may say that a store's provider has something new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Of the tokens that callers send.
    pub audience: String,
}

/// Where the webhook's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// A folder with `tls.crt` and `tls.key`.
    Files(PathBuf),
    /// An authority of the operator's own.
    Authority(AuthorityConfig),
}

/// Names of what the webhook's own authority is kept in and told by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityConfig {
    /// The Secret, in the operator's namespace.
    pub secret: String,
    /// The Service by which the API server asks, in the operator's namespace.
    pub service: String,
    /// The ValidatingWebhookConfiguration.
    pub configuration: String,
}

/// The lease that one of several replicas works by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Election {
    /// Namespace of the Lease object.
    pub namespace: String,
    /// Its name: the same for all replicas, and for nobody else.
    pub name: String,
    /// Our own name in it: no other process's, now or ever.
    pub identity: String,
}

impl Election {
    /// The name of the lease of all who serve a controller class, in one namespace or in all. Two that serve
    /// different ones have no lease in common (with ESO's one name for all, only one of them would work).
    pub fn name(class: &str, namespace: Option<&str>) -> String {
        const BASE: &str = "claviger-controller";
        if class == "default" && namespace.is_none() {
            return BASE.to_owned();
        }
        let label = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let is_label = !class.is_empty()
            && class.len() <= 63
            && class.bytes().all(label)
            && !class.starts_with('-')
            && !class.ends_with('-');
        // A class may be any text, an object's name may not. Neither a label nor a namespace has a dot in it.
        let class = if is_label { class.to_owned() } else { format!("class-{}", short_hash(class)) };
        match namespace {
            Some(namespace) => format!("{BASE}.{class}.{namespace}"),
            None => format!("{BASE}.{class}"),
        }
    }

    /// A name for this process, from that of its pod or machine.
    pub fn identity(instance: Option<&str>) -> String {
        format!("{}_{:016x}", instance.unwrap_or("claviger"), rand::random::<u64>())
    }
}

/// Sixteen hexadecimal digits, for names and labels.
pub(crate) fn short_hash(text: &str) -> String {
    claviger_plugins::package::digest(text.as_bytes())
        .trim_start_matches("sha256:")
        .chars()
        .take(16)
        .collect()
}

impl OperatorConfig {
    /// Whether an object of that `spec.controller` is ours. One without is everybody's, as with ESO.
    pub fn serves(&self, class: Option<&str>) -> bool {
        class.is_none_or(|class| class.is_empty() || class == self.controller_class)
    }
}

impl Default for OperatorConfig {
    fn default() -> Self {
        Self {
            operator_namespace: "claviger-system".to_owned(),
            operator_namespace_fallback: false,
            allow_generic_targets: false,
            namespace: None,
            cluster_external_secrets: true,
            push_secrets: true,
            cluster_push_secrets: true,
            rollouts: true,
            controller_class: "default".to_owned(),
            delimiters: Delimiters::default(),
            // As the seed's CONCURRENT_RECONCILES; a reconcile mostly waits, so this bounds memory more
            // than it bounds CPU.
            concurrency: 10,
            listen: None,
            webhook: None,
            store_interval: Duration::from_secs(300),
            status_interval: Duration::from_secs(60),
            // Shorter than the 30 s that Kubernetes gives a pod by default, longer than a provider's call.
            grace: Duration::from_secs(20),
            election: None,
            audit: Audit::default(),
            object_metrics: true,
            status_page: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_without_a_class_is_everybodys() {
        let config = OperatorConfig { controller_class: "blue".to_owned(), ..OperatorConfig::default() };
        for (class, served) in [(None, true), (Some(""), true), (Some("blue"), true), (Some("green"), false)]
        {
            assert_eq!(config.serves(class), served, "{class:?}");
        }
    }

    #[test]
    fn who_serves_something_else_has_another_lease() {
        // (class, namespace, name)
        let cases = [
            ("default", None, "claviger-controller"),
            ("default", Some("team"), "claviger-controller.default.team"),
            ("blue", None, "claviger-controller.blue"),
            ("blue", Some("team"), "claviger-controller.blue.team"),
        ];
        for (class, namespace, name) in cases {
            assert_eq!(Election::name(class, namespace), name);
        }
        // What no object can be called.
        let odd = ["Blue", "blue.team", "", "a/b", "-", "ü"].map(|class| Election::name(class, None));
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        for (n, name) in odd.iter().enumerate() {
            assert!(name.starts_with("claviger-controller.class-") && name.chars().all(allowed), "{name}");
            assert!(!odd[..n].contains(name), "{name} twice");
        }
    }

    #[test]
    fn no_two_processes_have_one_name() {
        let one = Election::identity(Some("pod"));
        assert!(one.starts_with("pod_"));
        assert_ne!(one, Election::identity(Some("pod")));
    }
}
