//! Rules on a spec that hold whatever is in the provider: which policies go together, which Secrets are
//! never made. ESO checks them at admission; here they hold without a webhook too.

use claviger_crds::external_secret::{CreationPolicy, DeletionPolicy, ExternalSecretSpec};

use super::Observed;
use crate::error::Failure;
use crate::template::Rendered;

/// Types of Secret whose making hands out rights.
const TOKEN_TYPE: &str = "kubernetes.io/service-account-token";
const TOKEN_ACCOUNT: &str = "kubernetes.io/service-account.name";
const FILLS_IN_A_TOKEN: &str =
    "make Kubernetes fill it with a token of the ServiceAccount it names";
const BOOTSTRAP_TYPE: &str = "bootstrap.kubernetes.io/token";

/// Checks.
///
/// # Errors
/// [`Failure::PolicyInvalid`] or [`Failure::TargetForbidden`].
pub fn check(spec: &ExternalSecretSpec) -> Result<(), Failure> {
    let refuse = |why: &str| {
        Err(Failure::PolicyInvalid {
            why: why.to_owned(),
        })
    };
    let target = &spec.target;
    match (target.creation_policy, target.deletion_policy) {
        (CreationPolicy::Owner, _) | (_, DeletionPolicy::Retain) => {}
        (CreationPolicy::None, DeletionPolicy::Merge) => {
            return refuse(
                "deletionPolicy=Merge has nothing to merge into with creationPolicy=None: use Retain",
            );
        }
        (_, DeletionPolicy::Merge) => {}
        (_, DeletionPolicy::Delete) => {
            return refuse(
                "deletionPolicy=Delete must not be used when the controller doesn't own the secret. \
                 Please set creationPolicy=Owner",
            );
        }
    }
    if spec.data.is_empty() && spec.data_from.is_empty() {
        return refuse("either data or dataFrom should be specified");
    }
    for (index, entry) in spec.data_from.iter().enumerate() {
        let generator = entry
            .source_ref
            .as_ref()
            .is_some_and(|source| source.generator_ref.is_some());
        let kinds = [entry.extract.is_some(), entry.find.is_some(), generator];
        if kinds.iter().filter(|given| **given).count() != 1 {
            return refuse(&format!(
                "dataFrom[{index}]: exactly one of extract, find and sourceRef.generatorRef is needed"
            ));
        }
    }
    if target.deletion_policy == DeletionPolicy::Retain {
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = spec
            .data
            .iter()
            .find(|entry| !seen.insert(&entry.secret_key))
        {
            return refuse(&format!(
                "data: secretKey {:?} stands twice: remove one",
                twice.secret_key
            ));
        }
    }
    if target.manifest.is_some() {
        return refuse("target.manifest (targets other than Secrets) is not supported: remove it");
    }
    if spec.sync_windows.is_some() {
        return refuse(
            "syncWindows is not supported yet, and ignoring it would sync when you said not to: remove it",
        );
    }
    check_type(spec)
}

fn check_type(spec: &ExternalSecretSpec) -> Result<(), Failure> {
    let Some(template) = &spec.target.template else {
        return Ok(());
    };
    let forbidden = |type_: &str, why| {
        Err(Failure::TargetForbidden {
            type_: type_.to_owned(),
            why,
        })
    };
    match template.type_.as_deref() {
        Some(BOOTSTRAP_TYPE) => {
            forbidden(BOOTSTRAP_TYPE, "let its holder join nodes to the cluster")
        }
        Some(TOKEN_TYPE) => {
            let annotated = |metadata: &claviger_crds::external_secret::TemplateMetadata| {
                metadata.annotations.contains_key(TOKEN_ACCOUNT)
            };
            // templateFrom can write the annotation too, so its presence is refused as well.
            if template.metadata.as_ref().is_some_and(annotated)
                || !template.template_from.is_empty()
            {
                return forbidden(TOKEN_TYPE, FILLS_IN_A_TOKEN);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The same after rendering, when the target is known: an annotation that came out of a template, or was
/// copied from the ExternalSecret, onto a token Secret that is there already.
///
/// # Errors
/// [`Failure::TargetForbidden`].
pub(super) fn check_rendered(
    observed: Option<&Observed>,
    wanted: &Rendered,
) -> Result<(), Failure> {
    let type_ = wanted
        .type_
        .as_deref()
        .or_else(|| observed.and_then(|observed| observed.type_.as_deref()));
    if type_ == Some(TOKEN_TYPE) && wanted.annotations.contains_key(TOKEN_ACCOUNT) {
        return Err(Failure::TargetForbidden {
            type_: TOKEN_TYPE.to_owned(),
            why: FILLS_IN_A_TOKEN,
        });
    }
    Ok(())
}

/// The type that a new Secret gets: the template's, else Kubernetes' default.
pub fn rendered_secret_type(rendered: &Rendered) -> &str {
    rendered.type_.as_deref().unwrap_or("Opaque")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let data = r#""data":[{"secretKey":"a","remoteRef":{"key":"k"}}]"#;
        let cases = [
            (format!("{{{data}}}"), None),
            (format!(r#"{{{data},"target":{{"creationPolicy":"Merge","deletionPolicy":"Delete"}}}}"#), Some("PolicyInvalid")),
            (format!(r#"{{{data},"target":{{"creationPolicy":"Orphan","deletionPolicy":"Delete"}}}}"#), Some("PolicyInvalid")),
            (format!(r#"{{{data},"target":{{"creationPolicy":"None","deletionPolicy":"Merge"}}}}"#), Some("PolicyInvalid")),
            (format!(r#"{{{data},"target":{{"deletionPolicy":"Delete"}}}}"#), None),
            ("{}".to_owned(), Some("PolicyInvalid")),
            (r#"{"dataFrom":[{}]}"#.to_owned(), Some("PolicyInvalid")),
            (r#"{"dataFrom":[{"extract":{"key":"k"},"find":{}}]}"#.to_owned(), Some("PolicyInvalid")),
            (r#"{"data":[{"secretKey":"a","remoteRef":{"key":"k"}},{"secretKey":"a","remoteRef":{"key":"l"}}]}"#.to_owned(), Some("PolicyInvalid")),
            (format!(r#"{{{data},"target":{{"template":{{"type":"bootstrap.kubernetes.io/token"}}}}}}"#), Some("TargetForbidden")),
            (format!(r#"{{{data},"target":{{"template":{{"type":"kubernetes.io/service-account-token","metadata":{{"annotations":{{"kubernetes.io/service-account.name":"x"}}}}}}}}}}"#), Some("TargetForbidden")),
            (format!(r#"{{{data},"target":{{"template":{{"type":"kubernetes.io/tls"}}}}}}"#), None),
        ];
        for (spec, expected) in cases {
            let parsed: ExternalSecretSpec = serde_json::from_str(&spec).unwrap();
            let found = check(&parsed).err().map(|failure| failure.class().reason);
            assert_eq!(found, expected, "{spec}");
        }
    }
}
