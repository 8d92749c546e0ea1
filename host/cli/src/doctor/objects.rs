//! Stores, ExternalSecrets, PushSecrets and Plugins that are not Ready: how many for which reason, the oldest by name, and
//! what to do. Conditions' messages are not shown: `kubectl describe` has them.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::error::Reason;
use claviger_operator::config::OperatorConfig;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::core::GroupVersionKind;
use serde_json::Value;

use super::finding::{Finding, Level};
use crate::class::{is_looked_after, of_another_class};
use crate::objects::{Kind, each, full_name, list};

/// Named of each reason.
const NAMED: usize = 3;
/// What has no condition after that was looked at by nobody.
const NEW: SignedDuration = SignedDuration::from_mins(2);
/// Kinds and namespaces of targets that are asked for.
const MAX_TARGETS: usize = 100;

/// A kind of target, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) group: String,
    pub(super) plural: String,
    pub(super) namespace: String,
}

/// Looks at all of them; the targets are of those ExternalSecrets that make no Secret.
pub(super) async fn look(client: &Client, config: &OperatorConfig) -> (Vec<Finding>, Vec<Target>) {
    let scope: Vec<String> = config.namespace.iter().cloned().collect();
    let own = |kind: &str, plural: &str, namespaced| {
        Kind::new("external-secrets.io", "v1", kind, plural, namespaced)
    };
    let push = |kind: &str, plural: &str, namespaced| {
        Kind::new("external-secrets.io", "v1alpha1", kind, plural, namespaced)
    };
    let plugin = Kind::new("claviger.io", "v1alpha1", "Plugin", "plugins", false);
    let cluster = config.namespace.is_none();
    let mut findings = Vec::new();
    let mut stores = Vec::new();
    let mut kinds = vec![own("SecretStore", "secretstores", true)];
    if cluster {
        kinds.push(own("ClusterSecretStore", "clustersecretstores", false));
    }
    for kind in &kinds {
        match list(client, kind, &scope).await {
            Ok(found) => stores.extend(found),
            Err(error) => findings.push(Finding::not_looked("stores", &error)),
        }
    }
    let others = of_another_class(&stores, &config.controller_class);
    let now = Timestamp::now();
    let mut tally = Tally::new("stores", now);
    let ours = |store: &&Value| {
        let kind = store["kind"].as_str().unwrap_or_default().to_owned();
        !others.contains(&(kind, full_name(store)))
    };
    stores.iter().filter(ours).for_each(|store| tally.add(store));
    findings.extend(tally.findings());

    let mut targets = BTreeSet::new();
    let mut tally = Tally::new("ExternalSecrets", now);
    let external_secrets = own("ExternalSecret", "externalsecrets", true);
    let looked = each(client, &external_secrets, &scope, |es| {
        if is_looked_after(&es, &others) {
            tally.add(&es);
            targets.extend(target(&es));
        }
    });
    findings.extend(tallied(looked.await, tally));

    let mut rest = Vec::new();
    if config.spreads() {
        rest.push(("ClusterExternalSecrets", own("ClusterExternalSecret", "clusterexternalsecrets", false)));
    }
    if config.push_secrets {
        rest.push(("PushSecrets", push("PushSecret", "pushsecrets", true)));
    }
    if config.spreads_pushes() {
        rest.push(("ClusterPushSecrets", push("ClusterPushSecret", "clusterpushsecrets", false)));
    }
    if cluster {
        rest.push(("Plugins", plugin));
    }
    for (check, kind) in rest {
        let mut tally = Tally::new(check, now);
        let looked = each(client, &kind, &scope, |object| tally.add(&object));
        findings.extend(tallied(looked.await, tally));
    }
    (findings, resolved(client, targets).await)
}

fn tallied(looked: anyhow::Result<()>, tally: Tally) -> Vec<Finding> {
    match looked {
        Ok(()) => tally.findings(),
        Err(error) => vec![Finding::not_looked(tally.check, &error)],
    }
}

/// apiVersion, kind and namespace of a target that is no Secret.
fn target(es: &Value) -> Option<(String, String, String)> {
    let text = |pointer: &str| es.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (version, kind) = (text("/spec/target/manifest/apiVersion")?, text("/spec/target/manifest/kind")?);
    Some((version, kind, text("/metadata/namespace")?))
}

