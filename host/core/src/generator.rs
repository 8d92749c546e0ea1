//! What a reference to a generator may name, and what a ClusterGenerator stands for. Pure; the specs themselves are the
//! plugin's to check.

use serde_json::{Map, Value};

/// Group and version of generators.
pub const API_VERSION: &str = "generators.external-secrets.io/v1alpha1";

/// The kind that wraps one of any other.
pub const CLUSTER_GENERATOR: &str = "ClusterGenerator";

/// The field of a ClusterGenerator's `spec.generator` that a kind's spec stands in. Of ESO's kinds; those of other plugins
/// the definition does not have.
const FIELDS: [(&str, &str); 17] = [
    ("ACRAccessToken", "acrAccessTokenSpec"),
    ("BeyondtrustWorkloadCredentialsDynamicSecret", "beyondtrustWorkloadCredentialsDynamicSecretSpec"),
    ("CloudsmithAccessToken", "cloudsmithAccessTokenSpec"),
    ("ECRAuthorizationToken", "ecrAuthorizationTokenSpec"),
    ("Fake", "fakeSpec"),
    ("GCRAccessToken", "gcrAccessTokenSpec"),
    ("GithubAccessToken", "githubAccessTokenSpec"),
    ("GitlabDeployToken", "gitlabDeployTokenSpec"),
    ("QuayAccessToken", "quayAccessTokenSpec"),
    ("Password", "passwordSpec"),
    ("SSHKey", "sshKeySpec"),
    ("STSSessionToken", "stsSessionTokenSpec"),
    ("UUID", "uuidSpec"),
    ("VaultDynamicSecret", "vaultDynamicSecretSpec"),
    ("Webhook", "webhookSpec"),
    ("Grafana", "grafanaSpec"),
    ("MFA", "mfaSpec"),
];

/// A generator as its plugin sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Meant {
    /// Its kind, which a plugin answers to.
    pub kind: String,
    /// Its spec: an object.
    pub spec: Value,
}

/// What an object of that kind with that spec (which may be left out) stands for: a ClusterGenerator for what is in it, every
/// other for itself.
///
/// # Errors
/// What is wrong with a ClusterGenerator.
pub fn meant(kind: &str, spec: &Value) -> Result<Meant, String> {
    let or_empty = |spec: &Value| if spec.is_null() { Value::Object(Map::new()) } else { spec.clone() };
    if kind != CLUSTER_GENERATOR {
        return Ok(Meant { kind: kind.to_owned(), spec: or_empty(spec) });
    }
    let Some(kind) = spec["kind"].as_str() else { return Err("spec.kind is missing".to_owned()) };
    let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == kind) else {
        return Err(format!("spec.kind {kind:?} is no kind of generator"));
    };
    match spec["generator"].get(field) {
        Some(inner) if !inner.is_null() => Ok(Meant { kind: kind.to_owned(), spec: inner.clone() }),
        _ => Err(format!("when spec.kind is {kind}, spec.generator.{field} must be set")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cluster_generator_stands_for_what_is_in_it() {
        let spec = json!({"length": 8});
        assert_eq!(meant("Password", &spec), Ok(Meant { kind: "Password".to_owned(), spec: spec.clone() }));
        assert_eq!(meant("UUID", &Value::Null), Ok(Meant { kind: "UUID".to_owned(), spec: json!({}) }));
        for (kind, field) in FIELDS {
            let cluster = json!({"kind": kind, "generator": {field: spec}});
            assert_eq!(
                meant(CLUSTER_GENERATOR, &cluster),
                Ok(Meant { kind: kind.to_owned(), spec: spec.clone() })
            );
            let other = json!({"kind": kind, "generator": {"xSpec": spec}});
            let wrong = meant(CLUSTER_GENERATOR, &other).unwrap_err();
            assert_eq!(wrong, format!("when spec.kind is {kind}, spec.generator.{field} must be set"));
        }
        for (spec, said) in [
            (Value::Null, "spec.kind is missing"),
            (json!({"kind": "ClusterGenerator", "generator": {}}), "is no kind of generator"),
            (json!({"kind": "UUID"}), "spec.generator.uuidSpec must be set"),
            (json!({"kind": "UUID", "generator": {"uuidSpec": null}}), "spec.generator.uuidSpec must be set"),
        ] {
            let wrong = meant(CLUSTER_GENERATOR, &spec).unwrap_err();
            assert!(wrong.contains(said), "{wrong}");
        }
    }
}
