//! Whether a key was found stored or made: fixed with the first read. So a stored secret that somebody deletes is
//! missing, and does not turn into a credential that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use claviger_crds::external_secret::{KeyNature, KeySource};

use super::Source;
use crate::provider::Nature;

/// By store and key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(BTreeMap<Source, KeyNature>);

impl Pins {
    /// As the status has them.
    pub fn of(status: &[KeySource]) -> Self {
        let one = |pin: &KeySource| {
            let (kind, name) = pin.store.split_once('/')?;
            let source = Source { kind: kind.to_owned(), name: name.to_owned(), key: pin.key.clone() };
            Some((source, pin.nature))
        };
        Self(status.iter().filter_map(one).collect())
    }

    /// For the status.
    pub fn to_status(&self) -> Vec<KeySource> {
        let one = |(source, nature): (&Source, &KeyNature)| KeySource {
            store: format!("{}/{}", source.kind, source.name),
            key: source.key.clone(),
            nature: *nature,
        };
        self.0.iter().map(one).collect()
    }

    /// What may answer a read of that key.
    pub fn nature(&self, source: &Source) -> Nature {
        match self.0.get(source) {
            None => Nature::Any,
            Some(KeyNature::Stored) => Nature::Stored,
            Some(KeyNature::Dynamic) => Nature::Dynamic,
        }
    }

    /// Whether one of the keys is made for who reads it.
    pub fn has_dynamic(&self) -> bool {
        self.0.values().any(|nature| *nature == KeyNature::Dynamic)
    }

    /// The first read decides.
    pub fn set(&mut self, source: Source, dynamic: bool) {
        self.0.entry(source).or_insert(if dynamic { KeyNature::Dynamic } else { KeyNature::Stored });
    }

    /// Forgets what the manifest does not name any more.
    pub fn retain(&mut self, named: &BTreeSet<Source>) {
        self.0.retain(|source, _| named.contains(source));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(key: &str) -> Source {
        Source { kind: "SecretStore".to_owned(), name: "vault".to_owned(), key: key.to_owned() }
    }

    #[test]
    fn the_first_read_decides() {
        let mut pins = Pins::default();
        assert_eq!(pins.nature(&source("a")), Nature::Any);
        pins.set(source("a"), false);
        pins.set(source("a"), true);
        pins.set(source("b"), true);
        assert_eq!([pins.nature(&source("a")), pins.nature(&source("b"))], [Nature::Stored, Nature::Dynamic]);
        assert_eq!(Pins::of(&pins.to_status()), pins);
        pins.retain(&BTreeSet::from([source("b")]));
        assert_eq!([pins.nature(&source("a")), pins.nature(&source("b"))], [Nature::Any, Nature::Dynamic]);
    }

    #[test]
    fn what_somebody_wrote_into_the_status_is_passed_over() {
        let odd = KeySource { store: "vault".to_owned(), key: "a".to_owned(), nature: KeyNature::Stored };
        assert_eq!(Pins::of(&[odd]), Pins::default());
    }
}