/// How the cluster calls them; what it does not know the ExternalSecret's own condition says.
async fn resolved(client: &Client, targets: BTreeSet<(String, String, String)>) -> Vec<Target> {
    let mut known: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    let mut found = Vec::new();
    for (version, kind, namespace) in targets.into_iter().take(MAX_TARGETS) {
        let (group, number) = version.split_once('/').unwrap_or(("", &version));
        let key = (version.clone(), kind.clone());
        let plural = match known.get(&key) {
            Some(plural) => plural.clone(),
            None => {
                let wanted = GroupVersionKind::gvk(group, number, &kind);
                let looked = kube::discovery::pinned_kind(client, &wanted).await;
                let plural = looked.ok().map(|(resource, _)| resource.plural);
                known.insert(key, plural.clone());
                plural
            }
        };
        let group = group.to_owned();
        found.extend(plural.map(|plural| Target { group, plural, namespace }));
    }
    found
}

/// Those that fail for one reason.
#[derive(Default)]
struct Failing {
    count: usize,
    /// Since when, and name: the oldest.
    oldest: BTreeSet<(String, String)>,
    /// Of Plugins: how many have an earlier version that goes on.
    running: usize,
}

impl Failing {
    fn add(&mut self, since: &str, name: String) {
        self.count += 1;
        self.oldest.insert((since.to_owned(), name));
        if self.oldest.len() > NAMED {
            self.oldest.pop_last();
        }
    }

    fn named(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.oldest.iter().map(|(since, name)| said(since, name)).collect();
        let more = self.count - self.oldest.len();
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        lines
    }
}

fn said(since: &str, name: &str) -> String {
    if since.is_empty() { name.to_owned() } else { format!("{name} since {since}") }
}

/// How many of a kind are how.
struct Tally {
    check: &'static str,
    now: Timestamp,
    all: usize,
    reasons: BTreeMap<String, Failing>,
    /// Without a condition.
    unseen: Failing,
}

impl Tally {
    fn new(check: &'static str, now: Timestamp) -> Self {
        Self { check, now, all: 0, reasons: BTreeMap::new(), unseen: Failing::default() }
    }

    fn add(&mut self, object: &Value) {
        self.all += 1;
        let conditions = object["status"]["conditions"].as_array();
        let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = full_name(object);
        let name = match self.check {
            // Of two kinds.
            "stores" => format!("{} {name}", text(&object["kind"])),
            _ => name,
        };
        match ready {
            Some(condition) if condition["status"] == "True" => {}
            Some(condition) => {
                let failing = self.reasons.entry(text(&condition["reason"])).or_default();
                failing.add(&text(&condition["lastTransitionTime"]), name);
                failing.running += usize::from(object["status"]["digest"].is_string());
            }
            None => {
                let since = text(&object["metadata"]["creationTimestamp"]);
                let new = since.parse::<Timestamp>().is_ok_and(|made| self.now.duration_since(made) < NEW);
                if !new {
                    self.unseen.add(&since, name);
                }
            }
        }
    }

    fn findings(self) -> Vec<Finding> {
        let Self { check, all, .. } = self;
        let mut findings = Vec::new();
        if self.unseen.count > 0 {
            let message = format!("{} of {all} were looked at by nobody", self.unseen.count);
            let remedy = "see that an operator runs and leads, and that its --controller-class and --namespace mean them";
            findings
                .push(Finding::warning(check, message).with_details(self.unseen.named()).with_remedy(remedy));
        }
        let mut reasons: Vec<_> = self.reasons.into_iter().collect();
        reasons.sort_by_key(|(_, reason)| std::cmp::Reverse(reason.count));
        findings.extend(reasons.iter().map(|(reason, failing)| finding(check, all, reason, failing)));
        if findings.is_empty() && all > 0 {
            findings.push(Finding::ok(check, format!("all {all} are Ready")));
        }
        findings
    }
}

