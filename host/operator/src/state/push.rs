//! What is known of PushSecrets: what of them was pushed, who has which place, and who has to look again when a Secret, a
//! store or another PushSecret changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use claviger_core::push::place::{Claims, Owner};
use claviger_core::push::{StoreView, Target, chosen, means_otherwise, targets_of};
use claviger_core::scheduler::Class;
use claviger_core::tenancy::selects;
use claviger_crds::external_secret::StoreKind;
use claviger_crds::push_secret::{PushSecret, PushSecretStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;

use super::watched::{shows_nothing_new, wanted_state};
use super::{Inner, Parsed, State, Store, meta_of};
use crate::watch::Object;
use crate::watch::cache::{Change, Name};

/// What is known of all PushSecrets.
#[derive(Default)]
pub(super) struct Pushing {
    claims: Claims,
    /// Those that want a place that another has.
    waiting: BTreeSet<Name>,
    progress: BTreeMap<Name, PushProgress>,
    /// At whose places somebody else may have written or deleted meanwhile, and how often that was said since they last
    /// looked. Not part of the progress: a look has a copy of that, and writes it back.
    again: BTreeMap<Name, u64>,
}

/// What this process knows of a PushSecret beyond its status.
#[derive(Clone, Debug, Default)]
pub(crate) struct PushProgress {
    /// Of which object it is.
    pub uid: String,
    /// When everything was last pushed or compared: the status says that only once a minute.
    pub last: Option<Timestamp>,
    /// Our last status: the watch may be behind, or it could not be written.
    pub status: Option<PushSecretStatus>,
    /// Whether it could not be written.
    pub unwritten: bool,
    /// Failures in a row.
    pub failures: u32,
    /// It looked at once because it had made room in its status. Not twice in a row: names may differ at each look.
    pub hurried: bool,
    /// Since when its Secret is not there.
    pub gone: Option<Instant>,
}

impl State {
    /// An event of the PushSecret watch.
    pub(crate) fn push_secret_event(&self, event: Event<DeserializeGuard<PushSecret>>) {
        let mut inner = self.lock();
        let same = shows_nothing_new(&inner.push_secrets, &event, wanted_state);
        match &event {
            Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => {
                if !same {
                    inner.wake_push_spreaders(object.meta());
                }
            }
            Event::InitDone => inner.wake_all_push_spreaders(),
            Event::Init => {}
        }
        for change in inner.push_secrets.apply(event, |guard| guard.0.map_err(Box::new)) {
            match change {
                Change::Upserted(_) if same => {}
                Change::Upserted(name) => {
                    inner.index.forget_reads(&Object::PushSecret(name.clone()));
                    inner.queue.push(Object::PushSecret(name), Class::Fresh, Instant::now());
                }
                Change::Deleted(name) => {
                    self.metrics.forget(&Object::PushSecret(name.clone()));
                    inner.index.forget_reads(&Object::PushSecret(name.clone()));
                    inner.pushing.progress.remove(&name);
                    inner.pushing.again.remove(&name);
                    inner.pushing.waiting.remove(&name);
                    inner.pushing.claims.remove(&owner(&name));
                    inner.wake_waiting();
                }
                Change::Synced => {}
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// A PushSecret.
    pub(crate) fn push_secret(&self, name: &Name) -> Option<Arc<Parsed<PushSecret>>> {
        self.lock().push_secrets.get(name)
    }

    /// What this process knows of the PushSecret with that uid.
    pub(crate) fn push_progress(&self, name: &Name, uid: &str) -> PushProgress {
        let known = self.lock().pushing.progress.get(name).filter(|known| known.uid == uid).cloned();
        known.unwrap_or_else(|| PushProgress { uid: uid.to_owned(), ..PushProgress::default() })
    }

    /// Keeps what is known from now on.
    pub(crate) fn set_push_progress(&self, name: &Name, progress: PushProgress) {
        let mut inner = self.lock();
        // Of one that is gone nothing is kept.
        if inner.push_secrets.get(name).is_some() {
            inner.pushing.progress.insert(name.clone(), progress);
        }
    }

    /// Whether somebody else may have written or deleted at one of its places since it last looked, so that it has to look
    /// again; a number that is another one once that is said anew.
    pub(crate) fn looks_again(&self, name: &Name) -> Option<u64> {
        self.lock().pushing.again.get(name).copied()
    }

    /// It has looked, and what was said until the look began is done with; what was said in the midst of it is not.
    pub(crate) fn looked_again(&self, name: &Name, said: Option<u64>) {
        let mut inner = self.lock();
        if inner.pushing.again.get(name).copied() == said {
            inner.pushing.again.remove(name);
        }
    }

    /// The stores that a PushSecret of that namespace may mean, those of the cluster among them.
    pub(crate) fn store_views(&self, namespace: &str) -> Vec<StoreView> {
        let inner = self.lock();
        let own = inner.stores.iter().filter(|(name, _)| name.namespace == namespace);
        let own = own.map(|(name, store)| view(StoreKind::SecretStore, &name.name, store));
        let cluster = inner.cluster_stores.iter();
        own.chain(cluster.map(|(name, store)| view(StoreKind::ClusterSecretStore, &name.name, store)))
            .collect()
    }

    /// Takes places for a PushSecret; answers those that an older one has, and whose. Younger ones that lose one look
    /// again.
    pub(crate) fn claim(
        &self,
        name: &Name,
        created: &str,
        wanted: &BTreeSet<Target>,
    ) -> Vec<(Target, Owner)> {
        let mut inner = self.lock();
        if !inner.is_there(name, created) {
            return Vec::new();
        }
        let claimed = inner.pushing.claims.claim(&owner(name), created, wanted);
        inner.push_again(claimed.winners);
        if claimed.taken.is_empty() {
            inner.pushing.waiting.remove(name);
        } else {
            inner.pushing.waiting.insert(name.clone());
        }
        for (namespace, loser) in claimed.losers {
            let loser = Object::PushSecret(Name::new(namespace, loser));
            inner.queue.push(loser, Class::Fresh, Instant::now());
        }
        drop(inner);
        self.wake.notify_one();
        claimed.taken
    }

    /// A PushSecret has these places and no others: who waits for one that it gave up looks again.
    pub(crate) fn keep_places(&self, name: &Name, created: &str, targets: BTreeSet<Target>) {
        let mut inner = self.lock();
        if !inner.is_there(name, created) {
            return;
        }
        if inner.pushing.claims.set(&owner(name), created, targets) {
            inner.wake_waiting();
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// Whether an older PushSecret has one of its places by now.
    pub(crate) fn loses_a_place(&self, name: &Name) -> bool {
        self.lock().pushing.claims.loses(&owner(name))
    }

    /// Something was deleted there: whoever has that place by now looks again.
    pub(crate) fn deleted_at(&self, name: &Name, target: &Target) {
        let mut inner = self.lock();
        let others = inner.pushing.claims.others(&owner(name), target).into_iter().cloned().collect();
        inner.push_again(others);
        drop(inner);
        self.wake.notify_one();
    }

    /// Whether another PushSecret has something there.
    pub(crate) fn is_anothers(&self, name: &Name, target: &Target) -> bool {
        !self.lock().pushing.claims.others(&owner(name), target).is_empty()
    }
}

impl Inner {
    /// Whether a PushSecret is still the one that was made then: one that is gone has no places.
    fn is_there(&self, name: &Name, created_then: &str) -> bool {
        self.push_secrets.get(name).is_some_and(|known| created(meta_of(&known)) == created_then)
    }

    fn push_again(&mut self, owners: BTreeSet<Owner>) {
        for (namespace, name) in owners {
            let name = Name::new(namespace, name);
            // One that is at its first look has no progress yet.
            *self.pushing.again.entry(name.clone()).or_default() += 1;
            self.queue.push(Object::PushSecret(name), Class::Fresh, Instant::now());
        }
    }

    /// What the objects say was pushed: this process begins to work, and remembers nothing.
    pub(super) fn claim_what_was_pushed(&mut self) {
        let known: Vec<_> =
            self.push_secrets.iter().map(|(name, parsed)| (name.clone(), parsed.clone())).collect();
        for (name, parsed) in known {
            let Ok(ps) = parsed.as_ref() else { continue };
            let Some(status) = &ps.status else { continue };
            let targets =
                targets_of(status, |kind, store| Object::store(kind, &name.namespace, store).to_string());
            self.pushing.claims.set(&owner(&name), &created(&ps.metadata), targets);
        }
    }

    fn wake_waiting(&mut self) {
        for name in self.pushing.waiting.clone() {
            self.queue.push(Object::PushSecret(name), Class::Fresh, Instant::now());
        }
    }

    /// A store changed, or began or ceased to work.
    pub(super) fn wake_pushers_to(&mut self, store: &Object) {
        if matches!(store, Object::ClusterSecretStore(_)) {
            // Perhaps its class.
            self.wake_all_push_spreaders();
        }
        let (kind, namespace, store_name) = match store {
            Object::SecretStore(name) => (StoreKind::SecretStore, Some(&name.namespace), &name.name),
            Object::ClusterSecretStore(name) => (StoreKind::ClusterSecretStore, None, name),
            _ => return,
        };
        let view = self.store(store).map(|found| view(kind, store_name, &found));
        let means = |ps: &PushSecret| {
            ps.spec.secret_store_refs.iter().any(|reference| match (&reference.label_selector, &view) {
                (Some(_), Some(view)) => !chosen(reference, std::slice::from_ref(view)).is_empty(),
                // One that is gone may have been meant.
                (Some(_), None) => reference.kind == kind,
                (None, _) => reference.kind == kind && reference.name.as_ref() == Some(store_name),
            })
        };
        self.wake_pushers(namespace.map(String::as_str), means);
    }

    /// A store has other labels than before: wakes those that choose by them, and mean it now or meant it before.
    pub(super) fn wake_pushers_by_labels(&mut self, store: &Object, before: BTreeMap<String, String>) {
        let Some(found) = self.store(store) else { return };
        let (kind, namespace) = match store {
            Object::SecretStore(name) => (StoreKind::SecretStore, Some(name.namespace.as_str())),
            Object::ClusterSecretStore(_) => (StoreKind::ClusterSecretStore, None),
            _ => return,
        };
        let after = view(kind, store.name(), &found);
        let before = StoreView { labels: before, ..after.clone() };
        self.wake_pushers(namespace, |ps| means_otherwise(&ps.spec, &before, &after));
    }

    /// A Secret changed: wakes those that select it by its labels. (Those that read it are in the index.)
    pub(super) fn wake_pushers_of(&mut self, secret: &ObjectMeta) {
        let namespace = secret.namespace.as_deref().unwrap_or_default();
        let labels = secret.labels.clone().unwrap_or_default();
        self.wake_pushers(Some(namespace), |ps| {
            let selector = ps.spec.selector.secret.as_ref().and_then(|secret| secret.selector.as_ref());
            selector.is_some_and(|selector| selects(selector, &labels))
        });
    }

    /// Wakes those of a namespace, or of all, that are meant.
    fn wake_pushers(&mut self, namespace: Option<&str>, meant: impl Fn(&PushSecret) -> bool) {
        let pushers: Vec<Name> = self
            .push_secrets
            .iter()
            .filter(|(name, _)| namespace.is_none_or(|namespace| namespace == name.namespace))
            .filter(|(_, parsed)| parsed.as_ref().as_ref().is_ok_and(&meant))
            .map(|(name, _)| name.clone())
            .collect();
        for name in pushers {
            self.queue.push(Object::PushSecret(name), Class::Fresh, Instant::now());
        }
    }
}

/// When an object was made: times of Kubernetes sort as texts.
pub(crate) fn created(meta: &ObjectMeta) -> String {
    meta.creation_timestamp.as_ref().map(|time| time.0.to_string()).unwrap_or_default()
}

fn owner(name: &Name) -> Owner {
    (name.namespace.clone(), name.name.clone())
}

fn view(kind: StoreKind, name: &str, store: &Store) -> StoreView {
    StoreView { kind, name: name.to_owned(), labels: store.metadata.labels.clone().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_core::push::Place;
    use serde_json::json;

    use super::*;
    use crate::metrics::Metrics;

    fn name(own: &str) -> Name {
        Name::new("ns", own)
    }

    fn object(own: &str) -> DeserializeGuard<PushSecret> {
        serde_json::from_value(json!({
            "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
            "metadata": {"namespace": "ns", "name": own, "uid": own, "generation": 1},
            "spec": {"secretStoreRefs": [{"name": "s"}], "selector": {"secret": {"name": "source"}}},
        }))
        .unwrap()
    }

    fn target() -> Target {
        let place = Place { key: "k".to_owned(), property: String::new() };
        Target { store: "SecretStore ns/s".to_owned(), place }
    }

    /// Two, of which `a` has the place; both were looked at when they came.
    fn two() -> State {
        let state = State::new(Arc::new(Metrics::default()));
        state.begin_work();
        for own in ["a", "b"] {
            state.push_secret_event(Event::Apply(object(own)));
        }
        assert_eq!(popped(&state), ["PushSecret ns/a", "PushSecret ns/b"]);
        assert_eq!(state.claim(&name("a"), "", &BTreeSet::from([target()])), []);
        state
    }

    fn popped(state: &State) -> Vec<String> {
        std::iter::from_fn(|| state.pop(usize::MAX))
            .map(|(object, _)| {
                state.done(&object, None);
                object.to_string()
            })
            .collect()
    }

    #[test]
    fn what_is_said_in_the_midst_of_a_look_outlives_it() {
        let state = two();
        let a = name("a");
        state.set_push_progress(&a, state.push_progress(&a, "a"));
        // A look begins: it has a copy of what is known.
        let (copy, said) = (state.push_progress(&a, "a"), state.looks_again(&a));
        assert_eq!(said, None);
        state.deleted_at(&name("b"), &target());
        state.set_push_progress(&a, copy);
        state.looked_again(&a, said);
        assert_eq!(popped(&state), ["PushSecret ns/a"]);
        // The next one knows of it; and once more while it looks.
        let said = state.looks_again(&a);
        assert!(said.is_some());
        state.deleted_at(&name("b"), &target());
        state.looked_again(&a, said);
        let said = state.looks_again(&a);
        assert!(said.is_some());
        state.looked_again(&a, said);
        assert_eq!(state.looks_again(&a), None);
    }

    #[test]
    fn who_looks_for_the_first_time_is_told_as_well() {
        let state = two();
        state.deleted_at(&name("b"), &target());
        assert!(state.looks_again(&name("a")).is_some(), "nothing else was known of it yet");
        assert_eq!(state.looks_again(&name("b")), None, "it was its own deletion");
        state.push_secret_event(Event::Delete(object("a")));
        assert_eq!(state.looks_again(&name("a")), None, "of one that is gone nothing is kept");
    }

    #[test]
    fn an_older_one_that_gets_a_place_is_told_who_may_have_written_there() {
        let state = two();
        // Of two that were made at one time `a` counts as the older; both have the place.
        state.keep_places(&name("b"), "", BTreeSet::from([target()]));
        assert_eq!(state.claim(&name("b"), "", &BTreeSet::from([target()])).len(), 1);
        assert!(state.looks_again(&name("a")).is_some());
    }
}
