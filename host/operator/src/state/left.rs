//! What generators left behind, as the watch last showed it: GeneratorState objects of this operator's class. Who owns one
//! and what of it is the newest is told here; creating, flagging and cleaning is `reconcile::states`'.

use claviger_core::lease::Source;
use claviger_crds::generators::GeneratorState;
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use std::sync::Arc;

use super::State;
use crate::watch::cache::Name;

/// ESO's label for what belongs together: one generator's, of one ExternalSecret.
pub const LABEL_OWNER_KEY: &str = "generators.external-secrets.io/owner-key";
/// The class of the operator that made it and takes it back. What ESO has left behind has none, and is left alone: no
/// plugin of ours made it.
pub const ANNOTATION_CLASS: &str = "claviger.io/controller-class";

/// The value of [`LABEL_OWNER_KEY`].
pub fn owner_key(uid: &str, source: &Source) -> String {
    crate::config::short_hash(&format!("{uid} {} {}", source.kind, source.name))
}

impl State {
    /// An event of the watch.
    pub fn generator_state_event(&self, event: Event<GeneratorState>) {
        self.lock().left.apply(event, |object| object);
        self.left_changed.notify_one();
    }

    /// What we have just written ourselves.
    pub fn left_written(&self, object: GeneratorState) {
        self.lock().left.insert(Name::of(&object), object);
        self.left_changed.notify_one();
    }

    /// Waits until one of them changed.
    pub async fn left_changed(&self) {
        self.left_changed.notified().await;
    }

    /// All that operators of that class made.
    pub fn left(&self, class: &str) -> Vec<Arc<GeneratorState>> {
        let ours = |object: &&Arc<GeneratorState>| {
            object.annotations().get(ANNOTATION_CLASS).is_some_and(|own| own == class)
        };
        self.lock().left.iter().map(|(_, object)| object).filter(ours).cloned().collect()
    }

    /// Those of an ExternalSecret that are to stay, oldest first: they are neither flagged nor deleted.
    pub fn left_for(&self, class: &str, namespace: &str, uid: &str) -> Vec<Arc<GeneratorState>> {
        let mut all = self.left(class);
        all.retain(|object| {
            object.namespace().as_deref() == Some(namespace)
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
