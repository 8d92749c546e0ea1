//! Who has to look again when an object changes.
//!
//! Two directions of edges: what an ExternalSecret or store *reads* (stores, Secrets, ConfigMaps) and which
//! Secret an ExternalSecret *writes*. Pure bookkeeping; bounded by the number of references in manifests.

use std::collections::{BTreeMap, BTreeSet};

use crate::watch::cache::Name;
use crate::watch::few::Few;
use crate::watch::{Object, Reference};

/// The edges.
#[derive(Default)]
pub(crate) struct Index {
    reads: BTreeMap<Object, BTreeSet<Reference>>,
    readers: BTreeMap<Reference, BTreeSet<Object>>,
    stores: BTreeMap<Name, Few<Object>>,
    users: BTreeMap<Object, BTreeSet<Name>>,
    targets: BTreeMap<Name, Name>,
    writers: BTreeMap<Name, Few<Name>>,
}

impl Index {
    /// `object` reads that. Edges gather until the object changes: one too many only costs a look.
    pub(crate) fn add_read(&mut self, object: &Object, reference: Reference) {
        self.readers.entry(reference.clone()).or_default().insert(object.clone());
        self.reads.entry(object.clone()).or_default().insert(reference);
    }

    /// `object` changed or is gone: what it read is not known any more.
    pub(crate) fn forget_reads(&mut self, object: &Object) {
        for old in self.reads.remove(object).unwrap_or_default() {
            remove_edge(&mut self.readers, &old, object);
        }
    }

    /// Who reads it.
    pub(crate) fn readers(&self, reference: &Reference) -> Vec<Object> {
        self.readers.get(reference).into_iter().flatten().cloned().collect()
    }

    /// Replaces the stores and the target of an ExternalSecret.
    pub(crate) fn set_external_secret(
        &mut self,
        name: &Name,
        stores: impl IntoIterator<Item = Object>,
        target: Name,
    ) {
        self.forget_external_secret(name);
        let stores: Few<Object> = stores.into_iter().collect();
        for store in &stores {
            self.users.entry(store.clone()).or_default().insert(name.clone());
        }
        self.stores.insert(name.clone(), stores);
        self.writers.entry(target.clone()).or_default().insert(name.clone());
        self.targets.insert(name.clone(), target);
    }

    /// Removes an ExternalSecret and its edges.
    pub(crate) fn forget_external_secret(&mut self, name: &Name) {
        for store in self.stores.remove(name).unwrap_or_default() {
            remove_edge(&mut self.users, &store, name);
        }
        if let Some(target) = self.targets.remove(name)
            && let Some(writers) = self.writers.get_mut(&target)
        {
            writers.remove(name);
            if writers.is_empty() {
                self.writers.remove(&target);
            }
        }
    }

    /// The ExternalSecrets that name the store.
    pub(crate) fn users(&self, store: &Object) -> Vec<Name> {
        self.users.get(store).into_iter().flatten().cloned().collect()
    }

    /// The ExternalSecrets whose target the Secret is.
    pub(crate) fn writers(&self, target: &Name) -> Vec<Name> {
        self.writers.get(target).into_iter().flatten().cloned().collect()
    }
}

fn remove_edge<K: Ord, V: Ord>(edges: &mut BTreeMap<K, BTreeSet<V>>, from: &K, to: &V) {
    if let Some(set) = edges.get_mut(from) {
        set.remove(to);
        if set.is_empty() {
            edges.remove(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use claviger_core::template::SourceKind;

    use super::*;

    fn secret(name: &str) -> Reference {
        Reference { kind: SourceKind::Secret, namespace: "ns".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn replaced_edges_leave_nothing_behind() {
        let mut index = Index::default();
        let store = Object::SecretStore(Name::new("ns", "vault"));
        index.add_read(&store, secret("old"));
        index.forget_reads(&store);
        index.add_read(&store, secret("new"));
        assert_eq!(index.readers(&secret("old")), vec![]);
        assert_eq!(index.readers(&secret("new")), vec![store.clone()]);

        let es = Name::new("ns", "db");
        index.set_external_secret(&es, BTreeSet::from([store.clone()]), Name::new("ns", "first"));
        index.set_external_secret(&es, BTreeSet::from([store.clone()]), Name::new("ns", "second"));
        assert_eq!(index.users(&store), vec![es.clone()]);
        assert_eq!(index.writers(&Name::new("ns", "first")), vec![]);
        assert_eq!(index.writers(&Name::new("ns", "second")), vec![es.clone()]);

        index.forget_external_secret(&es);
        index.forget_reads(&store);
        assert!(index.reads.is_empty() && index.readers.is_empty());
        assert!(index.stores.is_empty() && index.users.is_empty());
        assert!(index.targets.is_empty() && index.writers.is_empty());
    }
}
