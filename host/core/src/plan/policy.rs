//! Rules on a spec that hold whatever is in the provider: which policies go together, which Secrets are
//! never made. ESO checks them at admission; here they hold without a webhook too.

use std::collections::BTreeSet;

use claviger_crds::external_secret::{CreationPolicy, DeletionPolicy, ExternalSecretSpec, SourceRef};

use crate::error::Failure;
use crate::generator::API_VERSION;
use crate::shape::check_data_from;
use crate::template::{Rendered, check_destinations};

/// Types of Secret that are somebody's rights, and what one would do. They are neither made nor changed.
const RIGHTS: [(&str, &str); 2] = [
    ("kubernetes.io/service-account-token", "hand out the rights of the ServiceAccount it names"),
    ("bootstrap.kubernetes.io/token", "let its holder join nodes to the cluster"),
];

/// Checks.
///
/// # Errors
/// [`Failure::PolicyInvalid`] or [`Failure::TargetForbidden`].
pub fn check(spec: &ExternalSecretSpec) -> Result<(), Failure> {
    check_policies(spec)
        .and_then(|()| check_sources(spec))
        .and_then(|()| check_data_from(&spec.data_from))
        .and_then(|()| check_destinations_of(spec))
        .map_err(|why| Failure::PolicyInvalid { why })?;
    check_type(spec)
}

fn check_policies(spec: &ExternalSecretSpec) -> Result<(), String> {
    let target = &spec.target;
    let why = match (target.creation_policy, target.deletion_policy) {
        (CreationPolicy::None, DeletionPolicy::Merge) => {
            "deletionPolicy=Merge has nothing to merge into with creationPolicy=None: use Retain"
        }
        (CreationPolicy::Owner, DeletionPolicy::Delete)
        | (_, DeletionPolicy::Merge | DeletionPolicy::Retain) => {
            return Ok(());
        }
        (_, DeletionPolicy::Delete) => {
            "deletionPolicy=Delete must not be used when the controller doesn't own the secret. \
             Please set creationPolicy=Owner"
        }
    };
    Err(why.to_owned())
}

fn check_sources(spec: &ExternalSecretSpec) -> Result<(), String> {
    if spec.data.is_empty() && spec.data_from.is_empty() {
        return Err("either data or dataFrom should be specified".to_owned());
    }
    for (index, entry) in spec.data.iter().enumerate() {
        if generator(entry.source_ref.as_ref()) {
            return Err(format!(
                "data[{index}]: generators stand in dataFrom: name a store instead of sourceRef.generatorRef"
            ));
        }
        check_source(spec, &format!("data[{index}]"), entry.source_ref.as_ref())?;
    }
    for (index, entry) in spec.data_from.iter().enumerate() {
        let generator = generator(entry.source_ref.as_ref());
        if [entry.extract.is_some(), entry.find.is_some(), generator]
            .into_iter()
            .filter(|given| *given)
            .count()
            != 1
        {
            return Err(format!(
                "dataFrom[{index}]: exactly one of extract, find and sourceRef.generatorRef is needed"
            ));
        }
        let named = entry.source_ref.as_ref().and_then(|source| source.generator_ref.as_ref());
        if let Some(named) = named.filter(|named| named.api_version != API_VERSION) {
            return Err(format!(
                "dataFrom[{index}]: sourceRef.generatorRef.apiVersion is {:?}: generators are of {API_VERSION}",
                named.api_version
            ));
        }
        if !generator {
            check_source(spec, &format!("dataFrom[{index}]"), entry.source_ref.as_ref())?;
        }
    }
    // With the other deletion policies an entry may stand in for one whose value is missing.
    let mut seen = BTreeSet::new();
    let twice = spec.data.iter().find(|entry| !seen.insert(&entry.secret_key));
    match twice {
        Some(entry) if spec.target.deletion_policy == DeletionPolicy::Retain => {
            Err(format!("data: secretKey {:?} stands twice: remove one", entry.secret_key))
        }
        _ => Ok(()),
    }
}

/// Of a Secret only what no rule is about: a path to its type or its owners would get round them.
fn check_destinations_of(spec: &ExternalSecretSpec) -> Result<(), String> {
    let any_kind = spec.target.manifest.is_some();
    spec.target.template.as_ref().map_or(Ok(()), |template| check_destinations(template, any_kind))
}

fn generator(own: Option<&SourceRef>) -> bool {
    own.is_some_and(|source| source.generator_ref.is_some())
}

fn check_source(spec: &ExternalSecretSpec, place: &str, own: Option<&SourceRef>) -> Result<(), String> {
    let store = own.and_then(|source| source.store_ref.as_ref()).or(spec.secret_store_ref.as_ref());
    match store.and_then(|store| store.name.as_deref()) {
        Some(name) if !name.is_empty() => Ok(()),
        _ => Err(format!(
            "{place} has no store: set spec.secretStoreRef.name, or {place}.sourceRef.storeRef.name"
        )),
    }
}

fn check_type(spec: &ExternalSecretSpec) -> Result<(), Failure> {
    refuse_rights(spec.target.template.as_ref().and_then(|template| template.type_.as_deref()))
}

/// Refuses what would be made or changed if it is of a type that hands out rights. By the type alone: an annotation that has
/// Kubernetes fill one may come out of a template, and what joins nodes is the values themselves.
///
/// # Errors
/// [`Failure::TargetForbidden`].
pub(super) fn refuse_rights(type_: Option<&str>) -> Result<(), Failure> {
    match RIGHTS.iter().find(|(refused, _)| Some(*refused) == type_) {
        Some((refused, why)) => Err(Failure::TargetForbidden { type_: (*refused).to_owned(), why }),
        None => Ok(()),
    }
}

