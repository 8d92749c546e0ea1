//! The server-side apply that brings the target to what is wanted: everything our manager wants it to
//! have, for what it owned and does not name goes.

use std::collections::BTreeMap;

use claviger_crds::external_secret::CreationPolicy;

use super::changes::{Changes, annotations, labels};
use super::{ApplySecret, Force, Input, Observed};
use crate::hash::eso_data_hash;
use crate::names::{ANNOTATION_DATA_HASH, changed_annotation, field_manager};
use crate::template::Rendered;

/// The apply; none if values of foreign keys are needed for the hash and were not read.
pub(super) fn apply(input: &Input<'_>, wanted: &Rendered, changes: &Changes) -> Option<ApplySecret> {
    let mut annotations = annotations(input, wanted);
    if let Some(hash) = data_hash(input, wanted, changes)? {
        annotations.insert(ANNOTATION_DATA_HASH.to_owned(), hash);
    }
    // A Secret that is made now was in no pod before.
    if let Some((now, was_there)) = input.mark_changes
        && changes.data
        && (was_there || input.observed.is_some())
    {
        annotations.insert(changed_annotation(&input.owner.name), now.to_string());
    }
    let policy = input.spec.target.creation_policy;
    // What is immutable cannot be made mutable again: leaving the field out would be refused.
    let immutable = input.spec.target.immutable || input.observed.is_some_and(|observed| observed.immutable);
    Some(ApplySecret {
        name: input.target().to_owned(),
        precondition: input
            .observed
            .map(|observed| (observed.uid.clone(), observed.resource_version.clone())),
        force: if input.gives_way() { Force::UnlessExternalSecret } else { Force::Always },
        manager: field_manager(&input.owner.name),
        labels: labels(input, wanted),
        annotations,
        finalizers: wanted.finalizers.clone(),
        owner: (policy == CreationPolicy::Owner).then(|| input.owner.clone()),
        data: wanted.data.clone(),
        type_: wanted.type_.clone(),
        immutable: immutable.then_some(true),
        migrate_update_entry: input.observed.is_some_and(|observed| !observed.updated.is_empty()),
    })
}

/// ESO's hash of all the data that the Secret will have. The outer `None`: foreign values are missing.
/// The inner: the Secret is shared and gets no hash.
fn data_hash(input: &Input<'_>, wanted: &Rendered, changes: &Changes) -> Option<Option<String>> {
    let mut whole: BTreeMap<&str, &[u8]> =
        wanted.data.iter().map(|(key, value)| (key.as_str(), value.expose())).collect();
    if let Some(observed) = input.observed {
        if observed.is_shared() {
            return Some(None);
        }
        if !changes.data {
            return Some(Some(observed.data_hash.clone()));
        }
        for key in foreign_keys(observed).filter(|key| !wanted.data.contains_key(*key)) {
            whole.insert(key, input.present?.get(key)?.expose());
        }
    }
    Some(Some(eso_data_hash(whole)))
}

fn foreign_keys(observed: &Observed) -> impl Iterator<Item = &str> {
    observed.data.keys().map(String::as_str).filter(|key| !observed.owns_data(key))
}
