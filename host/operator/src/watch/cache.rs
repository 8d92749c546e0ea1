//! The objects of one kind as the watch last showed them.
//!
//! kube's reflector does not say which objects a relist found gone, and this operator has to know
//! (series, indexes and queue entries of a deleted object go with it), so the watcher's events are
//! applied here. Pure: no I/O, no notification; it returns what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::runtime::watcher::Event;

/// Namespace and name; the namespace of a cluster-scoped object is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

impl Name {
    /// Of a namespaced object.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Of an object as the API server sent it.
    pub fn of<K: kube::Resource>(object: &K) -> Self {
        let meta = object.meta();
        Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// What one event changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// Seen for the first time, or with another content.
    Upserted(Name),
    /// Gone.
    Deleted(Name),
    /// The first list is complete.
    Synced,
}

/// A cache of one kind.
pub struct Cache<T> {
    objects: BTreeMap<Name, Arc<T>>,
    relisted: Option<BTreeSet<Name>>,
    synced: bool,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), relisted: None, synced: false }
    }
}

impl<T> Cache<T> {
    /// The object, if it is there.
    pub fn get(&self, name: &Name) -> Option<Arc<T>> {
        self.objects.get(name).cloned()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<T>)> {
        self.objects.iter()
    }

    /// Whether the first list has come in whole.
    pub fn synced(&self) -> bool {
        self.synced
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Puts in what we have just written ourselves, so that a reconcile that runs before the watch
    /// delivers it does not decide on old data.
    pub fn insert(&mut self, name: Name, object: T) {
        self.objects.insert(name, Arc::new(object));
    }

    /// Takes out what we have just deleted ourselves.
    pub fn remove(&mut self, name: &Name) {
        self.objects.remove(name);
    }

    /// Applies an event. `convert` may turn the object into something smaller.
    pub fn apply<K: kube::Resource>(&mut self, event: Event<K>, convert: impl FnOnce(K) -> T) -> Vec<Change> {
        match event {
            Event::Init => {
                self.relisted = Some(BTreeSet::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                let name = Name::of(&object);
                if let Some(seen) = &mut self.relisted {
                    seen.insert(name.clone());
                }
                self.objects.insert(name.clone(), Arc::new(convert(object)));
                vec![Change::Upserted(name)]
            }
            Event::InitDone => {
                let seen = self.relisted.take().unwrap_or_default();
                let gone: Vec<Name> =
                    self.objects.keys().filter(|name| !seen.contains(*name)).cloned().collect();
                for name in &gone {
                    self.objects.remove(name);
                }
                self.synced = true;
                gone.into_iter().map(Change::Deleted).chain([Change::Synced]).collect()
            }
            Event::Apply(object) => {
                let name = Name::of(&object);
                self.objects.insert(name.clone(), Arc::new(convert(object)));
                vec![Change::Upserted(name)]
            }
            Event::Delete(object) => {
                let name = Name::of(&object);
                self.objects.remove(&name);
                vec![Change::Deleted(name)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::watcher::Event;

    use super::*;

    fn object(name: &str, version: &str) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.namespace = Some("ns".to_owned());
        map.metadata.name = Some(name.to_owned());
        map.metadata.resource_version = Some(version.to_owned());
        map
    }

    fn version(map: ConfigMap) -> String {
        map.metadata.resource_version.unwrap()
    }

    #[test]
    fn a_relist_reports_what_went_missing_while_the_watch_was_down() {
        let mut cache = Cache::default();
        for event in [Event::Init, Event::InitApply(object("a", "1")), Event::InitApply(object("b", "1"))] {
            cache.apply(event, version);
        }
        assert!(!cache.synced(), "not before the list is complete");
        assert_eq!(cache.apply(Event::InitDone, version), vec![Change::Synced]);
        assert!(cache.synced());

        cache.apply(Event::Init, version);
        cache.apply(Event::InitApply(object("b", "2")), version);
        assert_eq!(
            cache.get(&Name::new("ns", "a")).as_deref().map(String::as_str),
            Some("1"),
            "kept while relisting"
        );
        assert_eq!(
            cache.apply(Event::InitDone, version),
            vec![Change::Deleted(Name::new("ns", "a")), Change::Synced]
        );
        assert_eq!(cache.get(&Name::new("ns", "b")).as_deref().map(String::as_str), Some("2"));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn single_events_change_single_objects() {
        let mut cache = Cache::default();
        assert_eq!(
            cache.apply(Event::Apply(object("a", "7")), version),
            vec![Change::Upserted(Name::new("ns", "a"))]
        );
        assert_eq!(
            cache.apply(Event::Delete(object("a", "8")), version),
            vec![Change::Deleted(Name::new("ns", "a"))]
        );
        assert!(cache.is_empty());
    }
}