/// The type that a new Secret gets: the template's, else Kubernetes' default.
pub fn rendered_secret_type(rendered: &Rendered) -> &str {
    rendered.type_.as_deref().unwrap_or("Opaque")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    /// (what is laid over a good spec, reason and a word of the message if it is refused)
    #[rustfmt::skip]
    fn cases() -> Vec<(Value, Option<(&'static str, &'static str)>)> {
        let policy = |word| Some(("PolicyInvalid", word));
        let target = |target: Value| json!({"target": target});
        let typed = |type_: &str, rest: Value| {
            let mut template = json!({"type": type_});
            template.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            target(json!({"template": template}))
        };
        let account = json!({"metadata": {"annotations": {"kubernetes.io/service-account.name": "admin"}}});
        let from = json!({"templateFrom": [{"literal": "x", "target": "Annotations"}]});
        let one = json!({"secretKey": "a", "remoteRef": {"key": "k"}});
        let two = json!({"secretKey": "a", "remoteRef": {"key": "l"}});
        let generator = json!({"generatorRef": {"kind": "Password", "name": "p"}});
        let other_store = json!({"storeRef": {"name": "other"}});
        let many = vec![json!({"regexp": {"source": "a", "target": "b"}}); 65];
        let mut elsewhere = one.clone();
        elsewhere["sourceRef"] = other_store.clone();
        let mut generated = one.clone();
        generated["sourceRef"] = generator.clone();
        vec![
            (json!({}), None),
            (target(json!({"deletionPolicy": "Delete"})), None),
            (target(json!({"creationPolicy": "Merge", "deletionPolicy": "Merge"})), None),
            (target(json!({"creationPolicy": "Merge", "deletionPolicy": "Delete"})), policy("Please set creationPolicy=Owner")),
            (target(json!({"creationPolicy": "Orphan", "deletionPolicy": "Delete"})), policy("Please set creationPolicy=Owner")),
            (target(json!({"creationPolicy": "CreateOrMerge", "deletionPolicy": "Delete"})), policy("deletionPolicy=Delete")),
            (target(json!({"creationPolicy": "None", "deletionPolicy": "Merge"})), policy("use Retain")),
            (json!({"data": null}), policy("either data or dataFrom")),
            (json!({"data": [one, two]}), policy("secretKey \"a\"")),
            (json!({"data": [one, two], "target": {"deletionPolicy": "Merge"}}), None),
            (json!({"dataFrom": [{}]}), policy("dataFrom[0]")),
            (json!({"dataFrom": [{"extract": {"key": "k"}, "find": {}}]}), policy("dataFrom[0]")),
            (json!({"dataFrom": [{"extract": {"key": "k"}}, {"sourceRef": generator}]}), None),
            (json!({"dataFrom": [{"sourceRef": {"generatorRef": {"apiVersion": "x/v1", "kind": "Fake", "name": "f"}}}]}), policy("apiVersion is \"x/v1\"")),
            (json!({"dataFrom": [{"extract": {"key": "k"}, "sourceRef": generator}]}), policy("dataFrom[0]: exactly one of extract, find and sourceRef.generatorRef")),
            (json!({"dataFrom": [{"extract": {"key": "k"}, "rewrite": many}]}), policy("dataFrom[0] has 65 rewrites")),
            (json!({"data": [generated]}), policy("data[0]: generators")),
            (json!({"secretStoreRef": null}), policy("data[0] has no store")),
            (json!({"secretStoreRef": {"kind": "ClusterSecretStore"}}), policy("data[0] has no store")),
            (json!({"secretStoreRef": null, "data": [elsewhere]}), None),
            (typed("kubernetes.io/tls", json!({})), None),
            (typed("bootstrap.kubernetes.io/token", json!({})), Some(("TargetForbidden", "join nodes"))),
            (typed("kubernetes.io/service-account-token", json!({})), Some(("TargetForbidden", "ServiceAccount"))),
            (typed("kubernetes.io/service-account-token", account), Some(("TargetForbidden", "ServiceAccount"))),
            (typed("kubernetes.io/service-account-token", from), Some(("TargetForbidden", "ServiceAccount"))),
            (target(json!({"template": {"templateFrom": [{"literal": "a: b", "target": "type"}]}})), policy("templateFrom[0].target \"type\" is not Data, Labels or Annotations")),
            (target(json!({"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}, "template": {"templateFrom": [{"literal": "a: b", "target": "spec..a"}]}})), policy("templateFrom[0].target \"spec..a\"")),
        ]
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (overlay, expected) in cases() {
            let mut spec = json!({
                "secretStoreRef": {"name": "vault"},
                "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}],
            });
            for (key, value) in overlay.as_object().unwrap() {
                if value.is_null() {
                    spec.as_object_mut().unwrap().remove(key);
                } else {
                    spec[key] = value.clone();
                }
            }
            let parsed: ExternalSecretSpec = serde_json::from_value(spec).unwrap();
            let found = check(&parsed).err();
            let reason = found.as_ref().map(|failure| failure.class().reason);
            assert_eq!(reason, expected.map(|(reason, _)| reason), "{overlay}");
            if let (Some(failure), Some((_, word))) = (found, expected) {
                assert!(failure.to_string().contains(word), "{failure}");
            }
        }
    }
}
