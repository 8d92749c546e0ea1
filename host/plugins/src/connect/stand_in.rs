//! Where a reference that names no namespace is looked for: in the asker's, and in the one that the admin has stand in for it.
//! Pure.
//!
//! The first reference that is found decides for all of a connect that name none: a login made of two namespaces' parts
//! would be somebody whom nobody meant.

use std::collections::BTreeSet;

use claviger_core::provider::NeedError;

use crate::needs::Reference;

/// The namespace that stands in, and what came of that in one connect.
pub(super) struct StandIn {
    namespace: Option<String>,
    /// Whether it is the one that is meant; none before the first reference is found.
    is_meant: Option<bool>,
    found: BTreeSet<String>,
}

impl StandIn {
    /// No namespace: the asker's is all there is.
    pub(super) fn new(namespace: Option<String>) -> Self {
        Self { namespace, is_meant: None, found: BTreeSet::new() }
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Where to look, in order.
    pub(super) fn search(&self, reference: Reference) -> Search {
        let places = match (reference.next(), self.is_meant) {
            (Some(_), Some(false)) | (None, _) => vec![reference],
            (Some(next), Some(true)) => vec![next],
            (Some(next), None) => vec![reference, next],
        };
        Search { places: places.into_iter(), missing: None }
    }

    /// Notes where something was found.
    pub(super) fn found(&mut self, kind: &str, reference: &Reference) {
        if reference.stands_in {
            self.is_meant = Some(true);
            self.found.insert(format!("{kind} {}/{}", reference.namespace, reference.name));
        } else if reference.next().is_some() {
            self.is_meant = Some(false);
        }
    }

    /// What was found there (`ServiceAccount operators/gcp`).
    pub(super) fn into_found(self) -> Vec<String> {
        self.found.into_iter().collect()
    }
}

/// A reference that is looked for.
pub(super) struct Search {
    places: std::vec::IntoIter<Reference>,
    /// What was said where it was not, of the first place.
    pub(super) missing: Option<NeedError>,
}

impl Search {
    /// Where to look next.
    pub(super) fn place(&mut self) -> Option<Reference> {
        self.places.next()
    }

    /// What there is, unless the object is not there: then it is looked for elsewhere.
    pub(super) fn found<T>(&mut self, answer: Result<T, NeedError>) -> Result<Option<T>, NeedError> {
        match answer {
            Err(error @ NeedError::NotFound { key: None, .. }) => {
                self.missing.get_or_insert(error);
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }
}
