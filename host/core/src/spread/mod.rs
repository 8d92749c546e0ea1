//! A ClusterExternalSecret: which namespaces it means, what its ExternalSecret in each should be, and which of its
//! ExternalSecrets should be no more.
//!
//! Decided from what the caches show; nothing is read and nothing is written here. What stands in the way of one
//! namespace stands in the way of that one only.

mod status;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use claviger_crds::cluster_external_secret::{ClusterExternalSecret, ClusterExternalSecretSpec};
use claviger_crds::external_secret::ExternalSecretSpec;
use claviger_crds::store::LabelSelector;

use crate::duration::parse_go;
use crate::tenancy::{check_selector, selects};

pub use status::{FAILED, MAX_FAILED, condition_of, listed, status};

/// Annotation of a ClusterExternalSecret that its ExternalSecrets get as it is: a change of it refreshes them all.
pub const ANNOTATION_FORCE_SYNC: &str = "external-secrets.io/force-sync";

/// Time between two looks where `refreshTime` does not say (ESO's too).
pub const DEFAULT_REFRESH_TIME: Duration = Duration::from_secs(3600);

/// The shortest. Whatever changes is seen by watches, and a look is for what they missed: it goes through every namespace
/// that is meant, and one after the other, as ESO takes a millisecond at its word, would do nothing else.
pub const SHORTEST_REFRESH_TIME: Duration = Duration::from_secs(1);

/// ESO's words for a namespace where somebody else has an object of that name, behind what it is.
pub const ALREADY_EXISTS: &str = "already exists in namespace";

/// A namespace as it was last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceView {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is being deleted: nothing can be made there, and what is there goes with it.
    pub terminating: bool,
}

/// An ExternalSecret that is the ClusterExternalSecret's, or has the name that one of its own should have.
#[derive(Clone, Debug, PartialEq)]
pub struct Child<'a, S: Clone = ExternalSecretSpec> {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// The uid of its controller.
    pub controller: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its labels.
    pub labels: Cow<'a, BTreeMap<String, String>>,
    /// Its annotations.
    pub annotations: Cow<'a, BTreeMap<String, String>>,
    /// Labels and annotations that we once gave it, or ESO.
    pub given: Given,
    /// Its spec; none if it does not parse.
    pub spec: Option<Cow<'a, S>>,
}

impl<S: Clone> Default for Child<'_, S> {
    fn default() -> Self {
        Self {
            uid: String::new(),
            resource_version: String::new(),
            controller: None,
            deleting: false,
            labels: Cow::default(),
            annotations: Cow::default(),
            given: Given::default(),
            spec: None,
        }
    }
}

/// Labels and annotations by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Labels.
    pub labels: BTreeSet<String>,
    /// Annotations.
    pub annotations: BTreeSet<String>,
}

/// What every ExternalSecret of a ClusterExternalSecret (or PushSecret of a ClusterPushSecret) should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted<S = ExternalSecretSpec> {
    /// `metadata.name`.
    pub name: String,
    /// Its labels; others' are left alone.
    pub labels: BTreeMap<String, String>,
    /// Its annotations; others' are left alone.
    pub annotations: BTreeMap<String, String>,
    /// Its spec, whole.
    pub spec: S,
}

/// An object as it was looked at: what is done to it is done to nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// ExternalSecrets to be deleted, by namespace and name. First: one that is renamed must not stand in its own way.
    pub delete: Vec<((String, String), Seen)>,
    /// Namespaces whose ExternalSecret has to be made (none), or written over.
    pub apply: Vec<(String, Option<Seen>)>,
    /// Namespaces whose ExternalSecret is as it should be.
    pub in_order: BTreeSet<String>,
    /// Namespaces that cannot have one, and why.
    pub failed: BTreeMap<String, String>,
}

/// The name of its ExternalSecrets.
pub fn child_name(ces: &ClusterExternalSecret) -> &str {
    let own = ces.metadata.name.as_deref().unwrap_or_default();
    ces.spec.external_secret_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(own)
}

/// Whether it means a namespace: by any selector or by name.
pub fn means(spec: &ClusterExternalSecretSpec, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
    spec.namespaces.iter().any(|name| name == namespace)
        || selectors(spec).any(|selector| selects(selector, labels))
}

fn selectors(spec: &ClusterExternalSecretSpec) -> impl Iterator<Item = &LabelSelector> {
    spec.namespace_selector.iter().chain(&spec.namespace_selectors)
}

/// Checks what the schema does not; the time between two looks.
///
/// # Errors
/// The field and what is wrong with it: then nothing is made and nothing is deleted.
pub fn check(spec: &ClusterExternalSecretSpec) -> Result<Duration, String> {
    if let Some(selector) = &spec.namespace_selector {
        check_selector(selector).map_err(|why| format!("spec.namespaceSelector: {why}"))?;
    }
    for (index, selector) in spec.namespace_selectors.iter().enumerate() {
        check_selector(selector).map_err(|why| format!("spec.namespaceSelectors[{index}]: {why}"))?;
    }
    check_interval(spec.refresh_time.as_deref())
}

