//! Everything that one Secret brings to one store: single keys, which win over `dataTo`, and no place twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_crds::push_secret::{PushConversion, PushData};
use serde_json::Value as Json;

use super::bulk::Draft;
use super::source::reverse_key;
use super::{Bulk, Data, Place, reverse_keys};
use crate::secret::SecretBytes;
use crate::shape::texts;

/// A value and where it goes.
#[derive(Clone)]
pub struct Entry {
    /// Where to.
    pub place: Place,
    /// The value, or that of the property.
    pub value: Arc<SecretBytes>,
    /// `metadata`.
    pub metadata: Option<Json>,
    /// As the status records it.
    pub recorded: PushData,
}

/// The entries of a Secret with that data.
///
/// # Errors
/// A key that the Secret does not have, or two entries for one place.
pub fn entries(explicit: &[PushData], bulks: Vec<Bulk>, data: &Data) -> Result<Vec<Entry>, String> {
    let named: BTreeSet<String> = explicit.iter().map(|entry| original(entry, data)).collect();
    let (mut seen, mut drafts) = (BTreeMap::new(), Vec::new());
    for bulk in bulks {
        for draft in bulk.finish(&mut seen)? {
            // A bundle is of no single key, so none stands in its way.
            if draft.bundle.is_some() || !named.contains(&draft.data.match_.secret_key) {
                drafts.push(draft);
            }
        }
    }
    drafts.extend(explicit.iter().map(|entry| Draft { data: entry.clone(), bundle: None }));
    let mut places: BTreeMap<Place, String> = BTreeMap::new();
    let mut entries = Vec::new();
    for draft in drafts {
        let place = place_of(&draft.data);
        let key = draft.data.match_.secret_key.clone();
        if let Some(other) = places.insert(place.clone(), key.clone()) {
            return Err(format!(
                "duplicate remote {place}: source keys {other:?} and {key:?} both map to the same destination"
            ));
        }
        let value = value(&draft, data)?;
        entries.push(Entry { place, value, metadata: draft.data.metadata.clone(), recorded: draft.data });
    }
    Ok(entries)
}

/// Where an entry goes.
pub fn place_of(entry: &PushData) -> Place {
    let to = &entry.match_.remote_ref;
    Place { key: to.remote_key.clone(), property: to.property.clone() }
}

/// The key in the Secret: with a conversion an entry names what it reads as.
fn original(entry: &PushData, data: &Data) -> String {
    let key = &entry.match_.secret_key;
    let converted = entry.conversion_strategy != PushConversion::None;
    let found = data.keys().find(|known| converted && reverse_key(entry.conversion_strategy, known) == *key);
    found.unwrap_or(key).clone()
}

fn value(draft: &Draft, data: &Data) -> Result<Arc<SecretBytes>, String> {
    if let Some(bundle) = &draft.bundle {
        return Ok(Arc::new(texts(bundle)));
    }
    let data = reverse_keys(draft.data.conversion_strategy, data)?;
    let key = &draft.data.match_.secret_key;
    if key.is_empty() {
        return Ok(Arc::new(texts(&data)));
    }
    data.get(key).cloned().ok_or_else(|| {
        format!("secret key {key} does not exist: correct match.secretKey, or add the key to the Secret or its template")
    })
}
