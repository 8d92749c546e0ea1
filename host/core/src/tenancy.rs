//! The namespace rule, in one place: which namespace a reference means, and whom a ClusterSecretStore
//! serves.

use std::collections::BTreeMap;

use claviger_crds::plugin::AllowedNamespaces;
use claviger_crds::store::{LabelSelector, StoreCondition};
use regex::Regex;

use crate::provider::NeedError;

/// Where a reference leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedNamespace {
    /// The namespace to read in.
    pub namespace: String,
    /// Whether it is the asker's: then answers must not be shared with other askers.
    pub referent: bool,
}

/// The namespace that a reference in a store means.
///
/// A SecretStore reads in its own namespace only; a ClusterSecretStore reads where the reference says,
/// and where it says nothing in the namespace of the ExternalSecret ("referent" authentication, as ESO).
///
/// # Errors
/// [`NeedError::ForeignNamespace`] for a SecretStore that names another namespace;
/// [`NeedError::NoRequester`] for a referent reference when nobody asks (a store's own validation).
pub fn resolve_namespace(
    store_kind: &str,
    store_namespace: Option<&str>,
    requester_namespace: &str,
    referenced: Option<&str>,
    pointer: &str,
) -> Result<ResolvedNamespace, NeedError> {
    let referenced = referenced.filter(|namespace| !namespace.is_empty());
    // Fails closed: whatever is not a ClusterSecretStore stays in its namespace.
    let own =
        if store_kind == "ClusterSecretStore" { None } else { Some(store_namespace.unwrap_or_default()) };
    match (own, referenced) {
        (Some(own), None) => Ok(ResolvedNamespace { namespace: own.to_owned(), referent: false }),
        (Some(own), Some(named)) if own == named => {
            Ok(ResolvedNamespace { namespace: own.to_owned(), referent: false })
        }
        (Some(_), Some(named)) => {
            Err(NeedError::ForeignNamespace { pointer: pointer.to_owned(), namespace: named.to_owned() })
        }
        (None, Some(named)) => Ok(ResolvedNamespace { namespace: named.to_owned(), referent: false }),
        (None, None) if requester_namespace.is_empty() => {
            Err(NeedError::NoRequester { pointer: pointer.to_owned() })
        }
        (None, None) => Ok(ResolvedNamespace { namespace: requester_namespace.to_owned(), referent: true }),
    }
}

/// A `namespaceRegexes` entry that is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("spec.conditions: {0:?} is not a regular expression")]
pub struct BadRegex(String);

