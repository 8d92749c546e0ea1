//! A set that has one element as a rule, and of which there is one for each ExternalSecret or Secret.
//!
//! A `BTreeSet` sets room aside for eleven with the first: half a KiB for each, which with ten thousand of them is more
//! than what they are about. This one is a sorted list.

/// The elements, in order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Few<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> Few<T> {
    /// Puts one in.
    pub(crate) fn insert(&mut self, element: T) {
        let Err(place) = self.0.binary_search(&element) else { return };
        if self.0.is_empty() {
            self.0.reserve_exact(1);
        }
        self.0.insert(place, element);
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, element: &T) {
        if let Ok(place) = self.0.binary_search(element) {
            self.0.remove(place);
        }
    }

    /// Takes out those of which it is not so.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Ord> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut few: Vec<T> = elements.into_iter().collect();
        few.sort_unstable();
        few.dedup();
        few.shrink_to_fit();
        Self(few)
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'f, T> IntoIterator for &'f Few<T> {
    type Item = &'f T;
    type IntoIter = std::slice::Iter<'f, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_in_order(steps in prop::collection::vec((any::<bool>(), 0u8..8), 0..40)) {
            let (mut few, mut model) = (Few::default(), BTreeSet::new());
            for (puts, element) in &steps {
                if *puts {
                    few.insert(*element);
                    model.insert(*element);
                } else {
                    few.remove(element);
                    model.remove(element);
                }
                prop_assert_eq!(few.is_empty(), model.is_empty());
                prop_assert!((&few).into_iter().eq(&model));
            }
            let collected: Few<u8> = steps.iter().map(|(_, element)| *element).collect();
            let all: BTreeSet<u8> = steps.iter().map(|(_, element)| *element).collect();
            prop_assert!(collected.into_iter().eq(all));
            few.retain(|element| element % 2 == 0);
            model.retain(|element| element % 2 == 0);
            prop_assert!(few.into_iter().eq(model));
        }
    }

    #[test]
    fn one_element_takes_the_room_of_one() {
        let mut few = Few::default();
        few.insert(7u64);
        assert_eq!(few.0.capacity(), 1);
        assert_eq!([3u64].into_iter().collect::<Few<_>>().0.capacity(), 1);
    }
}
