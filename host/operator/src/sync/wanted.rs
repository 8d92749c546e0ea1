//! What a spec asks for, and from where: pure, before anything is read.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::error::Failure;
use claviger_core::lease::Source;
use claviger_core::provider::{Facet, Item, Nature};
use claviger_crds::external_secret::{DataFrom, Find, GeneratorRef, MetadataPolicy, RemoteRef, SourceRef};

use claviger_plugins::Session;

use super::connect::store_name;
use super::{Asker, Makes};
use crate::watch::Object;

/// A `dataFrom.find`, by its place.
pub(super) struct Search<'a> {
    pub(super) index: usize,
    pub(super) store: Object,
    pub(super) find: &'a Find,
}

/// All of it.
#[derive(Default)]
pub(super) struct AllWanted<'a> {
    /// Each key once with each property, by store. `nature` is `Stored` here: what it is asked with is decided with the store's session.
    pub(super) keys: BTreeMap<Object, Vec<Item>>,
    pub(super) searches: Vec<Search<'a>>,
    /// By their places.
    pub(super) generators: Vec<(usize, &'a GeneratorRef)>,
}

impl<'a> AllWanted<'a> {
    pub(super) fn of(asker: &Asker<'a>) -> Result<Self, Failure> {
        let mut all = Self::default();
        let spec = asker.spec;
        for (index, entry) in spec.data.iter().enumerate() {
            let store = store_of(asker, entry.source_ref.as_ref(), &format!("data[{index}]"))?;
            all.key(store, item(&entry.remote_ref));
        }
        for (index, entry) in spec.data_from.iter().enumerate() {
            let place = format!("dataFrom[{index}]");
            let store = || store_of(asker, entry.source_ref.as_ref(), &place);
            match (&entry.extract, &entry.find, generator_of(entry)) {
                (Some(extract), _, _) => all.key(store()?, item(extract)),
                (None, Some(find), _) => all.searches.push(Search { index, store: store()?, find }),
                (None, None, Some(generator)) => all.generators.push((index, generator)),
                (None, None, None) => {
                    return Err(unusable(
                        &place,
                        "it is empty: give extract, find or sourceRef.generatorRef",
                    ));
                }
            }
        }
        Ok(all)
    }

    fn key(&mut self, store: Object, item: Item) {
        let items = self.keys.entry(store).or_default();
        if !items.contains(&item) {
            items.push(item);
        }
    }
}

/// The generator of an entry that names one.
pub(super) fn generator_of(entry: &DataFrom) -> Option<&GeneratorRef> {
    entry.source_ref.as_ref().and_then(|source| source.generator_ref.as_ref())
}

/// As it is recorded, and pinned in the status.
pub(super) fn key_source(store: &Object, key: &str) -> Source {
    let store = store_name(store);
    Source { kind: store.kind.into_owned(), name: store.name, key: key.to_owned() }
}

/// What an item is asked with of a provider that has dynamic keys: a version or metadata is of what is stored.
pub(super) fn nature(asker: &Asker<'_>, store: &Object, item: &Item) -> Nature {
    if item.facet == Facet::Metadata || item.version.is_some() || asker.makes != Makes::Anything {
        return Nature::Stored;
    }
    asker.pins.nature(&key_source(store, &item.key))
}

/// A reference as it would be read by a provider that looks properties up itself; see [`asked_of`].
pub(super) fn item(reference: &RemoteRef) -> Item {
    let facet = match reference.metadata_policy {
        MetadataPolicy::None => Facet::Value,
        MetadataPolicy::Fetch => Facet::Metadata,
    };
    let version = reference.version.clone().filter(|version| !version.is_empty());
    let property = reference.property.clone().filter(|property| !property.is_empty());
    Item { key: reference.key.clone(), version, property, facet, nature: Nature::Stored }
}

/// What is asked of a store's provider: without the property, where the host looks it up.
pub(super) fn asked_of(item: Item, session: Option<&Session>) -> Item {
    match session.is_some_and(Session::has_own_properties) {
        true => item,
        false => Item { property: None, ..item },
    }
}

