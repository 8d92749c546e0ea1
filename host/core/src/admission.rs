//! What a validating webhook answers: whether a manifest is taken, and what it is warned of.
//!
//! The rules are those of the reconcile, called and not repeated: without a webhook the same things are refused in the
//! status, in the same words. How a question comes over the wire is the operator's business.

use std::collections::BTreeMap;

use claviger_crds::external_secret::ExternalSecret;
use claviger_crds::store::SecretStoreSpec;
use serde::Deserialize;
use serde_json::Value;

use crate::access::Policy;
use crate::error::{Failure, StoreName};
use crate::generic;
use crate::lease;
use crate::options::Options;
use crate::plan;
use crate::redact::Redactor;
use crate::refresh;
use crate::rollout::Targets;
use crate::secret::Untrusted;
use crate::tenancy::check_conditions;

/// A question.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// To be said again in the answer.
    pub uid: String,
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`.
    pub operation: String,
    /// `metadata.name`; empty where the API server is to make one up.
    #[serde(default)]
    pub name: String,
    /// Empty for cluster-scoped objects.
    #[serde(default)]
    pub namespace: String,
    /// As it is to be.
    #[serde(default)]
    pub object: Value,
    /// As it is.
    #[serde(default)]
    pub old_object: Value,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is taken, with these warnings.
    Allowed(Vec<String>),
    /// It is refused, and why.
    Denied(String),
}

impl Verdict {
    /// Taken, and nothing to say.
    pub const FINE: Self = Self::Allowed(Vec::new());

    /// From what the rules say.
    pub fn of(outcome: Result<Vec<String>, Failure>) -> Self {
        match outcome {
            Ok(warnings) => Self::Allowed(warnings),
            Err(failure) => Self::Denied(failure.message(&Redactor::default())),
        }
    }
}

impl Request {
    /// Whether rules have a say at all. What goes may go. Where the spec stays as it is (labels, finalizers, a status),
    /// what was taken before the rules were there, or without us, can still be looked after.
    pub fn is_judged(&self) -> bool {
        let going = !self.object["metadata"]["deletionTimestamp"].is_null();
        match self.operation.as_str() {
            "CREATE" => true,
            "UPDATE" => !going && self.object["spec"] != self.old_object["spec"],
            _ => false,
        }
    }

    /// Kind and name, as messages say them.
    fn described(&self, kind: &str) -> String {
        if self.namespace.is_empty() {
            format!("{kind} {}", self.name)
        } else {
            format!("{kind} {}/{}", self.namespace, self.name)
        }
    }

    /// The ExternalSecret that it is about.
    ///
    /// # Errors
    /// [`Failure::ManifestInvalid`].
    pub fn external_secret(&self) -> Result<ExternalSecret, Failure> {
        serde_json::from_value(self.object.clone()).map_err(|error| Failure::ManifestInvalid {
            object: self.described("ExternalSecret"),
            detail: Untrusted::new(error.to_string()),
        })
    }

    /// The spec of the store that it is about, of either kind.
    ///
    /// # Errors
    /// [`Failure::ManifestInvalid`].
    pub fn store(&self, kind: &str) -> Result<SecretStoreSpec, Failure> {
        serde_json::from_value(self.object["spec"].clone()).map_err(|error| Failure::ManifestInvalid {
            object: self.described(kind),
            detail: Untrusted::new(error.to_string()),
        })
    }

    /// How failures name that store.
    pub fn store_name(&self, kind: &'static str) -> StoreName {
        let namespace = Some(self.namespace.clone()).filter(|namespace| !namespace.is_empty());
        StoreName { kind: kind.into(), namespace, name: self.name.clone() }
    }
}

/// The rules for an ExternalSecret; `generic_targets`: whether other targets than Secrets are let.
///
/// # Errors
/// The first that is broken.
pub fn check_external_secret(
    object: &str,
    es: &ExternalSecret,
    generic_targets: bool,
) -> Result<(), Failure> {
    let invalid =
        |why: String| Failure::ManifestInvalid { object: object.to_owned(), detail: Untrusted::new(why) };
    refresh::times(&es.spec).map_err(|error| invalid(error.to_string()))?;
    let none = BTreeMap::new();
    let annotations = es.metadata.annotations.as_ref().unwrap_or(&none);
    lease::Policy::parse(annotations).map_err(|error| invalid(error.to_string()))?;
    Targets::parse(annotations).map_err(invalid)?;
    Options::parse(annotations).map_err(invalid)?;
    if let Some(manifest) = &es.spec.target.manifest {
        generic::check(manifest, generic_targets)?;
    }
    plan::check(&es.spec)
}

/// The rules for a store, but for those of its provider's own schema.
///
/// # Errors
/// The first that is broken.
pub fn check_store(name: &StoreName, spec: &SecretStoreSpec) -> Result<(), Failure> {
    let invalid =
        |why: String| Failure::ManifestInvalid { object: name.to_string(), detail: Untrusted::new(why) };
    if spec.provider.entry().is_none() {
        return Err(invalid("spec.provider must have exactly one entry".to_owned()));
    }
    check_conditions(&spec.conditions).map_err(|error| invalid(error.to_string()))?;
    policy(name, spec).map(drop)
}

/// A store's access policy, if it has one. That of a SecretStore would be no policy: who may use it may make another.
///
/// # Errors
/// [`Failure::ManifestInvalid`].
pub fn policy(name: &StoreName, spec: &SecretStoreSpec) -> Result<Option<Policy>, Failure> {
    let invalid =
        |why: String| Failure::ManifestInvalid { object: name.to_string(), detail: Untrusted::new(why) };
    let Some(rules) = &spec.access_policy else { return Ok(None) };
    if name.kind != "ClusterSecretStore" {
        return Err(invalid("spec.accessPolicy is for ClusterSecretStores: leave it out".to_owned()));
    }
    Policy::parse(rules).map(Some).map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn request(operation: &str, old: Value, new: Value) -> Request {
        serde_json::from_value(json!({
            "uid": "u", "operation": operation, "name": "db", "namespace": "prod", "object": new, "oldObject": old,
        }))
        .unwrap()
    }

    #[test]
    fn what_is_there_already_can_be_looked_after_and_deleted() {
        let bad = json!({"spec": {"a": 1}});
        let labelled = json!({"metadata": {"labels": {"x": "y"}}, "spec": {"a": 1}});
        let changed = json!({"spec": {"a": 2}});
        let going = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"a": 2}});
        for (operation, old, new, judged) in [
            ("CREATE", Value::Null, bad.clone(), true),
            ("UPDATE", bad.clone(), changed, true),
            ("UPDATE", bad.clone(), labelled, false),
            ("UPDATE", bad.clone(), going, false),
            ("DELETE", bad.clone(), Value::Null, false),
            ("CONNECT", Value::Null, Value::Null, false),
        ] {
            let said = format!("{operation} {old} {new}");
            assert_eq!(request(operation, old, new).is_judged(), judged, "{said}");
        }
    }

    /// Words are ESO's where it has the rule (`apis/externalsecrets/v1/externalsecret_validator.go`).
    #[test]
    fn an_external_secret_is_refused_in_the_words_of_its_status() {
        let data = json!([{"secretKey": "a", "remoteRef": {"key": "k"}}]);
        let with = |target: Value| json!({"secretStoreRef": {"name": "s"}, "data": data, "target": target});
        let template = |template: Value| with(json!({"template": template}));
        for (spec, word) in [
            (with(json!({})), None),
            (json!({"secretStoreRef": {"name": "s"}}), Some("either data or dataFrom should be specified")),
            (
                with(json!({"creationPolicy": "Merge", "deletionPolicy": "Delete"})),
                Some(
                    "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner",
                ),
            ),
            (
                template(json!({"type": "bootstrap.kubernetes.io/token"})),
                Some("bootstrap.kubernetes.io/token"),
            ),
            (
                json!({"secretStoreRef": {"name": "s"}, "data": data, "refreshInterval": "often"}),
                Some("spec.refreshInterval"),
            ),
            (
                json!({"secretStoreRef": {"name": "s"}, "data": data,
                    "syncWindows": {"kind": "deny", "windows": [{"schedule": "0 0 * *", "duration": "1h"}]}}),
                Some("spec.syncWindows.windows[0].schedule"),
            ),
            (
                with(json!({"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}})),
                Some("--unsafe-allow-generic-targets"),
            ),
            (json!({"data": "x"}), Some("ExternalSecret prod/db is not valid")),
        ] {
            let object = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {}, "spec": spec});
            let request = request("CREATE", Value::Null, object);
            let outcome = request
                .external_secret()
                .and_then(|es| check_external_secret("ExternalSecret prod/db", &es, false))
                .map(|()| Vec::new());
            match (Verdict::of(outcome), word) {
                (Verdict::Allowed(_), None) => {}
                (Verdict::Denied(message), Some(word)) if message.contains(word) => {}
                (found, word) => panic!("{spec}: {found:?}, expected {word:?}"),
            }
        }
    }

    #[test]
    fn annotations_that_cannot_be_meant_are_refused() {
        let said = |annotation: &str, text: &str| {
            let object = json!({
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
                "metadata": {"annotations": {annotation: text}},
                "spec": {"secretStoreRef": {"name": "s"}, "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}]},
            });
            let es = request("CREATE", Value::Null, object).external_secret().unwrap();
            Verdict::of(check_external_secret("ExternalSecret prod/db", &es, false).map(|()| Vec::new()))
        };
        for (annotation, good, bad) in [
            ("external-secrets.io/rotation-interval", "30d", "30 days"),
            ("external-secrets.io/rotation-policy", "every-refresh", "always"),
            ("claviger.io/revoke-superseded-after", "5m", "soon"),
            ("claviger.io/rollout-restart", "deployment/web", "web"),
            ("claviger.io/render", "every-refresh", "always"),
            ("claviger.io/partial-sync", "true", "yes"),
        ] {
            assert!(matches!(said(annotation, good), Verdict::Allowed(_)), "{annotation}: {good}");
            let Verdict::Denied(why) = said(annotation, bad) else { panic!("{annotation}: {bad} was taken") };
            assert!(why.contains(annotation), "{why}");
        }
    }

    /// As ESO's webhook (`validateTemplateFromTarget`) and, for other kinds, as its engine reads paths
    /// (`parseTargetPath`); paths to what names an object or says whose it is are refused here only. The
    /// status says the same in the same words.
    #[test]
    fn places_of_templates_are_checked_at_once() {
        let (secret, other) = (Value::Null, json!({"apiVersion": "example.com/v1", "kind": "Gateway"}));
        for (manifest, target, words) in [
            (&secret, "", None),
            (&secret, "Data", None),
            (&secret, "labels", None),
            (&secret, "ANNOTATIONS", None),
            (&secret, "Annotation", Some("\"Annotation\" is not Data, Labels or Annotations")),
            (&secret, "spec", Some("is not Data, Labels or Annotations")),
            (&secret, "type", Some("is not Data, Labels or Annotations")),
            (&secret, "immutable", Some("is not Data, Labels or Annotations")),
            (&secret, "data.key", Some("is not Data, Labels or Annotations")),
            (&secret, "metadata.ownerReferences[0].uid", Some("is not Data, Labels or Annotations")),
            (&other, "", None),
            (&other, "annotations", None),
            (&other, "Spec", None),
            (&other, "spec.headers.customRequestHeaders", None),
            (&other, "spec.rules[0].from[0].source", None),
            (&other, "stringData", None),
            (&other, "spec..a", Some("it is no path")),
            (&other, ".spec", Some("it is no path")),
            (&other, "spec.", Some("it is no path")),
            (&other, "spec.rules[", Some("it is no path")),
            (&other, "spec.rules[x]", Some("it is no path")),
            (&other, "spec.rules[-1]", Some("it is no path")),
            (&other, "spec.rules[0]x", Some("it is no path")),
            (&other, "[0].a", Some("it is no path")),
            (&other, "spec.rules[10000]", None),
            (&other, "spec.rules[10001]", Some("over 10000")),
            (&other, "metadata.ownerReferences", Some("metadata is not for templates")),
            (&other, "kind", Some("kind is not for templates")),
            (&other, "status.ready", Some("status is not for templates")),
        ] {
            let from = json!([{"literal": "a: b"}, {"literal": "a: b", "target": target}]);
            let mut wanted = json!({"template": {"templateFrom": from}});
            if !manifest.is_null() {
                wanted["manifest"] = manifest.clone();
            }
            let es: ExternalSecret = serde_json::from_value(json!({
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {}, "spec": {
                    "secretStoreRef": {"name": "s"}, "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}],
                    "target": wanted,
                },
            }))
            .unwrap();
            let said = |outcome: Result<(), Failure>| {
                outcome.map_err(|failure| failure.message(&Redactor::default()))
            };
            let admitted = said(check_external_secret("ExternalSecret prod/db", &es, true));
            assert_eq!(admitted, said(plan::check(&es.spec)), "{target}: the status");
            match (&admitted, words) {
                (Ok(()), None) => {}
                (Err(message), Some(words))
                    if message.contains(words) && message.contains("templateFrom[1].target") => {}
                (found, words) => panic!("{target}: {found:?}, expected {words:?}"),
            }
        }
    }

    #[test]
    fn a_store_names_one_provider_and_its_expressions_are_some() {
        for (spec, word) in [
            (json!({"provider": {"fake": {}}}), None),
            (json!({"provider": {"fake": {}, "vault": {}}}), Some("exactly one entry")),
            (json!({"provider": {}}), Some("exactly one entry")),
            (
                json!({"provider": {"fake": {}}, "conditions": [{"namespaces": ["a"]}, {"namespaceRegexes": ["a", "("]}]}),
                Some("\"(\" is not a regular expression"),
            ),
        ] {
            let request = request("CREATE", Value::Null, json!({"spec": spec}));
            let name = request.store_name("ClusterSecretStore");
            let outcome = request.store("ClusterSecretStore").and_then(|spec| check_store(&name, &spec));
            match (outcome.map_err(|failure| failure.message(&Redactor::default())), word) {
                (Ok(()), None) => {}
                (Err(message), Some(word)) if message.contains(word) => {}
                (found, word) => panic!("{spec}: {found:?}, expected {word:?}"),
            }
        }
    }

    #[test]
    fn a_policy_is_one_and_a_cluster_store_s() {
        let own = json!([{"name": "own", "keys": ["team/{{namespace}}/*"]}]);
        for (kind, policy, word) in [
            ("ClusterSecretStore", own.clone(), None),
            ("SecretStore", own, Some("spec.accessPolicy is for ClusterSecretStores")),
            ("SecretStore", json!([]), Some("spec.accessPolicy is for ClusterSecretStores")),
            ("ClusterSecretStore", json!([]), Some("spec.accessPolicy has no rule")),
            (
                "ClusterSecretStore",
                json!([{"name": "own", "keys": ["team/{{name}}/*"]}]),
                Some("spec.accessPolicy[0].keys[0]: {{name}} is not known"),
            ),
        ] {
            let spec = json!({"provider": {"fake": {}}, "accessPolicy": policy});
            let request = request("CREATE", Value::Null, json!({ "spec": spec }));
            let name = request.store_name(kind);
            let outcome = request.store(kind).and_then(|spec| check_store(&name, &spec));
            match (outcome.map_err(|failure| failure.message(&Redactor::default())), word) {
                (Ok(()), None) => {}
                (Err(message), Some(word)) if message.contains(word) => {}
                (found, word) => panic!("{kind} {spec}: {found:?}, expected {word:?}"),
            }
        }
    }
}
