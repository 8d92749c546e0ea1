//! What generators left behind, as the watch last showed it: GeneratorState objects of this operator's class. Who owns one
//! and what of it is the newest is told here; creating, flagging and cleaning is `reconcile::left`'.

use claviger_core::lease::Source;
use claviger_crds::generators::{GeneratorState, GeneratorStateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use std::sync::Arc;

use super::State;
use crate::watch::cache::Name;

/// ESO's label for what belongs together: one generator's, of one ExternalSecret.
pub(crate) const LABEL_OWNER_KEY: &str = "generators.external-secrets.io/owner-key";
/// The class of the operator that made it and takes it back. What ESO has left behind has none, and is left alone: no
/// plugin of ours made it.
pub(crate) const ANNOTATION_CLASS: &str = "claviger.io/controller-class";

/// The value of [`LABEL_OWNER_KEY`].
pub(crate) fn owner_key(uid: &str, source: &Source) -> String {
    crate::config::short_hash(&format!("{uid} {} {}", source.kind, source.name))
}

impl State {
    /// An event of the watch.
    pub(crate) fn generator_state_event(&self, event: Event<DeserializeGuard<GeneratorState>>) {
        self.lock().left.apply(event, |guard| {
            guard.0.unwrap_or_else(|invalid| {
                // What cannot be read is nobody's to take back, and keeps no list from coming in.
                let mut unread = GeneratorState::new("", GeneratorStateSpec::default());
                unread.metadata = ObjectMeta { annotations: None, ..invalid.metadata };
                unread
            })
        });
        self.left_changed.notify_one();
    }

    /// What we have just written ourselves.
    pub(crate) fn left_written(&self, object: GeneratorState) {
        self.lock().left.insert(Name::of(&object), object);
        self.left_changed.notify_one();
    }

    /// It is not there any more, whatever the watch has said last.
    pub(crate) fn left_gone(&self, name: &Name) {
        self.lock().left.remove(name);
    }

    /// Waits until one of them changed.
    pub(crate) async fn left_changed(&self) {
        self.left_changed.notified().await;
    }

    /// All that operators of that class made.
    pub(crate) fn left(&self, class: &str) -> Vec<Arc<GeneratorState>> {
        self.left_where(class, |_| true)
    }

    fn left_where(&self, class: &str, which: impl Fn(&GeneratorState) -> bool) -> Vec<Arc<GeneratorState>> {
        let ours = |object: &&Arc<GeneratorState>| {
            object.annotations().get(ANNOTATION_CLASS).is_some_and(|own| own == class) && which(object)
        };
        self.lock().left.iter().map(|(_, object)| object).filter(ours).cloned().collect()
    }

    /// Those of an ExternalSecret that are to stay, oldest first: they are neither flagged nor deleted.
    pub(crate) fn left_for(&self, class: &str, namespace: &str, uid: &str) -> Vec<Arc<GeneratorState>> {
        let mut all = self.left_where(class, |object| {
            object.metadata.namespace.as_deref() == Some(namespace)
                && object.owner_references().iter().any(|owner| owner.uid == uid)
                && object.metadata.deletion_timestamp.is_none()
                && object.spec.garbage_collection_deadline.is_none()
        });
        // Times are of whole seconds; the names that we give go on in the order in which they were given.
        all.sort_by_key(|object| {
            (object.creation_timestamp().map(|time| time.0), object.metadata.name.clone())
        });
        all
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};

    use super::*;
    use crate::metrics::Metrics;

    fn object(name: &str, second: i64) -> GeneratorState {
        let mut object = GeneratorState::new(name, GeneratorStateSpec::default());
        let meta = &mut object.metadata;
        meta.namespace = Some("ns".to_owned());
        meta.creation_timestamp = Some(Time(Timestamp::from_second(second).unwrap()));
        meta.annotations = Some(BTreeMap::from([(ANNOTATION_CLASS.to_owned(), "blue".to_owned())]));
        meta.owner_references = Some(vec![OwnerReference { uid: "es".to_owned(), ..Default::default() }]);
        object
    }

    #[test]
    fn what_is_in_use_and_in_which_order() {
        let state = State::new(Arc::new(Metrics::default()));
        let names = |state: &State| -> Vec<String> {
            state.left_for("blue", "ns", "es").iter().map(|object| object.name_any()).collect()
        };
        // The last two within one second.
        for (name, second) in [("gen-c", 20), ("gen-a", 10), ("gen-b", 20)] {
            state.left_written(object(name, second));
        }
        let mut flagged = object("flagged", 30);
        flagged.spec.garbage_collection_deadline = Some(Time(Timestamp::UNIX_EPOCH));
        let mut deleted = object("deleted", 30);
        deleted.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        let mut of_eso = object("of-eso", 30);
        of_eso.metadata.annotations = None;
        let mut another = object("another", 30);
        another.metadata.owner_references = None;
        for object in [flagged, deleted, of_eso, another] {
            state.left_written(object);
        }
        assert_eq!(names(&state), ["gen-a", "gen-b", "gen-c"]);
        assert_eq!(state.left("blue").len(), 6, "all but what ESO has left behind");
        assert!(state.left_for("green", "ns", "es").is_empty());
        assert!(state.left_for("blue", "other", "es").is_empty());
        state.left_gone(&Name::new("ns", "gen-c"));
        assert_eq!(names(&state), ["gen-a", "gen-b"]);
    }
}
