//! Looking at what stands at keys before anything is written there, for who may only take back what was not there.
//!
//! What was read is handed on to the write, which does not ask again. No value is kept longer.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::error::{Failure, StoreName};
use claviger_core::provider::Value;
use claviger_core::push::{Entry, Way, holds};
use claviger_plugins::Session;

use super::write::{AT_ONCE, reads, refused, way, whole};
use super::{allowed, by_key};
use crate::sync::Pipeline;
use crate::sync::store_name;
use crate::sync::told::{Call, tell_each};
use crate::sync::world::World;
use crate::watch::Object;

/// What stands at keys, as far as it was asked.
#[derive(Default)]
pub(crate) struct Looked {
    /// Whether there is something, of keys that are written whole.
    pub(super) whole: BTreeMap<String, bool>,
    /// What there is, of keys of which properties are set.
    pub(super) parts: BTreeMap<String, Option<Value>>,
    /// How properties are named.
    way: Option<Way>,
    /// What could not be asked. Whose identity may not look is not among them.
    pub(crate) failed: BTreeMap<String, Failure>,
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
}

impl Pipeline {
    /// Looks at these keys of those that the entries go to.
    ///
    /// # Errors
    /// If the store cannot be used at all.
    pub(crate) async fn push_look(
        &self,
        store: &Object,
        namespace: &str,
        entries: &[Entry],
        keys: &BTreeSet<&str>,
        world: &dyn World,
    ) -> Result<Looked, Failure> {
        let opened = self.push_session(store, namespace, world).await?;
        let mut refusals: BTreeMap<String, Result<(), Failure>> = BTreeMap::new();
        let groups = by_key(entries, |entry| &entry.place.key);
        let groups = groups.into_iter().filter(|(key, _)| keys.contains(key.as_str())).collect();
        // What may not be written is said by the write.
        let groups = allowed(groups, &opened, &mut refusals);
        let (session, name) = (opened.session, store_name(store));
        let mut looked = Looked { way: Some(way(&session)), ..Looked::default() };
        let (parts, wholes): (Vec<_>, Vec<_>) = groups.iter().partition(|(_, entries)| reads(entries));
        for chunk in parts.chunks(AT_ONCE) {
            let keys: Vec<&String> = chunk.iter().map(|(key, _)| key).collect();
            for (key, found) in self.push_read((&session, world), &name, &keys).await? {
                match found {
                    Ok(found) => drop(looked.parts.insert(key.to_owned(), found)),
                    Err(failure) => looked.fails(key, failure),
                }
            }
        }
        for chunk in wholes.chunks(AT_ONCE) {
            let keys: Vec<String> = chunk.iter().map(|(key, _)| key.clone()).collect();
            for (key, found) in keys.iter().zip(self.push_exists((&session, world), &name, &keys).await?) {
                match found {
                    Ok(there) => drop(looked.whole.insert(key.clone(), there)),
                    Err(failure) => looked.fails(key, failure),
                }
            }
        }
        Ok(looked)
    }

    async fn push_exists(
        &self,
        (session, world): (&std::sync::Arc<Session>, &dyn World),
        name: &StoreName,
        keys: &[String],
    ) -> Result<Vec<Result<bool, Failure>>, Failure> {
        let call = Call::begin(world, "exists", name, session).of_each(keys.iter().map(String::as_str));
        let answers = self.fetcher.call(session.as_ref(), session.exists(keys)).await;
        tell_each(&call, &answers, |_, _| {});
        let answers = answers.map_err(|error| refused(name, None, session, error))?;
        let named = keys.iter().zip(answers);
        Ok(named
            .map(|(key, answer)| answer.map_err(|error| refused(name, Some(key), session, error.into())))
            .collect())
    }
}

impl Looked {
    /// A key could not be looked at. Who may write and not look is not kept from writing.
    fn fails(&mut self, key: &str, failure: Failure) {
        if !matches!(failure, Failure::WriteRefused { .. }) {
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

    #[test]
    fn a_place_is_free_if_nothing_is_there_and_that_is_known() {
        let value = |data: &str| Value {
            data: SecretBytes::copied_from(data.as_bytes()),
            entries: None,
            version: None,
            lease: None,
            shareable: true,
            dynamic: false,
        };
        let looked = Looked {
            whole: BTreeMap::from([("there".to_owned(), true), ("none".to_owned(), false)]),
            parts: BTreeMap::from([
                ("object".to_owned(), Some(value(r#"{"p":"1"}"#))),
                ("text".to_owned(), Some(value("a text"))),
                ("nothing".to_owned(), None),
            ]),
            way: Some(Way::Path),
            failed: BTreeMap::new(),
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
}
