//! Workloads that are restarted when the data of a Secret changes, as an ExternalSecret's annotations name or select
//! them; and when such a restart is over.
//!
//! The time of the change stands on the Secret, written with the data, and on the pod template of each workload that was
//! restarted for it: so a restart is neither forgotten nor done twice, whoever stops in between.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::names::{ANNOTATION_ROLLOUT, ANNOTATION_ROLLOUT_SELECTOR};

/// Workloads of one ExternalSecret that are named. More are better selected by label.
const MAX_NAMED: usize = 32;

/// A kind of workload whose pods are replaced by changing their template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// apps/v1 Deployment.
    Deployment,
    /// apps/v1 StatefulSet.
    StatefulSet,
    /// apps/v1 DaemonSet.
    DaemonSet,
}

impl WorkloadKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet];

    /// As manifests spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// As kubectl takes it.
    fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "deployment" | "deployments" | "deploy" => Some(Self::Deployment),
            "statefulset" | "statefulsets" | "sts" => Some(Self::StatefulSet),
            "daemonset" | "daemonsets" | "ds" => Some(Self::DaemonSet),
            _ => None,
        }
    }

    /// Whether all pods are of the newest template and available, from the workload's spec and status: the rules of
    /// `kubectl rollout status`.
    pub fn is_rolled_out(self, workload: &Value) -> bool {
        let number = |at: &str| workload.pointer(at).and_then(Value::as_i64).unwrap_or(0);
        if number("/status/observedGeneration") < number("/metadata/generation") {
            return false;
        }
        let replicas = workload.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        match self {
            Self::Deployment => {
                number("/status/updatedReplicas") >= replicas
                    && number("/status/replicas") <= number("/status/updatedReplicas")
                    && number("/status/availableReplicas") >= number("/status/updatedReplicas")
            }
            Self::StatefulSet => {
                number("/status/readyReplicas") >= replicas
                    && workload.pointer("/status/currentRevision")
                        == workload.pointer("/status/updateRevision")
            }
            Self::DaemonSet => {
                let wanted = number("/status/desiredNumberScheduled");
                number("/status/updatedNumberScheduled") >= wanted
                    && number("/status/numberAvailable") >= wanted
            }
        }
    }
}

/// What an ExternalSecret wants restarted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// By kind and name.
    pub named: Vec<(WorkloadKind, String)>,
    /// By label, of every kind.
    pub selector: Option<String>,
}

impl Targets {
    /// Reads annotations.
    ///
    /// # Errors
    /// What cannot be meant, with the annotation's name.
    pub fn parse(annotations: &BTreeMap<String, String>) -> Result<Self, String> {
        let text = |name: &str| annotations.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let mut named = Vec::new();
        for entry in
            text(ANNOTATION_ROLLOUT).unwrap_or_default().split(',').filter(|entry| !entry.trim().is_empty())
        {
            let parsed = entry.split_once('/').and_then(|(kind, name)| {
                Some((WorkloadKind::parse(kind)?, name.trim().to_owned())).filter(|(_, name)| is_name(name))
            });
            let parsed = parsed.ok_or_else(|| {
                format!("annotation {ANNOTATION_ROLLOUT}: each entry is deployment/NAME, statefulset/NAME or daemonset/NAME")
            })?;
            if !named.contains(&parsed) {
                named.push(parsed);
            }
        }
        if named.len() > MAX_NAMED {
            return Err(format!(
                "annotation {ANNOTATION_ROLLOUT}: more than {MAX_NAMED}: select them by label instead"
            ));
        }
        Ok(Self { named, selector: text(ANNOTATION_ROLLOUT_SELECTOR).map(ToOwned::to_owned) })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.selector.is_none()
    }
}

/// A name of Kubernetes' (DNS-1123 subdomain): it becomes part of a request's path.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
        && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn parse(named: &str, selector: &str) -> Result<Targets, String> {
        Targets::parse(&BTreeMap::from([
            ("claviger.io/rollout-restart".to_owned(), named.to_owned()),
            ("claviger.io/rollout-restart-selector".to_owned(), selector.to_owned()),
        ]))
    }

    #[test]
    fn workloads_are_named_as_kubectl_names_them() {
        let targets = parse("deployment/web, sts/db ,DaemonSet/agent,deploy/web", "app in (a, b)").unwrap();
        let named = [
            (WorkloadKind::Deployment, "web"),
            (WorkloadKind::StatefulSet, "db"),
            (WorkloadKind::DaemonSet, "agent"),
        ];
        assert_eq!(targets.named, named.map(|(kind, name)| (kind, name.to_owned())));
        assert_eq!(targets.selector.as_deref(), Some("app in (a, b)"));
        assert!(Targets::parse(&BTreeMap::new()).unwrap().is_empty());
        for wrong in
            ["web", "pod/web", "deployment/", "deployment/../secrets", "deployment/Web", "deployment/a/b"]
        {
            let error = parse(wrong, "").unwrap_err();
            assert!(
                error.contains("claviger.io/rollout-restart") && error.contains("deployment/NAME"),
                "{error}"
            );
        }
        let many: Vec<String> = (0..40).map(|n| format!("deployment/d{n}")).collect();
        assert!(parse(&many.join(","), "").unwrap_err().contains("select them by label"));
    }

    /// The conditions of `kubectl rollout status` (k8s.io/kubectl, polymorphichelpers).
    #[test]
    fn a_rollout_is_over_when_every_pod_is_new_and_available() {
        let deployment = |generation, updated, total, available| {
            json!({"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": {"observedGeneration": generation,
                "updatedReplicas": updated, "replicas": total, "availableReplicas": available}})
        };
        for (what, workload, over) in [
            ("not seen yet", deployment(1, 2, 2, 2), false),
            ("one old pod", deployment(2, 2, 3, 2), false),
            ("one to come", deployment(2, 1, 2, 2), false),
            ("not available", deployment(2, 2, 2, 1), false),
            ("over", deployment(2, 2, 2, 2), true),
        ] {
            assert_eq!(WorkloadKind::Deployment.is_rolled_out(&workload), over, "{what}");
        }
        let stateful = |ready, current| {
            json!({"metadata": {"generation": 1}, "spec": {"replicas": 3}, "status": {"observedGeneration": 1,
                "readyReplicas": ready, "currentRevision": current, "updateRevision": "b"}})
        };
        for (workload, over) in
            [(stateful(3, "b"), true), (stateful(3, "a"), false), (stateful(2, "b"), false)]
        {
            assert_eq!(WorkloadKind::StatefulSet.is_rolled_out(&workload), over, "{workload}");
        }
        let daemon = |updated, available| {
            json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 2,
                "updatedNumberScheduled": updated, "numberAvailable": available}})
        };
        for (workload, over) in [(daemon(2, 2), true), (daemon(1, 2), false), (daemon(2, 1), false)] {
            assert_eq!(WorkloadKind::DaemonSet.is_rolled_out(&workload), over, "{workload}");
        }
        let none = json!({"metadata": {"generation": 1}, "spec": {"replicas": 0}, "status": {"observedGeneration": 1}});
        assert!(WorkloadKind::Deployment.is_rolled_out(&none), "nothing runs, so nothing is old");
    }
}
