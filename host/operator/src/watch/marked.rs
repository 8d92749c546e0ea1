//! The managed Secrets as the watch last showed them, found by name and by whose they are (the label `created-by`).
//!
//! Each refresh asks for the other Secrets of the same ExternalSecret; going through all of them for that is what ten
//! thousand would be slow for. Pure, as the cache below it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_core::names::LABEL_CREATED_BY;
use kube::runtime::watcher::Event;

use super::cache::{Cache, Change, Name};
use super::few::Few;
use super::managed::{ManagedSecret, reduce};
use super::packed::Packed;

/// The cache and its index.
#[derive(Default)]
pub(crate) struct MarkedCache {
    secrets: Cache<Packed>,
    /// By the label's value, which is a hash of namespace and name of the ExternalSecret.
    marked: BTreeMap<Box<str>, Few<Name>>,
}

impl MarkedCache {
    /// The Secret, if it is there.
    pub(crate) fn get(&self, name: &Name) -> Option<Arc<ManagedSecret>> {
        self.secrets.get(name)?.unpack().map(Arc::new)
    }

    /// Those with a record of leases, in order, as they are kept: ten thousand are not to be unpacked while others wait for
    /// the lock that this is behind.
    pub(crate) fn leased(&self) -> Vec<Arc<Packed>> {
        let all = self.secrets.iter().map(|(_, packed)| packed);
        all.filter(|packed| packed.is_leased()).cloned().collect()
    }

    /// Whether it is there in that version.
    pub(crate) fn is_at(&self, name: &Name, version: Option<&str>) -> bool {
        self.secrets.get(name).is_some_and(|packed| packed.version() == version)
    }

    /// Whether there is one.
    pub(crate) fn holds(&self, name: &Name) -> bool {
        self.secrets.get(name).is_some()
    }

    /// Those of a namespace with that value of the label, in order.
    pub(crate) fn marked(&self, namespace: &str, mark: &str) -> Vec<Arc<ManagedSecret>> {
        let names = self.marked.get(mark).into_iter().flatten().filter(|name| name.namespace == namespace);
        names.filter_map(|name| self.get(name)).collect()
    }

    /// Whether the first list has come in whole.
    pub(crate) fn synced(&self) -> bool {
        self.secrets.synced()
    }

    /// Puts in what we have just written ourselves.
    pub(crate) fn insert(&mut self, name: Name, secret: ManagedSecret) {
        self.unmark(&name);
        self.mark(&name, &secret);
        self.secrets.insert(name, Packed::new(secret));
    }

    /// Takes out what we have just deleted ourselves.
    pub(crate) fn remove(&mut self, name: &Name) {
        self.unmark(name);
        self.secrets.remove(name);
    }

    /// Applies an event.
    pub(crate) fn apply(&mut self, event: Event<ManagedSecret>) -> Vec<Change> {
        match &event {
            Event::Apply(secret) | Event::InitApply(secret) => {
                let name = Name::of(secret);
                self.unmark(&name);
                self.mark(&name, secret);
            }
            Event::Delete(secret) => self.unmark(&Name::of(secret)),
            Event::Init | Event::InitDone => {}
        }
        let listed = matches!(event, Event::InitDone);
        let changes = self.secrets.apply(event, |secret| Packed::new(reduce(secret)));
        if !listed {
            return changes;
        }
        // A list that shows some no more: what they bore is not known here any more.
        let gone: BTreeSet<&Name> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Deleted(name) => Some(name),
                Change::Upserted(_) | Change::Synced => None,
            })
            .collect();
        if !gone.is_empty() {
            self.marked.retain(|_, names| {
                names.retain(|name| !gone.contains(name));
                !names.is_empty()
            });
        }
        changes
    }

    fn mark(&mut self, name: &Name, secret: &ManagedSecret) {
        if let Some(mark) = mark_of(secret) {
            self.marked.entry(mark.into()).or_default().insert(name.clone());
        }
    }

    fn unmark(&mut self, name: &Name) {
        let Some(known) = self.secrets.get(name) else { return };
        let Some(mark) = known.mark() else { return };
        if let Some(names) = self.marked.get_mut(mark) {
            names.remove(name);
            if names.is_empty() {
                self.marked.remove(mark);
            }
        }
    }
}

fn mark_of(secret: &ManagedSecret) -> Option<&str> {
    secret.metadata.labels.as_ref()?.get(LABEL_CREATED_BY).map(String::as_str)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use serde_json::json;

    use super::*;

    fn secret(name: &str, mark: Option<&str>) -> ManagedSecret {
        let labels = mark.map(|mark| json!({LABEL_CREATED_BY: mark}));
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "ns", "labels": labels}}))
            .unwrap()
    }

    fn names(cache: &MarkedCache, namespace: &str, mark: &str) -> Vec<String> {
        cache.marked(namespace, mark).iter().filter_map(|secret| secret.metadata.name.clone()).collect()
    }

    #[test]
    fn they_are_found_by_their_mark_however_it_changes() {
        let mut cache = MarkedCache::default();
        for (name, mark) in [("a", Some("one")), ("b", Some("one")), ("c", Some("two")), ("d", None)] {
            cache.apply(Event::Apply(secret(name, mark)));
        }
        assert_eq!(
            (names(&cache, "ns", "one"), names(&cache, "other", "one")),
            (vec!["a".into(), "b".into()], vec![])
        );
        cache.apply(Event::Apply(secret("a", Some("two"))));
        assert_eq!(
            (names(&cache, "ns", "one"), names(&cache, "ns", "two")),
            (vec!["b".into()], vec!["a".into(), "c".into()])
        );
        cache.insert(Name::new("ns", "d"), secret("d", Some("one")));
        cache.remove(&Name::new("ns", "b"));
        assert_eq!(names(&cache, "ns", "one"), ["d"]);
        cache.apply(Event::Delete(secret("d", Some("one"))));
        assert_eq!(names(&cache, "ns", "one"), [""; 0]);
        // A list that shows one of two.
        cache.apply(Event::Init);
        cache.apply(Event::InitApply(secret("c", Some("two"))));
        assert_eq!(names(&cache, "ns", "two"), ["a", "c"], "kept while it comes in");
        cache.apply(Event::InitDone);
        assert_eq!(names(&cache, "ns", "two"), ["c"]);
        assert_eq!(cache.marked.len(), 1);
    }
}
