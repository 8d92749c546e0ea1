//! The keys of the file of settings: each stands for one flag of `claviger run`, and is read as its flag is. Pure.
//!
//! Names are those of the chart's values and of the reference document's `config.yaml`. Docs: `docs/configuration.md`.

use serde_json::Value;

use crate::args::{parse_interval, parse_listen};

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Names with dots between them.
    pub(crate) path: &'static str,
    /// Long name of its flag.
    pub(crate) flag: &'static str,
    /// What stands there.
    pub(crate) kind: Kind,
}

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A boolean.
    Switch,
    /// A text that is not empty.
    Text,
    /// A path, of a file or folder.
    Path,
    /// A whole number between two.
    Whole(u64, u64),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Where to serve.
    Listen,
    /// Seconds, or a duration.
    Interval,
    /// The URL of a proxy, or nothing; never quoted.
    Proxy,
    /// Texts, in a list or with commas.
    List,
}

const fn key(path: &'static str, flag: &'static str, kind: Kind) -> Key {
    Key { path, flag, kind }
}

/// All of them, in the order of the documentation.
pub(crate) const KEYS: &[Key] = &[
    key("logging.level", "log-level", Kind::OneOf(&["error", "warn", "info", "debug", "trace"])),
    key("logging.format", "log-format", Kind::OneOf(&["text", "json"])),
    key("metrics.addr", "listen", Kind::Listen),
    key("metrics.perObject", "metrics-per-object", Kind::Switch),
    key("statusPage.enabled", "status-page", Kind::Switch),
    key("audit.enabled", "audit", Kind::Switch),
    key("audit.logSecretAccess", "audit-secret-access", Kind::Switch),
    key("audit.logSecretSync", "audit-secret-sync", Kind::Switch),
    key("security.encryptionInTransit", "encryption-in-transit", Kind::Switch),
    key("security.validateRemoteCertificates", "validate-remote-certificates", Kind::Switch),
    key("caBundle", "ca-bundle", Kind::Path),
    key("proxy.https", "https-proxy", Kind::Proxy),
    key("proxy.http", "http-proxy", Kind::Proxy),
    key("proxy.noProxy", "no-proxy", Kind::List),
    key("webhook.enabled", "enable-webhook", Kind::Switch),
    key("webhook.port", "webhook-port", Kind::Whole(0, 65_535)),
    key("webhook.certDir", "webhook-cert-dir", Kind::Path),
    key("webhook.secretName", "webhook-secret-name", Kind::Text),
    key("webhook.serviceName", "webhook-service-name", Kind::Text),
    key("webhook.configurationName", "webhook-configuration-name", Kind::Text),
    key("refresh.enabled", "enable-refresh", Kind::Switch),
    key("refresh.port", "refresh-port", Kind::Whole(0, 65_535)),
    key("refresh.audience", "refresh-audience", Kind::Text),
    key("leaderElection.enabled", "enable-leader-election", Kind::Switch),
    key("leaderElection.id", "leader-election-id", Kind::Text),
    key("concurrent", "concurrent", Kind::Whole(1, 65_535)),
    key("storeRequeueInterval", "store-interval", Kind::Interval),
    key("controllerClass", "controller-class", Kind::Text),
    key("namespace", "namespace", Kind::Text),
    key("operatorNamespace", "operator-namespace", Kind::Text),
    key("clusterStores.operatorNamespaceFallback", "operator-namespace-fallback", Kind::Switch),
    key("processClusterExternalSecret", "enable-cluster-external-secret-reconciler", Kind::Switch),
    key("processPushSecret", "enable-push-secret-reconciler", Kind::Switch),
    key("processClusterPushSecret", "enable-cluster-push-secret-reconciler", Kind::Switch),
    key("rollouts.enabled", "enable-rollouts", Kind::Switch),
    key("genericTargets.enabled", "unsafe-allow-generic-targets", Kind::Switch),
    key("templates.leftDelimiter", "template-left-delimiter", Kind::Text),
    key("templates.rightDelimiter", "template-right-delimiter", Kind::Text),
    key("plugins.dir", "plugin-dir", Kind::Path),
    key("plugins.cacheDir", "cache-dir", Kind::Path),
    key("plugins.compileMemoryMiB", "compile-memory-mib", Kind::Whole(16, 65_536)),
    key("plugins.compileCpuSeconds", "compile-cpu-seconds", Kind::Whole(1, 3_600)),
    key("kubeconfig", "kubeconfig", Kind::Path),
    key("allowLoopback", "allow-loopback", Kind::Switch),
];

impl Kind {
    /// The value as its flag takes it; none if it is something else.
    pub(super) fn text(self, value: &Value) -> Option<String> {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        match (self, value) {
            (Self::Switch, Value::Bool(on)) => Some(on.to_string()),
            (Self::Text | Self::Path, Value::String(text)) => given(text),
            (Self::Whole(least, most), Value::Number(number)) => number
                .as_u64()
                .filter(|number| (least..=most).contains(number))
                .map(|number| number.to_string()),
            (Self::OneOf(words), Value::String(text)) => words.contains(&text.as_str()).then(|| text.clone()),
            (Self::Listen, Value::String(text)) => parse_listen(text).is_ok().then(|| text.clone()),
            (Self::Interval, Value::Number(number)) => {
                number.as_u64().filter(|seconds| *seconds > 0).map(|seconds| seconds.to_string())
            }
            (Self::Interval, Value::String(text)) => parse_interval(text).is_ok().then(|| text.clone()),
            (Self::Proxy | Self::List, Value::String(text)) => Some(text.clone()),
            (Self::List, Value::Array(items)) => {
                let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                texts.map(|texts| texts.join(","))
            }
            _ => None,
        }
    }

    /// What is expected there, in words.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Switch => "true or false".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Listen => "IP:PORT, :PORT for all addresses, or off, as a text".to_owned(),
            Self::Interval => "seconds, such as 300, or a duration, such as 5m; above zero".to_owned(),
            Self::Proxy => "http://[USER:PASSWORD@]HOST:PORT as a text, or an empty one for none".to_owned(),
            Self::List => "a list of texts, or one text with commas between them".to_owned(),
        }
    }
}

/// The key of that path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether keys stand below that path.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The known key or section that is nearest to one that is unknown, if one is near enough to be meant.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let known = KEYS.iter().flat_map(|key| {
        let above = key.path.split_once('.').map(|(section, _)| section);
        [Some(key.path), above].into_iter().flatten()
    });
    let distance = |known: &str| {
        // The right name in the wrong place.
        if last(known) == last(path) && known.contains('.') && !known.ends_with(".enabled") {
            return 1;
        }
        strsim::osa_distance(&known.to_ascii_lowercase(), &path.to_ascii_lowercase())
    };
    let (distance, found) =
        known.map(|known| (distance(known), known)).min_by_key(|(distance, _)| *distance)?;
    (distance <= 2.max(path.chars().count() / 3)).then_some(found)
}