fn finding(check: &'static str, all: usize, reason: &str, failing: &Failing) -> Finding {
    let count = failing.count;
    let said = |cause: &str| format!("{count} of {all} not Ready, {reason}: {cause}");
    let finding = |level, message: String| Finding::new(check, level, message).with_details(failing.named());
    if check == "Plugins" {
        // Where nothing goes on in its place, nothing that names it works.
        let (level, rest) = match failing.running == count {
            true => (Level::Warning, "the version before goes on"),
            false => (Level::Problem, "what names it does not work"),
        };
        return finding(level, said(rest))
            .with_remedy("kubectl get plugin NAME -o yaml says what was found and what to do")
            .with_see("docs/plugins/install.md#when-it-does-not-work");
    }
    match Reason::parse(reason) {
        Some(known) => {
            finding(Level::Warning, said(known.cause())).with_remedy(known.remedy()).with_see(known.page())
        }
        None => finding(Level::Warning, said("a reason of another operator, or of another version"))
            .with_remedy("kubectl describe has the message; it is looked at anew when an operator of this version works"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    fn object(name: &str, condition: Value) -> Value {
        json!({"kind": "ExternalSecret", "metadata": {"namespace": "a", "name": name,
            "creationTimestamp": "2026-01-01T00:00:00Z"}, "status": {"conditions": [condition]}})
    }

    fn failing(name: &str, reason: &str, hour: u8) -> Value {
        let since = format!("2026-01-01T{hour:02}:00:00Z");
        let message = "MARKED-message";
        let condition = json!({"type": "Ready", "status": "False", "reason": reason, "message": message,
            "lastTransitionTime": since});
        object(name, condition)
    }

    #[test]
    fn reasons_are_counted_and_their_oldest_named() {
        let mut tally = Tally::new("ExternalSecrets", now());
        tally.add(&object("good", json!({"type": "Ready", "status": "True", "reason": "SecretSynced"})));
        for (name, hour) in [("e", 5), ("b", 2), ("d", 4), ("a", 1), ("c", 3)] {
            tally.add(&failing(name, "RemoteKeyNotFound", hour));
        }
        tally.add(&failing("x", "SecretSyncedError", 1));
        let found = tally.findings();
        let shown: Vec<_> = found.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            shown,
            [
                "5 of 7 not Ready, RemoteKeyNotFound: the backend has no such key",
                "1 of 7 not Ready, SecretSyncedError: a reason of another operator, or of another version",
            ]
        );
        let named = ["a", "b", "c"]
            .into_iter()
            .zip(1..)
            .map(|(name, hour)| format!("a/{name} since 2026-01-01T0{hour}:00:00Z"));
        assert_eq!(found[0].details, named.chain(["and 2 more".to_owned()]).collect::<Vec<_>>());
        assert_eq!(found[0].remedy.as_deref(), Some(Reason::RemoteKeyNotFound.remedy()));
        assert_eq!(found[0].see.as_deref(), Some("docs/troubleshooting.md#remotekeynotfound"));
        assert!(!format!("{found:?}").contains("MARKED"), "names only");
    }

    #[test]
    fn what_is_new_may_have_no_condition_yet() {
        let mut tally = Tally::new("ExternalSecrets", now());
        for (name, made) in [("new", "2026-01-01T11:59:00Z"), ("old", "2026-01-01T11:00:00Z")] {
            tally.add(&json!({"metadata": {"namespace": "a", "name": name, "creationTimestamp": made}}));
        }
        let found = tally.findings();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].message, "1 of 2 were looked at by nobody");
        assert_eq!(found[0].details, ["a/old since 2026-01-01T11:00:00Z"]);
        assert!(Tally::new("ExternalSecrets", now()).findings().is_empty(), "none is no finding");
    }

    #[test]
    fn a_plugin_whose_version_before_goes_on_is_no_problem() {
        let plugin = |name: &str, digest: Value| {
            let mut object = failing(name, "DigestMismatch", 1);
            object["metadata"]["namespace"] = Value::Null;
            object["status"]["digest"] = digest;
            object
        };
        for (digest, level) in [(json!("sha256:00"), Level::Warning), (Value::Null, Level::Problem)] {
            let mut tally = Tally::new("Plugins", now());
            tally.add(&plugin("etcd", digest));
            let found = tally.findings();
            assert_eq!(
                (found[0].level, found[0].details[0].as_str()),
                (level, "etcd since 2026-01-01T01:00:00Z")
            );
        }
    }

    #[test]
    fn targets_are_those_that_are_no_secrets() {
        let es = json!({"metadata": {"namespace": "a"}, "spec": {"target": {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}}});
        assert_eq!(target(&es), Some(("v1".to_owned(), "ConfigMap".to_owned(), "a".to_owned())));
        assert_eq!(target(&json!({"metadata": {"namespace": "a"}, "spec": {"target": {"name": "x"}}})), None);
    }
}