/// The properties that the spec takes of a key, by name; whoever takes the whole adds none.
pub(super) fn taken<'a>(asker: &Asker<'a>, store: &Object, asked: &Item) -> Vec<&'a str> {
    let spec = asker.spec;
    let of = |source: &Option<SourceRef>| store_of(asker, source.as_ref(), "").is_ok_and(|of| of == *store);
    let named = |reference: &RemoteRef| {
        let Item { key, version, facet, .. } = item(reference);
        (&key, &version, facet) == (&asked.key, &asked.version, asked.facet)
    };
    let single = spec.data.iter().filter_map(|entry| {
        Some(&entry.remote_ref).filter(|reference| named(reference) && of(&entry.source_ref))
    });
    let whole = spec.data_from.iter().filter_map(|entry| {
        entry.extract.as_ref().filter(|reference| named(reference) && of(&entry.source_ref))
    });
    let properties = single.chain(whole).filter_map(|reference| reference.property.as_deref());
    let properties: BTreeSet<&str> = properties.filter(|property| !property.is_empty()).collect();
    properties.into_iter().collect()
}

/// The store of an entry that stands there: its own, else that of the spec.
pub(super) fn store_of(
    asker: &Asker<'_>,
    source: Option<&SourceRef>,
    place: &str,
) -> Result<Object, Failure> {
    let own = source.and_then(|source| source.store_ref.as_ref());
    let chosen = own.filter(|store| store.name.is_some()).or(asker.spec.secret_store_ref.as_ref());
    let Some((name, kind)) = chosen.and_then(|store| Some((store.name.as_deref()?, store.kind))) else {
        return Err(unusable(place, "no store is named: give spec.secretStoreRef or sourceRef.storeRef"));
    };
    Ok(Object::store(kind.unwrap_or_default(), asker.namespace, name))
}

pub(super) fn unusable(place: &str, why: &str) -> Failure {
    Failure::ValueNotUsable { place: place.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::watch::cache::Name;

    #[test]
    fn what_is_taken_of_a_key_is_named_once_and_by_store() {
        let spec = serde_json::from_value(json!({
            "secretStoreRef": {"name": "a"},
            "data": [
                {"secretKey": "1", "remoteRef": {"key": "k", "property": "user"}},
                {"secretKey": "2", "remoteRef": {"key": "k", "property": "password"}},
                {"secretKey": "3", "remoteRef": {"key": "k", "property": "user"}},
                {"secretKey": "4", "remoteRef": {"key": "k"}},
                {"secretKey": "5", "remoteRef": {"key": "k", "version": "7", "property": "old"}},
                {"secretKey": "6", "remoteRef": {"key": "other", "property": "x"}},
                {"secretKey": "7", "remoteRef": {"key": "k", "property": "elsewhere"},
                 "sourceRef": {"storeRef": {"name": "b"}}},
            ],
            "dataFrom": [{"extract": {"key": "k", "property": "nested"}}],
        }))
        .unwrap();
        let (pins, labels) = (Default::default(), BTreeMap::new());
        let asker = Asker {
            namespace: "ns",
            name: "es",
            uid: "",
            version: "",
            pins: &pins,
            held: None,
            keeps_unleased: false,
            makes: Makes::Nothing,
            options: Default::default(),
            left: None,
            labels: &labels,
            annotations: &labels,
            spec: &spec,
        };
        let of = |store: &str, version: Option<&str>| {
            let reference = RemoteRef {
                key: "k".to_owned(),
                version: version.map(ToOwned::to_owned),
                ..RemoteRef::default()
            };
            taken(&asker, &Object::SecretStore(Name::new("ns", store)), &item(&reference)).join(" ")
        };
        assert_eq!(of("a", None), "nested password user");
        assert_eq!(of("a", Some("7")), "old");
        assert_eq!(of("b", None), "elsewhere");
    }
}
