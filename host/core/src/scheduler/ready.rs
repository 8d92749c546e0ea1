//! Objects of one class that are due: in order of arrival inside a namespace, the namespaces in turn.

use std::collections::BTreeMap;

use super::Queued;

/// Where an object stands in its namespace's row.
pub(super) type Place = u64;

/// One class.
pub(super) struct Ready<K> {
    rows: BTreeMap<String, Row<K>>,
    /// Namespaces with something due, by whose turn it is.
    turns: BTreeMap<u64, String>,
    /// Numbers places and turns; never wraps in a process's life.
    next: u64,
}

struct Row<K> {
    objects: BTreeMap<Place, K>,
    turn: u64,
}

impl<K> Default for Ready<K> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), turns: BTreeMap::new(), next: 0 }
    }
}

impl<K> Ready<K> {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes an object out, wherever it stands.
    pub(super) fn remove(&mut self, namespace: &str, place: Place) {
        let Some(row) = self.rows.get_mut(namespace) else {
            return;
        };
        row.objects.remove(&place);
        if row.objects.is_empty() {
            self.turns.remove(&row.turn);
            self.rows.remove(namespace);
        }
    }

    /// The first of the namespace whose turn it is, which then goes to the end.
    pub(super) fn take(&mut self) -> Option<K> {
        let (_, namespace) = self.turns.pop_first()?;
        let row = self.rows.get_mut(&namespace)?;
        let (_, object) = row.objects.pop_first()?;
        if row.objects.is_empty() {
            self.rows.remove(&namespace);
        } else {
            row.turn = self.next;
            self.turns.insert(self.next, namespace);
            self.next += 1;
        }
        Some(object)
    }
}

impl<K: Queued> Ready<K> {
    /// Puts an object at the end of its namespace's row.
    pub(super) fn put(&mut self, object: K) -> Place {
        let place = self.next;
        self.next += 1;
        if let Some(row) = self.rows.get_mut(object.namespace()) {
            row.objects.insert(place, object);
        } else {
            let namespace = object.namespace().to_owned();
            self.turns.insert(place, namespace.clone());
            self.rows.insert(namespace, Row { objects: BTreeMap::from([(place, object)]), turn: place });
        }
        place
    }
}