/// Whether a ClusterSecretStore with these conditions serves a namespace: any one that matches is
/// enough, and without any every namespace is served (ESO's rule).
///
/// # Errors
/// If a regular expression does not parse: then nothing is served, rather than too much.
pub fn store_allows(
    conditions: &[StoreCondition],
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Result<bool, BadRegex> {
    let mut allowed = conditions.is_empty();
    for condition in conditions {
        allowed |= condition.namespaces.iter().any(|name| name == namespace);
        if let Some(selector) = &condition.namespace_selector {
            allowed |= selects(selector, labels);
        }
        for text in &condition.namespace_regexes {
            // Go's MatchString is unanchored, and so is `is_match`.
            allowed |= regex(text)?.is_match(namespace);
        }
    }
    Ok(allowed)
}

/// Whether the conditions' regular expressions are some.
///
/// # Errors
/// The first that is none.
pub fn check_conditions(conditions: &[StoreCondition]) -> Result<(), BadRegex> {
    conditions
        .iter()
        .flat_map(|condition| &condition.namespace_regexes)
        .try_for_each(|text| regex(text).map(drop))
}

fn regex(text: &str) -> Result<Regex, BadRegex> {
    Regex::new(text).map_err(|_| BadRegex(text.to_owned()))
}

/// Whether a plugin may be used from a namespace: by name or by labels, either is enough. Named and empty
/// allows nothing; left out, everything.
pub fn plugin_allows(
    allowed: Option<&AllowedNamespaces>,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> bool {
    allowed.is_none_or(|allowed| {
        allowed.names.iter().any(|name| name == namespace)
            || allowed.selector.as_ref().is_some_and(|selector| selects(selector, labels))
    })
}

/// Kubernetes' rule for label selectors: every term must hold; an empty selector selects everything.
pub fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let wanted = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    wanted.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().all(|expression| {
            let value = labels.get(&expression.key);
            let values = expression.values.as_deref().unwrap_or_default();
            match expression.operator.as_str() {
                "In" => value.is_some_and(|value| values.contains(value)),
                "NotIn" => value.is_none_or(|value| !values.contains(value)),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

/// Kubernetes' rules for what a label selector may say; the API server checks them for its own kinds only.
///
/// # Errors
/// What is wrong.
pub(crate) fn check_selector(selector: &LabelSelector) -> Result<(), String> {
    for (key, value) in selector.match_labels.iter().flatten() {
        check_label(key, Some(value))?;
    }
    for expression in selector.match_expressions.iter().flatten() {
        check_label(&expression.key, None)?;
        for value in expression.values.iter().flatten() {
            check_label(&expression.key, Some(value))?;
        }
        let (key, operator) = (&expression.key, expression.operator.as_str());
        let values = expression.values.as_deref().unwrap_or_default();
        match (operator, values.is_empty()) {
            ("In" | "NotIn", false) | ("Exists" | "DoesNotExist", true) => {}
            ("In" | "NotIn", true) => return Err(format!("{operator} of label {key:?} needs values")),
            ("Exists" | "DoesNotExist", false) => {
                return Err(format!("{operator} of label {key:?} takes no values"));
            }
            _ => {
                return Err(format!(
                    "{operator:?} of label {key:?} is no operator: use In, NotIn, Exists or DoesNotExist"
                ));
            }
        }
    }
    Ok(())
}

/// A key that no label can have, or a value, selects nothing or everything, and nobody meant it.
fn check_label(key: &str, value: Option<&str>) -> Result<(), String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefixed = prefix.is_none_or(|prefix| {
        let part = |part: &str| {
            !part.is_empty()
                && is_label_text(part)
                && !part.contains(|c: char| c == '_' || c.is_ascii_uppercase())
        };
        prefix.len() <= 253 && prefix.split('.').all(part)
    });
    if name.is_empty() || !is_label_text(name) || !prefixed {
        return Err(format!("{key:?} is no key of a label"));
    }
    match value {
        Some(value) if !is_label_text(value) => Err(format!("{value:?} is no value of a label ({key})")),
        _ => Ok(()),
    }
}

/// Up to 63 letters, digits, `-`, `_` and `.`, the first and the last a letter or digit; or nothing.
fn is_label_text(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().last()];
    text.len() <= 63
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && ends.into_iter().flatten().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_namespace_rule() {
        let at = |kind, own, asker, named| resolve_namespace(kind, own, asker, named, "/auth/secretRef");
        let found = |namespace: &str, referent| {
            Ok::<_, ()>(ResolvedNamespace { namespace: namespace.to_owned(), referent })
        };
        let (store, cluster) = ("SecretStore", "ClusterSecretStore");
        assert_eq!(at(store, Some("a"), "a", None).map_err(drop), found("a", false));
        assert_eq!(at(store, Some("a"), "a", Some("")).map_err(drop), found("a", false));
        assert_eq!(at(store, Some("a"), "a", Some("a")).map_err(drop), found("a", false));
        assert!(matches!(at(store, Some("a"), "b", Some("b")), Err(NeedError::ForeignNamespace { .. })));
        assert!(matches!(at(store, None, "b", Some("b")), Err(NeedError::ForeignNamespace { .. })));
        assert_eq!(at(cluster, None, "b", Some("c")).map_err(drop), found("c", false));
        assert_eq!(at(cluster, None, "b", None).map_err(drop), found("b", true));
        assert!(matches!(at(cluster, None, "", None), Err(NeedError::NoRequester { .. })));
    }

    #[test]
    fn a_plugin_serves_whom_its_object_names() {
        let labels = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
        let allows = |text: &str| {
            let allowed = serde_json::from_str::<Option<AllowedNamespaces>>(text).unwrap();
            plugin_allows(allowed.as_ref(), "prod", &labels)
        };
        for (allowed, expected) in [
            ("null", true),
            ("{}", false),
            (r#"{"names":["prod"]}"#, true),
            (r#"{"names":["prod-2"]}"#, false),
            (r#"{"selector":{"matchLabels":{"team":"blue"}}}"#, true),
            (r#"{"names":["x"],"selector":{"matchLabels":{"team":"red"}}}"#, false),
            (r#"{"selector":{}}"#, true),
        ] {
            assert_eq!(allows(allowed), expected, "{allowed}");
        }
    }

    #[test]
    fn what_no_label_can_be_is_no_selector() {
        let of = |key: &str, value: &str| LabelSelector {
            match_labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
            ..LabelSelector::default()
        };
        let long = "x".repeat(64);
        for (key, value, fine) in [
            ("team", "blue", true),
            ("team", "", true),
            ("example.com/Team_a.b-c", "Blue_1.x-y", true),
            (&long[..63], &long[..63], true),
            ("team", "blue team", false),
            ("team ", "blue", false),
            ("", "blue", false),
            ("Example.com/team", "blue", false),
            ("a/b/c", "blue", false),
            ("/team", "blue", false),
            ("team", "-blue", false),
            ("team", &long, false),
            (&long, "blue", false),
        ] {
            assert_eq!(check_selector(&of(key, value)).is_ok(), fine, "{key:?}: {value:?}");
        }
    }

    #[test]
    fn conditions_are_alternatives() {
        let labels = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
        let parse = |text: &str| serde_json::from_str::<Vec<StoreCondition>>(text).unwrap();
        let allows = |text: &str| store_allows(&parse(text), "prod-eu", &labels);
        for (conditions, expected) in [
            ("[]", true),
            (r#"[{"namespaces":["x"]}]"#, false),
            (r#"[{"namespaces":["x"]},{"namespaceRegexes":["^prod-"]}]"#, true),
            (r#"[{"namespaceSelector":{"matchLabels":{"team":"blue"}}}]"#, true),
            (r#"[{"namespaceSelector":{"matchLabels":{"team":"red"}}}]"#, false),
            (
                r#"[{"namespaceSelector":{"matchExpressions":[{"key":"team","operator":"NotIn","values":["red"]}]}}]"#,
                true,
            ),
            (r#"[{"namespaceSelector":{"matchExpressions":[{"key":"x","operator":"Exists"}]}}]"#, false),
        ] {
            assert_eq!(allows(conditions), Ok(expected), "{conditions}");
        }
        assert!(allows(r#"[{"namespaces":["prod-eu"]},{"namespaceRegexes":["("]}]"#).is_err());
    }
}
