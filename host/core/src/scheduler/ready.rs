//! Objects of one class that are due: in order of arrival inside a namespace, the namespaces in turn.

use std::collections::BTreeMap;

use super::Queued;
use super::places::Open;

/// The row of what needs no worker: no namespace has that name.
pub(super) const BESIDE: &str = "/";

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

    /// Whether a namespace that may begin has something.
    pub(super) fn has(&self, open: &Open) -> bool {
        self.first(open).is_some()
    }

    /// Whose turn it is. No more are passed over than have their part.
    fn first(&self, open: &Open) -> Option<u64> {
        if *open == Open::Full {
            return self.rows.get(BESIDE).map(|row| row.turn);
        }
        self.turns.iter().find(|(_, namespace)| open.to(namespace)).map(|(turn, _)| *turn)
    }

    /// The first of the namespace whose turn it is, which then goes to the end.
    pub(super) fn take(&mut self, open: &Open) -> Option<K> {
        let namespace = self.turns.remove(&self.first(open)?)?;
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

/// The row that an object stands in.
fn row_of<K: Queued>(object: &K) -> &str {
    if object.takes_place() { object.namespace() } else { BESIDE }
}

impl<K: Queued> Ready<K> {
    /// Takes an object out, wherever it stands.
    pub(super) fn remove(&mut self, object: &K, place: Place) {
        let namespace = row_of(object);
        let Some(row) = self.rows.get_mut(namespace) else {
            return;
        };
        row.objects.remove(&place);
        if row.objects.is_empty() {
            self.turns.remove(&row.turn);
            self.rows.remove(namespace);
        }
    }

    /// Puts an object at the end of its namespace's row.
    pub(super) fn put(&mut self, object: K) -> Place {
        let place = self.next;
        self.next += 1;
        if let Some(row) = self.rows.get_mut(row_of(&object)) {
            row.objects.insert(place, object);
        } else {
            let namespace = row_of(&object).to_owned();
            self.turns.insert(place, namespace.clone());
            self.rows.insert(namespace, Row { objects: BTreeMap::from([(place, object)]), turn: place });
        }
        place
    }
}
