//! What differs between the target and what is wanted of it.
//!
//! Equality of values is by keyed hash. A field that has the wanted value but belongs to somebody else
//! counts as different too: only what our manager owns goes away when it is wanted no more.

use std::collections::BTreeMap;

use claviger_crds::external_secret::CreationPolicy;

use super::{Input, Observed};
use crate::names::{ANNOTATION_DATA_HASH, LABEL_CREATED_BY, LABEL_MANAGED, changed_annotation, created_by};
use crate::template::Rendered;

/// Which parts of the target differ.
pub(super) struct Changes {
    /// A value of `data` is another, is missing, or is there and should not be.
    pub(super) data: bool,
    rest: bool,
}

impl Changes {
    pub(super) fn any(&self) -> bool {
        self.data || self.rest
    }

    pub(super) fn between(input: &Input<'_>, wanted: &Rendered) -> Self {
        let Some(observed) = input.observed else {
            return Self { data: true, rest: true };
        };
        let differs = wanted
            .data
            .iter()
            .any(|(key, value)| observed.data.get(key) != Some(&input.hasher.hash(value.expose())));
        let goes = |key: &String| !wanted.data.contains_key(key) && !wanted.kept.holds(key);
        let surplus = observed.data.keys().any(|key| observed.owns_data(key) && goes(key));
        let unclaimed = wanted.data.keys().any(|key| !observed.owns_data(key));
        Self { data: differs || surplus, rest: unclaimed || metadata(input, observed, wanted) }
    }
}

fn metadata(input: &Input<'_>, observed: &Observed, wanted: &Rendered) -> bool {
    let labels = labels(input, wanted);
    let annotations = annotations(input, wanted);
    let owner = input.spec.target.creation_policy == CreationPolicy::Owner;
    let hash = observed.annotations.get(ANNOTATION_DATA_HASH);
    let hash_differs = if observed.is_shared() {
        hash.is_some() && observed.owns_annotation(ANNOTATION_DATA_HASH)
    } else {
        hash != Some(&observed.data_hash)
    };
    map_differs(&labels, &observed.labels, |key| observed.owns_label(key))
        || map_differs(&annotations, &without_hash(&observed.annotations), |key| {
            observed.owns_annotation(key)
        })
        || hash_differs
        || owner != observed.is_controlled_by(input.owner)
        || (input.spec.target.immutable && !observed.immutable)
        || wanted.finalizers.iter().any(|finalizer| !observed.finalizers.contains(finalizer))
}

fn without_hash(annotations: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut annotations = annotations.clone();
    annotations.remove(ANNOTATION_DATA_HASH);
    annotations
}

fn map_differs(
    wanted: &BTreeMap<String, String>,
    observed: &BTreeMap<String, String>,
    owned: impl Fn(&str) -> bool,
) -> bool {
    wanted.iter().any(|(key, value)| observed.get(key) != Some(value) || !owned(key))
        || observed.keys().any(|key| owned(key) && !wanted.contains_key(key))
}

/// Our labels, marks included.
pub(super) fn labels(input: &Input<'_>, wanted: &Rendered) -> BTreeMap<String, String> {
    let mut labels = wanted.labels.clone();
    if let Some(observed) = input.observed.filter(|_| input.gives_way()) {
        labels.retain(|key, value| {
            !observed.others.labels.contains(key) || observed.labels.get(key) == Some(value)
        });
    }
    // Marks are ours to set, whatever a template says.
    labels.remove(LABEL_CREATED_BY);
    labels.insert(LABEL_MANAGED.to_owned(), "true".to_owned());
    if input.spec.target.creation_policy == CreationPolicy::Owner {
        labels.insert(LABEL_CREATED_BY.to_owned(), created_by(input.namespace, &input.owner.name));
    }
    labels
}

/// Our annotations without the data hash.
pub(super) fn annotations(input: &Input<'_>, wanted: &Rendered) -> BTreeMap<String, String> {
    let mut annotations = wanted.annotations.clone();
    if let Some(observed) = input.observed.filter(|_| input.gives_way()) {
        annotations.retain(|key, value| {
            !observed.others.annotations.contains(key) || observed.annotations.get(key) == Some(value)
        });
    }
    annotations.remove(ANNOTATION_DATA_HASH);
    let mark = changed_annotation(&input.owner.name);
    annotations.remove(&mark);
    // It stays as it is until the data changes again.
    let known = input.observed.and_then(|observed| observed.annotations.get(&mark));
    if let (Some(_), Some(known)) = (input.mark_changes, known) {
        annotations.insert(mark, known.clone());
    }
    annotations
}
