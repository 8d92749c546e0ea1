//! ESO's finalizers: without ESO nobody takes them off, and what bears one cannot be deleted. Pure.
//!
//! What a finalizer stands for decides: one whose work Claviger does otherwise or need not do goes; one that guards what
//! lies at a provider stays and is named. What is being deleted already is another matter, since it goes with it.
//! A PushSecret's is none of these: Claviger does its work, and takes it off when that is done.

use serde_json::Value;

/// ESO's finalizer on each ExternalSecret.
pub(super) use claviger_core::names::ESO_FINALIZER as EXTERNAL_SECRET;
const CLUSTER_EXTERNAL_SECRET: &str = "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup";
const NAMESPACE_PREFIX: &str = "externalsecrets.external-secrets.io/ces-";
const STORE: &str = "secretstore.externalsecrets.io/finalizer";
const GENERATOR_STATE: &str = "generatorstate.externalsecrets.io/finalizer";

/// Generators that make something at a provider which their clean-up takes back; the others' clean-up does nothing.
const CLEANING: [&str; 2] = ["Grafana", "GitlabDeployToken"];

/// What becomes of an object's finalizers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// None of them is ESO's.
    Nothing,
    /// These are left when ESO's are gone.
    Remove(Vec<String>),
    /// It is being deleted, and goes for good when ESO's are gone; these are left.
    Deleting(Vec<String>),
    /// They stay, because of this.
    Stay(String),
}

/// Whether a finalizer is one that ESO puts on objects of that kind.
fn is_esos(kind: &str, finalizer: &str) -> bool {
    match kind {
        "ExternalSecret" => finalizer == EXTERNAL_SECRET,
        "ClusterExternalSecret" => finalizer == CLUSTER_EXTERNAL_SECRET,
        "Namespace" => finalizer.starts_with(NAMESPACE_PREFIX),
        "SecretStore" | "ClusterSecretStore" => finalizer == STORE,
        "GeneratorState" => finalizer == GENERATOR_STATE,
        _ => false,
    }
}

/// Decides about one.
pub(super) fn decide(object: &Value) -> Decision {
    let kind = object["kind"].as_str().unwrap_or_default();
    let finalizers: Vec<&str> =
        object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (esos, left): (Vec<&str>, Vec<&str>) =
        finalizers.into_iter().partition(|finalizer| is_esos(kind, finalizer));
    if esos.is_empty() {
        return Decision::Nothing;
    }
    let left = left.into_iter().map(str::to_owned).collect();
    if kind == "GeneratorState" {
        let generator = object["spec"]["resource"]["kind"].as_str().unwrap_or_default();
        if CLEANING.contains(&generator) {
            return Decision::Stay(format!(
                "it takes back what {generator} made, which only ESO can do: delete it while ESO runs"
            ));
        }
    }
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Decision::Deleting(left);
    }
    Decision::Remove(left)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, finalizers: &[&str]) -> Value {
        json!({"kind": kind, "metadata": {"name": "x", "namespace": "a", "finalizers": finalizers}})
    }

    #[test]
    fn each_kinds_own_go_and_others_stay() {
        let remove = |left: &[&str]| Decision::Remove(left.iter().map(|left| (*left).to_owned()).collect());
        for (kind, finalizers, decision) in [
            ("ExternalSecret", &[EXTERNAL_SECRET][..], remove(&[])),
            ("ExternalSecret", &["other.example/f", EXTERNAL_SECRET], remove(&["other.example/f"])),
            ("ExternalSecret", &["other.example/f"], Decision::Nothing),
            ("ExternalSecret", &[], Decision::Nothing),
            ("ClusterExternalSecret", &[CLUSTER_EXTERNAL_SECRET], remove(&[])),
            (
                "Namespace",
                &["externalsecrets.external-secrets.io/ces-a", "externalsecrets.external-secrets.io/ces-b"],
                remove(&[]),
            ),
            ("Namespace", &[EXTERNAL_SECRET, "kubernetes"], Decision::Nothing),
            ("SecretStore", &[STORE], remove(&[])),
            ("ClusterSecretStore", &[STORE], remove(&[])),
            // Claviger's own work.
            ("PushSecret", &["pushsecret.externalsecrets.io/finalizer"], Decision::Nothing),
        ] {
            assert_eq!(decide(&object(kind, finalizers)), decision, "{kind} {finalizers:?}");
        }
        let mut deleting = object("ExternalSecret", &[EXTERNAL_SECRET, "foregroundDeletion"]);
        deleting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        assert_eq!(decide(&deleting), Decision::Deleting(vec!["foregroundDeletion".to_owned()]));
    }

    #[test]
    fn what_guards_a_providers_data_stays() {
        for (generator, stays) in [
            ("Grafana", true),
            ("GitlabDeployToken", true),
            ("Password", false),
            ("ECRAuthorizationToken", false),
        ] {
            let mut state = object("GeneratorState", &[GENERATOR_STATE]);
            state["spec"]["resource"]["kind"] = generator.into();
            assert_eq!(matches!(decide(&state), Decision::Stay(_)), stays, "{generator}");
        }
    }
}