/// The time between two looks.
///
/// # Errors
/// If it is no duration.
pub fn check_interval(text: Option<&str>) -> Result<Duration, String> {
    match text {
        None => Ok(DEFAULT_REFRESH_TIME),
        Some(text) => match parse_go(text).map_err(|error| format!("spec.refreshTime: {error}"))? {
            Duration::ZERO => Ok(DEFAULT_REFRESH_TIME),
            given => Ok(given.max(SHORTEST_REFRESH_TIME)),
        },
    }
}

/// What its ExternalSecrets should be.
pub fn wanted(ces: &ClusterExternalSecret) -> Wanted {
    let metadata = ces.spec.external_secret_metadata.clone().unwrap_or_default();
    let mut annotations = metadata.annotations;
    // As on the ClusterExternalSecret and nowhere else, or one that was taken off would stay.
    annotations.remove(ANNOTATION_FORCE_SYNC);
    let asked = ces.metadata.annotations.iter().flatten().find(|(key, _)| *key == ANNOTATION_FORCE_SYNC);
    annotations.extend(asked.map(|(key, value)| (key.clone(), value.clone())));
    Wanted {
        name: child_name(ces).to_owned(),
        labels: metadata.labels,
        annotations,
        spec: ces.spec.external_secret_spec.clone(),
    }
}

/// Decides. `namespaces` are those that it means and those that it has something in; `children` those that the
/// ClusterExternalSecret controls, wherever they are, and whatever else has their name; by (namespace, name). What else
/// is in either is nothing to it.
pub fn decide(
    ces: &ClusterExternalSecret,
    wanted: &Wanted,
    namespaces: &BTreeMap<String, Arc<NamespaceView>>,
    children: &BTreeMap<(String, String), Child<'_>>,
) -> Spread {
    let uid = ces.metadata.uid.as_deref().unwrap_or_default();
    let meant = |namespace: &str, view: &NamespaceView| means(&ces.spec, namespace, &view.labels);
    decide_for((uid, "external secret"), meant, wanted, namespaces, children)
}

/// The same for whatever makes objects of one kind: the uid of who does, what messages call one of them, and whether it
/// means a namespace.
pub fn decide_for<S: Clone + PartialEq>(
    (uid, kind): (&str, &str),
    means: impl Fn(&str, &NamespaceView) -> bool,
    wanted: &Wanted<S>,
    namespaces: &BTreeMap<String, Arc<NamespaceView>>,
    children: &BTreeMap<(String, String), Child<'_, S>>,
) -> Spread {
    let is_ours = |child: &Child<'_, S>| child.controller.as_deref() == Some(uid);
    let terminating = |namespace: &str| namespaces.get(namespace).is_none_or(|view| view.terminating);
    let mut spread = Spread::default();
    for ((namespace, name), child) in children {
        let meant = namespaces.get(namespace).is_some_and(|view| means(namespace, view));
        let kept = *name == wanted.name && meant;
        if is_ours(child) && !kept && !child.deleting && !terminating(namespace) {
            spread.delete.push(((namespace.clone(), name.clone()), seen(child)));
        }
    }
    for (namespace, view) in namespaces {
        if view.terminating || !means(namespace, view) {
            continue;
        }
        match children.get(&(namespace.clone(), wanted.name.clone())) {
            None => spread.apply.push((namespace.clone(), None)),
            Some(child) if !is_ours(child) => {
                spread.failed.insert(namespace.clone(), format!("{kind} {ALREADY_EXISTS}"));
            }
            // It is made anew when it is gone, which wakes us.
            Some(child) if child.deleting => {
                let why = format!("the {kind} is being deleted and waits for its finalizers");
                spread.failed.insert(namespace.clone(), why);
            }
            Some(child) if is_as_wanted(child, wanted) => {
                spread.in_order.insert(namespace.clone());
            }
            Some(child) => spread.apply.push((namespace.clone(), Some(seen(child)))),
        }
    }
    spread
}

/// Whether it is what it should be, and has nothing more that we once gave it.
pub fn is_as_wanted<S: Clone + PartialEq>(child: &Child<'_, S>, wanted: &Wanted<S>) -> bool {
    let has = |is: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>, given: &BTreeSet<String>| {
        wanted.iter().all(|(key, value)| is.get(key) == Some(value))
            && given.iter().all(|key| wanted.contains_key(key) || !is.contains_key(key))
    };
    child.spec.as_deref() == Some(&wanted.spec)
        && has(&child.labels, &wanted.labels, &child.given.labels)
        && has(&child.annotations, &wanted.annotations, &child.given.annotations)
}

fn seen<S: Clone>(child: &Child<'_, S>) -> Seen {
    Seen { uid: child.uid.clone(), resource_version: child.resource_version.clone() }
}
