//! Looking at what stands at keys before anything is written there: who takes things back takes back what was not there.
//!
//! What was read is handed on to the write, which does not ask again. No value is kept longer.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::error::Failure;
use claviger_core::provider::Value;
use claviger_core::push::{Entry, Way, holds, set};

use super::by_key;
use super::calls::AT_ONCE;
use super::write::{reads, whole};
use crate::sync::Pipeline;
use crate::sync::world::World;
use crate::watch::Object;

/// What stands at keys, as far as it was asked.
#[derive(Default)]
pub(crate) struct Looked {
    /// Whether there is something, of keys that are written whole.
    pub(super) whole: BTreeMap<String, bool>,
    /// What there is, of keys of which properties are set.
    pub(super) parts: BTreeMap<String, Option<Value>>,
    /// What there is, of keys that are written whole and may have been before.
    values: BTreeMap<String, Option<Value>>,
    /// How properties are named.
    way: Option<Way>,
    /// What could not be asked now. Whose identity may not look is not among them, nor what the plugin will not look at:
    /// what there is to say of that the write says.
    pub(crate) failed: BTreeMap<String, Failure>,
}

/// Keys to look at.
#[derive(Default)]
pub(crate) struct Keys<'k> {
    /// Whether something is there.
    pub(crate) unknown: BTreeSet<&'k str>,
    /// What is there.
    pub(crate) unsure: BTreeSet<&'k str>,
}

impl Looked {
    /// Whether nothing is where an entry goes; false if nobody knows.
    pub(crate) fn is_free(&self, entry: &Entry) -> bool {
        let place = &entry.place;
        match (self.whole.get(&place.key), self.parts.get(&place.key), self.way) {
            (Some(there), ..) => !there,
            (None, Some(None), _) => true,
            (None, Some(Some(value)), Some(way)) => {
                matches!(holds(whole(value).expose(), &place.property, way), Ok(None))
            }
            _ => false,
        }
    }

    /// Whether what stands where an entry goes is nothing or just what it pushes; none if nobody knows.
    pub(crate) fn is_as_pushed(&self, entry: &Entry) -> Option<bool> {
        let place = &entry.place;
        let found = self.values.get(&place.key).or_else(|| self.parts.get(&place.key))?;
        let Some(value) = found else { return Some(true) };
        let (there, wanted) = (whole(value), entry.value.expose());
        if place.property.is_empty() {
            return Some(same(there.expose(), wanted));
        }
        let way = self.way?;
        match holds(there.expose(), &place.property, way) {
            Ok(None) => Some(true),
            Ok(Some(_)) => Some(matches!(set(Some(there.expose()), &place.property, way, wanted), Ok(None))),
            Err(_) => Some(false),
        }
    }
}

/// Whether two values are one. Some providers write JSON anew.
fn same(one: &[u8], other: &[u8]) -> bool {
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    one == other || json(one).is_some_and(|one| json(other) == Some(one))
}

impl Pipeline {
    /// Looks at keys of those that the entries go to.
    ///
    /// # Errors
    /// If the store cannot be used at all.
    pub(crate) async fn push_look(
        &self,
        store: &Object,
        namespace: &str,
        entries: &[Entry],
        keys: &Keys<'_>,
        world: &dyn World,
    ) -> Result<Looked, Failure> {
        let store = self.writable(store, namespace, world).await?;
        let mut refusals: BTreeMap<String, Result<(), Failure>> = BTreeMap::new();
        let groups = by_key(entries, |entry| &entry.place.key);
        let is_asked = |key: &str| keys.unknown.contains(key) || keys.unsure.contains(key);
        let groups = groups.into_iter().filter(|(key, _)| is_asked(key)).collect();
        // What may not be written is said by the write.
        let groups = store.allowed(groups, &mut refusals);
        let mut looked = Looked { way: Some(store.way()), ..Looked::default() };
        let (parts, wholes): (Vec<_>, Vec<_>) = groups.iter().partition(|(_, entries)| reads(entries));
        let of_unsure = |(key, _): &&&(String, Vec<&Entry>)| keys.unsure.contains(key.as_str());
        let unsure: Vec<_> = wholes.iter().filter(of_unsure).copied().collect();
        for chunk in parts.chunks(AT_ONCE).chain(unsure.chunks(AT_ONCE)) {
            let keys: Vec<&String> = chunk.iter().map(|(key, _)| key).collect();
            for (key, found) in store.read(&keys).await? {
                let of_parts = chunk.iter().any(|(of, entries)| of == key && reads(entries));
                let into = if of_parts { &mut looked.parts } else { &mut looked.values };
                match found {
                    Ok(found) => drop(into.insert(key.to_owned(), found)),
                    Err(failure) => looked.fails(key, failure),
                }
            }
        }
        let unknown: Vec<_> = wholes.iter().filter(|(key, _)| keys.unknown.contains(key.as_str())).collect();
        for chunk in unknown.chunks(AT_ONCE) {
            let keys: Vec<String> = chunk.iter().map(|(key, _)| key.clone()).collect();
            for (key, found) in keys.iter().zip(store.exists(&keys).await?) {
                match found {
                    Ok(there) => drop(looked.whole.insert(key.clone(), there)),
                    Err(failure) => looked.fails(key, failure),
                }
            }
        }
        Ok(looked)
    }
}

