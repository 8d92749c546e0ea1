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

/// Bytes of all bundles of a PushSecret for one store: eight Secrets.
const MAX_BUNDLED: usize = 8 << 20;

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
    let mut views = Views { data, read: Vec::new() };
    let named: Result<BTreeSet<String>, String> =
        explicit.iter().map(|entry| views.original(entry)).collect();
    let named = named?;
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
    let (mut entries, mut bundled) = (Vec::new(), 0);
    for draft in drafts {
        let place = place_of(&draft.data);
        let key = draft.data.match_.secret_key.clone();
        if let Some(other) = places.insert(place.clone(), key.clone()) {
            return Err(format!(
                "duplicate remote {place}: source keys {other:?} and {key:?} both map to the same destination"
            ));
        }
        let value = views.value(&draft)?;
        if draft.bundle.is_some() {
            bundled += value.len();
        }
        if bundled > MAX_BUNDLED {
            return Err(format!(
                "remote {place}: the bundles up to here have more than {MAX_BUNDLED} bytes: let match.regexp take fewer keys, \
                 or use several PushSecrets"
            ));
        }
        entries.push(Entry { place, value, metadata: draft.data.metadata.clone(), recorded: draft.data });
    }
    Ok(entries)
}

/// Where an entry goes.
pub fn place_of(entry: &PushData) -> Place {
    let to = &entry.match_.remote_ref;
    Place { key: to.remote_key.clone(), property: to.property.clone() }
}

/// A Secret's data as conversions read it: once for each, however many entries name a key.
struct Views<'a> {
    data: &'a Data,
    read: Vec<View>,
}

/// One of them.
struct View {
    conversion: PushConversion,
    data: Data,
    /// Which key each is in the Secret.
    keys: BTreeMap<String, String>,
    /// All of it as one object: all entries that push it have the same.
    whole: Option<Arc<SecretBytes>>,
}

impl Views<'_> {
    fn of(&mut self, conversion: PushConversion) -> Result<&mut View, String> {
        let known = self.read.iter().position(|view| view.conversion == conversion);
        let place = known.unwrap_or(self.read.len());
        if known.is_none() {
            let data = reverse_keys(conversion, self.data)?;
            let names = self.data.keys().map(|key| (reverse_key(conversion, key), key.clone()));
            self.read.push(View { conversion, data, keys: names.collect(), whole: None });
        }
        Ok(&mut self.read[place])
    }

    /// The key in the Secret: with a conversion an entry names what it reads as.
    fn original(&mut self, entry: &PushData) -> Result<String, String> {
        let key = &entry.match_.secret_key;
        let view = self.of(entry.conversion_strategy)?;
        Ok(view.keys.get(key).unwrap_or(key).clone())
    }

    fn value(&mut self, draft: &Draft) -> Result<Arc<SecretBytes>, String> {
        if let Some(bundle) = &draft.bundle {
            return Ok(Arc::new(texts(bundle)));
        }
        let view = self.of(draft.data.conversion_strategy)?;
        let key = &draft.data.match_.secret_key;
        if key.is_empty() {
            let whole = view.whole.get_or_insert_with(|| Arc::new(texts(&view.data)));
            return Ok(whole.clone());
        }
        view.data.get(key).cloned().ok_or_else(|| {
            format!(
                "secret key {key} does not exist: correct match.secretKey, or add the key to the Secret or its template"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_crds::push_secret::DataTo;
    use serde_json::json;

    use super::*;
    use crate::shape::Effort;

    fn secret() -> Data {
        let value = Arc::new(SecretBytes::new(vec![b'x'; 1 << 20]));
        Data::from([("key".to_owned(), value)])
    }

    #[test]
    fn the_whole_is_written_once_for_all_entries_that_push_it() {
        let to = |key: usize| json!({"match": {"remoteRef": {"remoteKey": key.to_string()}}});
        let explicit: Vec<PushData> = serde_json::from_value((0..600).map(to).collect()).unwrap();
        let made = entries(&explicit, Vec::new(), &secret()).unwrap();
        assert_eq!(made.len(), 600);
        assert!(made.iter().all(|entry| Arc::ptr_eq(&entry.value, &made[0].value)));
    }

    #[test]
    fn bundles_have_a_limit_together() {
        let secret = secret();
        let bulk = |index: usize| {
            let data_to: DataTo = serde_json::from_value(json!({"remoteKey": index.to_string()})).unwrap();
            Bulk::new(index, &data_to, &secret, &mut Effort::default()).unwrap()
        };
        assert_eq!(entries(&[], (0..3).map(bulk).collect(), &secret).unwrap().len(), 3);
        let why = entries(&[], (0..9).map(bulk).collect(), &secret).err().unwrap();
        assert!(why.contains("key \"7\": the bundles") && why.contains("8388608 bytes"), "{why}");
    }
}
