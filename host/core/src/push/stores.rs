//! Which stores a PushSecret means, and which of them an entry of `dataTo`.

use std::collections::BTreeMap;

use claviger_crds::external_secret::StoreKind;
use claviger_crds::push_secret::{DataTo, PushSecretSpec, PushStoreRef};

use crate::tenancy::{check_selector, selects};

/// A store that there is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreView {
    /// Its kind.
    pub kind: StoreKind,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// Checks the label selectors, which the schema does not.
///
/// # Errors
/// The field and what is wrong with it.
pub fn check_selectors(spec: &PushSecretSpec) -> Result<(), String> {
    let check = |place: String, reference: &PushStoreRef| match &reference.label_selector {
        Some(selector) => check_selector(selector).map_err(|why| format!("{place}.labelSelector: {why}")),
        None => Ok(()),
    };
    for (index, reference) in spec.secret_store_refs.iter().enumerate() {
        check(format!("spec.secretStoreRefs[{index}]"), reference)?;
        if name_of(reference).is_none() && reference.label_selector.is_none() {
            return Err(format!("spec.secretStoreRefs[{index}] needs a name or a labelSelector"));
        }
    }
    for (index, reference) in spec.data_to.iter().enumerate() {
        if let Some(reference) = &reference.store_ref {
            check(format!("spec.dataTo[{index}].storeRef"), reference)?;
        }
    }
    match spec.selector.secret.as_ref().and_then(|secret| secret.selector.as_ref()) {
        Some(selector) => {
            check_selector(selector).map_err(|why| format!("spec.selector.secret.selector: {why}"))
        }
        None => Ok(()),
    }
}

/// What a reference means: a name; or, by labels, which of the stores that there are.
pub fn chosen(reference: &PushStoreRef, stores: &[StoreView]) -> Vec<(StoreKind, String)> {
    // A labelSelector is looked at first, as with ESO.
    match (&reference.label_selector, name_of(reference)) {
        (Some(selector), _) => {
            let kind = stores.iter().filter(|store| store.kind == reference.kind);
            let matching = kind.filter(|store| selects(selector, &store.labels));
            matching.map(|store| (store.kind, store.name.clone())).collect()
        }
        (None, Some(name)) => vec![(reference.kind, name.to_owned())],
        (None, None) => Vec::new(),
    }
}

/// Checks that each entry of `dataTo` means a store that the PushSecret pushes to. `stores` are those.
///
/// # Errors
/// ESO's words.
pub fn check_bulk(spec: &PushSecretSpec, stores: &[StoreView]) -> Result<(), String> {
    for (index, entry) in spec.data_to.iter().enumerate() {
        let Some(reference) = &entry.store_ref else {
            return Err(format!("dataTo[{index}]: storeRef is required"));
        };
        match (name_of(reference), &reference.label_selector) {
            (Some(name), _) => {
                let listed = spec
                    .secret_store_refs
                    .iter()
                    .any(|listed| listed.kind == reference.kind && name_of(listed) == Some(name));
                if !listed {
                    return Err(format!("dataTo[{index}]: storeRef {name:?} not found in secretStoreRefs"));
                }
            }
            (None, Some(_)) => {
                if !stores.iter().any(|store| meant_by(entry, store)) {
                    let why = "labelSelector does not match any store in secretStoreRefs";
                    return Err(format!("dataTo[{index}]: {why}"));
                }
            }
            (None, None) => return Err(format!("dataTo[{index}]: storeRef must have name or labelSelector")),
        }
    }
    Ok(())
}

/// Whether an entry of `dataTo` means that store.
pub fn meant_by(entry: &DataTo, store: &StoreView) -> bool {
    let Some(reference) = &entry.store_ref else { return false };
    reference.kind == store.kind
        && match (name_of(reference), &reference.label_selector) {
            (Some(name), _) => name == store.name,
            (None, Some(selector)) => selects(selector, &store.labels),
            (None, None) => false,
        }
}

/// The entries of `dataTo` that mean that store by its labels, by index.
pub fn meant_by_labels(spec: &PushSecretSpec, store: &StoreView) -> Vec<usize> {
    let by_labels =
        |entry: &DataTo| entry.store_ref.as_ref().is_some_and(|reference| name_of(reference).is_none());
    let entries = spec.data_to.iter().enumerate();
    let meant = entries.filter(|(_, entry)| by_labels(entry) && meant_by(entry, store));
    meant.map(|(index, _)| index).collect()
}

/// Whether a PushSecret means a store otherwise that has other labels than before.
pub fn means_otherwise(spec: &PushSecretSpec, before: &StoreView, after: &StoreView) -> bool {
    let listed = |reference: &PushStoreRef, store| !chosen(reference, std::slice::from_ref(store)).is_empty();
    spec.secret_store_refs.iter().any(|reference| listed(reference, before) != listed(reference, after))
        || meant_by_labels(spec, before) != meant_by_labels(spec, after)
}

fn name_of(reference: &PushStoreRef) -> Option<&str> {
    reference.name.as_deref().filter(|name| !name.is_empty())
}