impl Looked {
    /// A key could not be looked at. Who may write and not look is not kept from writing.
    fn fails(&mut self, key: &str, failure: Failure) {
        if !matches!(failure, Failure::WriteRefused { .. } | Failure::ProviderFailed { .. }) {
            self.failed.insert(key.to_owned(), failure);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use claviger_core::push::Place;
    use claviger_core::secret::SecretBytes;
    use claviger_crds::push_secret::PushData;

    use super::*;

    fn entry(key: &str, property: &str) -> Entry {
        Entry {
            place: Place { key: key.to_owned(), property: property.to_owned() },
            value: Arc::new(SecretBytes::copied_from(b"v")),
            metadata: None,
            recorded: PushData::default(),
        }
    }

    fn value(data: &str) -> Value {
        Value {
            data: SecretBytes::copied_from(data.as_bytes()),
            entries: None,
            version: None,
            lease: None,
            shareable: true,
            dynamic: false,
        }
    }

    #[test]
    fn a_place_is_free_if_nothing_is_there_and_that_is_known() {
        let looked = Looked {
            whole: BTreeMap::from([("there".to_owned(), true), ("none".to_owned(), false)]),
            parts: BTreeMap::from([
                ("object".to_owned(), Some(value(r#"{"p":"1"}"#))),
                ("text".to_owned(), Some(value("a text"))),
                ("nothing".to_owned(), None),
            ]),
            way: Some(Way::Path),
            ..Looked::default()
        };
        for (key, property, free) in [
            ("there", "", false),
            ("there", "p", false),
            ("none", "", true),
            ("none", "p", true),
            ("object", "p", false),
            ("object", "q", true),
            ("text", "p", false),
            ("nothing", "p", true),
            ("not asked", "", false),
            ("not asked", "p", false),
        ] {
            assert_eq!(looked.is_free(&entry(key, property)), free, "{key} {property}");
        }
    }

    #[test]
    fn what_was_written_before_is_told_from_what_another_wrote() {
        let looked = |data: Option<&str>, parts: bool| {
            let found = BTreeMap::from([("k".to_owned(), data.map(value))]);
            let (values, parts) = if parts { (BTreeMap::new(), found) } else { (found, BTreeMap::new()) };
            Looked { values, parts, way: Some(Way::Path), ..Looked::default() }
        };
        for (data, property, expected) in [
            (None, "", true),
            (Some("v"), "", true),
            (Some("w"), "", false),
            (None, "p", true),
            (Some(r#"{"q":"w"}"#), "p", true),
            (Some(r#"{"p":"v"}"#), "p", true),
            (Some(r#"{"p":"w"}"#), "p", false),
            (Some("a text"), "p", false),
        ] {
            let looked = looked(data, !property.is_empty());
            assert_eq!(looked.is_as_pushed(&entry("k", property)), Some(expected), "{data:?} {property}");
            assert_eq!(looked.is_as_pushed(&entry("another", property)), None);
        }
        assert!(same(br#"{"a":1,"b":2}"#, br#"{ "b": 2, "a": 1 }"#) && !same(b"{}", b"[]"));
    }
}
