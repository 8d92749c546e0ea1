//! What changes in the shared state when this process begins to work, and when it ceases to.
//!
//! A process that stands by sees everything and keeps it, but remembers no work: what is due is found out from the
//! objects themselves when it begins, for whoever worked before has left it there. So its queue stays empty but for
//! Plugins, which it loads like one that works, to be able to begin at once.

use std::time::Instant;

use claviger_core::scheduler::Class;

use super::State;
use super::leases::Leases;
use super::push::Pushing;
use crate::watch::Object;
use crate::watch::cache::Name;

impl State {
    /// The next object that is due and may begin, where there are so many workers.
    pub(crate) fn pop(&self, workers: usize) -> Option<(Object, Class)> {
        let mut inner = self.lock();
        let now = Instant::now();
        loop {
            let (object, class) = inner.queue.pop(now, workers)?;
            if inner.working || matches!(object, Object::Plugin(_)) {
                return Some((object, class));
            }
            inner.queue.done(&object, None);
            // Its deletion, which nobody else would come to know of.
            match &object {
                Object::ExternalSecret(name) if inner.external_secrets.get(name).is_none() => {
                    inner.progress.remove(name);
                }
                Object::ClusterExternalSecret(name) => {
                    let name = Name::new("", name.as_str());
                    if inner.cluster_external_secrets.get(&name).is_none() {
                        inner.progress.remove(&name);
                    }
                }
                _ => {}
            }
        }
    }

    /// This process works from now on: everything is looked at once, in the order and company of an operator's
    /// start. That asks a provider only for what is due.
    pub(crate) fn begin_work(&self) {
        let mut inner = self.lock();
        inner.working = true;
        inner.claim_what_was_pushed();
        let now = Instant::now();
        // What it is, is in place; what its status says comes from who worked before.
        let plugins = inner.plugins.iter().map(|(name, _)| Object::Plugin(name.name.clone()));
        let stores: Vec<_> = inner.stores().map(|(store, _)| (store, Class::Fresh)).collect();
        let plugins: Vec<_> = plugins.map(|plugin| (plugin, Class::Refresh)).collect();
        let spreaders = inner.cluster_external_secrets.iter();
        let spreaders = spreaders.map(|(name, _)| Object::ClusterExternalSecret(name.name.clone()));
        let spreaders: Vec<_> = spreaders.map(|object| (object, Class::Fresh)).collect();
        let pushers = inner.push_secrets.iter().map(|(name, _)| Object::PushSecret(name.clone()));
        let spreaders_of_pushers = inner.cluster_push_secrets.iter();
        let spreaders_of_pushers =
            spreaders_of_pushers.map(|(name, _)| Object::ClusterPushSecret(name.name.clone()));
        let pushers: Vec<_> =
            pushers.chain(spreaders_of_pushers).map(|object| (object, Class::Fresh)).collect();
        for (object, class) in stores.into_iter().chain(plugins).chain(spreaders).chain(pushers) {
            inner.queue.push(object, class, now);
        }
        let names: Vec<_> = inner.external_secrets.iter().map(|(name, _)| name.clone()).collect();
        for name in names {
            let class = if inner.was_synced(&name) { Class::Refresh } else { Class::Fresh };
            inner.push_in_company(name, class, now);
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// This process works no more: its verdicts and counts of failures are of another time when it begins anew.
    /// (When it refreshed something is a fact, and stays.)
    pub(crate) fn end_work(&self) {
        let mut inner = self.lock();
        inner.working = false;
        inner.verdicts.clear();
        // Who works meanwhile renews, revokes and restarts.
        inner.leases = Leases::default();
        inner.rollouts.clear();
        // They say so themselves.
        inner.unwritten.clear();
        inner.unread.clear();
        inner.store_failures.clear();
        inner.untold_stores.clear();
        // Who works meanwhile pushes, and says so in the objects.
        inner.pushing = Pushing::default();
        for progress in inner.progress.values_mut() {
            progress.failures = 0;
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

    use super::*;
    use crate::metrics::Metrics;

    fn seen(state: &State, name: &str) {
        let object = serde_json::json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"namespace": "ns", "name": name, "uid": name, "generation": 1},
            "spec": {"secretStoreRef": {"name": "store"}},
        });
        let object: DeserializeGuard<ExternalSecret> = serde_json::from_value(object).unwrap();
        state.external_secret_event(Event::Apply(object));
    }

    fn popped(state: &State) -> Vec<String> {
        std::iter::from_fn(|| state.pop(usize::MAX)).map(|(object, _)| object.to_string()).collect()
    }

    #[test]
    fn who_stands_by_keeps_no_work_and_misses_none() {
        let state = State::new(Arc::new(Metrics::default()));
        seen(&state, "a");
        state.push(Object::Plugin("vault".to_owned()), Class::Fresh);
        assert_eq!(popped(&state), ["Plugin vault"], "plugins only");
        assert!(state.next_due(usize::MAX).is_none(), "nothing is kept");

        state.begin_work();
        assert_eq!(popped(&state), ["ExternalSecret ns/a"]);
        seen(&state, "b");
        assert_eq!(popped(&state), ["ExternalSecret ns/b"]);

        // Both are in flight when the lease is lost, and end unfinished.
        state.end_work();
        let object = |name: &str| Object::ExternalSecret(Name::new("ns", name));
        state.done(&object("a"), None);
        state.done(&object("b"), Some((Class::Retry, Instant::now())));
        assert_eq!(popped(&state), Vec::<String>::new());
        state.begin_work();
        assert_eq!(popped(&state), ["ExternalSecret ns/a", "ExternalSecret ns/b"]);
    }
}
