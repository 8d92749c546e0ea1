//! Who is refreshed because somebody said that a provider has something new.
//!
//! It is kept in memory only, and by the process that works: what is not done when it ends is done at its interval.

use std::collections::BTreeMap;
use std::time::Instant;

use claviger_core::change::{self, Keys};
use claviger_core::refresh::heeds;
use claviger_core::scheduler::Class;

use serde_json::Value;

use super::{State, Verdict};
use crate::listen::Listened;
use crate::watch::Object;
use crate::watch::cache::Name;

impl State {
    /// Has everybody refreshed who reads one of the keys from the store, or anything without keys, with nothing older than
    /// `at`. Returns how many that are; who is refreshed only on change of its spec, or once, is not among them.
    pub(crate) fn ask(&self, store: &Object, keys: Option<&Keys>, at: Instant) -> usize {
        let users: Vec<_> = {
            let inner = self.lock();
            let users = inner.index.users(store).into_iter();
            users.filter_map(|name| Some((inner.external_secrets.get(&name)?, name))).collect()
        };
        // Without the lock: there may be ten thousand, each with many keys.
        let asked = users.into_iter().filter_map(|(parsed, name)| {
            let spec = &parsed.as_ref().as_ref().ok()?.spec;
            let is_it = |reference: &claviger_crds::external_secret::SecretStoreRef| {
                let kind = reference.kind.unwrap_or_default();
                let object = reference.name.as_deref().map(|own| Object::store(kind, &name.namespace, own));
                object.as_ref() == Some(store)
            };
            (heeds(spec) && change::reads(spec, is_it, keys)).then_some(name)
        });
        let asked: Vec<Name> = asked.collect();
        let mut inner = self.lock();
        let now = Instant::now();
        for name in &asked {
            // It may have gone meanwhile.
            if inner.external_secrets.get(name).is_none() {
                continue;
            }
            let asked = &mut inner.progress.entry(name.clone()).or_default().asked;
            // Who asked later may have been faster.
            *asked = (*asked).max(Some(at));
            inner.push_in_company(name.clone(), Class::Retry, now);
        }
        drop(inner);
        self.wake.notify_one();
        asked.len()
    }

    /// Stores with an object `events` in the block of their provider, that work as far as is known, and whose class is among
    /// those; with the name of the provider.
    pub(crate) fn with_events(
        &self,
        serves: impl Fn(Option<&str>) -> bool,
    ) -> BTreeMap<Object, (String, Listened)> {
        let inner = self.lock();
        let wanted = inner.stores().filter_map(|(object, store)| {
            let spec = store.spec.as_ref().ok()?;
            let (provider, config) = spec.provider.entry()?;
            let generation = store.metadata.generation.unwrap_or_default();
            let works = |verdict: &Verdict| verdict.ready && verdict.generation == generation;
            let listened = Listened { uid: store.metadata.uid.clone().unwrap_or_default(), generation };
            let wanted = config.get("events").is_some_and(Value::is_object)
                && store.metadata.deletion_timestamp.is_none()
                && serves(spec.controller.as_deref())
                && inner.verdicts.get(&object).is_some_and(works);
            wanted.then(|| (object, (provider.to_owned(), listened)))
        });
        wanted.collect()
    }

    /// What was asked for by then has been done; somebody may have asked again meanwhile.
    pub(crate) fn answered(&self, name: &Name, asked: Option<Instant>) {
        let mut inner = self.lock();
        if let Some(progress) = inner.progress.get_mut(name).filter(|progress| progress.asked == asked) {
            progress.asked = None;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use claviger_crds::external_secret::ExternalSecret;
    use kube::core::DeserializeGuard;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::metrics::Metrics;

    fn seen(state: &State, namespace: &str, name: &str, spec: &Value) {
        let object = json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"namespace": namespace, "name": name, "uid": name, "generation": 1}, "spec": spec,
        });
        let object: DeserializeGuard<ExternalSecret> = serde_json::from_value(object).unwrap();
        state.external_secret_event(Event::Apply(object));
    }

    fn reads(kind: &str, key: &str, policy: &str) -> Value {
        json!({"secretStoreRef": {"kind": kind, "name": "s"}, "refreshPolicy": policy,
               "data": [{"secretKey": "k", "remoteRef": {"key": key}}]})
    }

    #[test]
    fn who_reads_the_key_from_that_very_store_is_asked() {
        let state = State::new(Arc::new(Metrics::default()));
        seen(&state, "a", "own", &reads("SecretStore", "x", "Periodic"));
        seen(&state, "a", "other-key", &reads("SecretStore", "y", "Periodic"));
        seen(&state, "a", "once", &reads("SecretStore", "x", "CreatedOnce"));
        seen(&state, "a", "on-change", &reads("SecretStore", "x", "OnChange"));
        seen(&state, "a", "cluster", &reads("ClusterSecretStore", "x", "Periodic"));
        seen(&state, "b", "of-another-namespace", &reads("SecretStore", "x", "Periodic"));
        let own = Object::SecretStore(Name::new("a", "s"));
        let keys = Keys::new("fake", &json!({}), ["x"]);
        let asked = |state: &State| {
            let all = ["own", "other-key", "once", "on-change", "cluster"].map(|name| ("a", name));
            let all = all.into_iter().chain([("b", "of-another-namespace")]);
            let asked = all.filter(|(ns, name)| state.progress(&Name::new(*ns, *name)).asked.is_some());
            asked.map(|(_, name)| name).collect::<Vec<_>>()
        };
        let at = Instant::now();
        assert_eq!(state.ask(&own, Some(&keys), at), 1);
        assert_eq!(asked(&state), ["own"]);
        assert_eq!(state.ask(&own, None, at), 2);
        assert_eq!(asked(&state), ["own", "other-key"]);
        assert_eq!(state.ask(&Object::ClusterSecretStore("s".to_owned()), Some(&keys), at), 1);
        assert_eq!(state.ask(&Object::ClusterSecretStore("none".to_owned()), None, at), 0);

        // A word that comes while it is refreshed is not lost.
        let name = Name::new("a", "own");
        let later = Instant::now();
        state.ask(&own, Some(&keys), later);
        state.answered(&name, Some(at));
        assert_eq!(state.progress(&name).asked, Some(later));
        // Nor is one that somebody passes on who took longer than the next.
        state.ask(&own, Some(&keys), at);
        assert_eq!(state.progress(&name).asked, Some(later));
        state.answered(&name, Some(later));
        assert_eq!(state.progress(&name).asked, None);
        state.end_work();
        assert_eq!(asked(&state), Vec::<&str>::new(), "who works next has not heard of it");
    }
}
