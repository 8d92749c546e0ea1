//! Against a simulated API server: what makes a PushSecret look again that has nothing to do else.
#![allow(clippy::unwrap_used)]

use claviger_core::push::Place;
use claviger_crds::store::SecretStore;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::reconcile::sim::Api;
use crate::state::Verdict;

const SOURCE: &str = "/api/v1/namespaces/ns/secrets/source";

struct Bench {
    api: Api,
    context: Arc<Context>,
    name: Name,
}

impl Bench {
    /// A Secret, and a store that works.
    fn new() -> Self {
        let api = Api::default();
        api.put(SOURCE, json!({"metadata": {"name": "source", "namespace": "ns"}, "data": {"k": "dg=="}}));
        let bench = Self { context: api.context(), api, name: Name::new("ns", "app") };
        bench.store(&json!({}));
        bench
    }

    fn store(&self, labels: &Value) {
        let object: DeserializeGuard<SecretStore> = serde_json::from_value(json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"namespace": "ns", "name": "s", "uid": "s", "generation": 1, "labels": labels},
            "spec": {"provider": {"fake": {"data": []}}},
        }))
        .unwrap();
        self.context.state.store_event(Event::Apply(object));
        let verdict = Verdict { generation: 1, ready: true, text: (String::new(), String::new()) };
        self.context.state.set_verdict(&Object::SecretStore(Name::new("ns", "s")), verdict);
    }

    /// The PushSecret, with what is more in `spec`.
    fn push(&self, more: &Value) -> PushSecret {
        let mut spec =
            json!({"secretStoreRefs": [{"name": "s"}], "selector": {"secret": {"name": "source"}}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let object = json!({
            "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
            "metadata": {"namespace": "ns", "name": "app", "uid": "app", "generation": 1}, "spec": spec,
        });
        let guard = serde_json::from_value(object.clone()).unwrap();
        self.context.state.push_secret_event(Event::Apply(guard));
        serde_json::from_value(object).unwrap()
    }

    fn looks_again(&self) -> bool {
        self.context.state.looks_again(&self.name).is_some()
    }

    /// Another PushSecret deletes at one of its places.
    fn delete_there(&self) {
        let place = Place { key: "k".to_owned(), property: String::new() };
        let target = Target { store: "SecretStore ns/s".to_owned(), place };
        self.context.state.claim(&self.name, "", &BTreeSet::from([target.clone()]));
        self.context.state.deleted_at(&Name::new("ns", "other"), &target);
    }

    /// What it is made from.
    async fn stamp(&self, ps: &PushSecret) -> Option<String> {
        let stores = stores(&self.context, &self.name, ps);
        Look::new(&self.context, &self.name, ps, stores, Duration::ZERO).stamp().await.unwrap()
    }

    /// Looks; whether it found something to do.
    async fn look(&self) -> bool {
        let before = self.context.state.push_progress(&self.name, "app").last;
        reconcile(&self.context, &self.name).await;
        self.context.state.push_progress(&self.name, "app").last != before
    }
}

#[tokio::test]
async fn who_is_told_of_a_deletion_looks_until_a_look_ends_well() {
    let bench = Bench::new();
    bench.push(&json!({"refreshInterval": "0"}));
    assert!(bench.look().await);
    assert!(!bench.look().await, "it has no interval, and nothing changed");
    bench.delete_there();
    assert!(bench.look().await);
    assert!(!bench.looks_again());
    assert!(!bench.look().await, "once is enough");
    bench.delete_there();
    bench.api.refuse(|_, path| (path == SOURCE).then_some(500));
    assert!(!bench.look().await);
    assert!(bench.looks_again(), "nothing could be looked at");
}

/// Its Secret is gone, and all that was pushed: a look would only find that the Secret is not there.
#[tokio::test]
async fn who_has_nothing_anywhere_rests_whatever_it_is_told() {
    let bench = Bench::new();
    let ps = bench.push(&json!({"deletionPolicy": "Delete"}));
    bench.delete_there();
    let stores = stores(&bench.context, &bench.name, &ps);
    let mut look = Look::new(&bench.context, &bench.name, &ps, stores, Duration::from_secs(3_600));
    assert!(look.again.is_some());
    let condition = json!({"type": "Ready", "status": "False", "reason": DELETED});
    let status =
        json!({"syncedResourceVersion": look.version, "syncedSource": "", "conditions": [condition]});
    look.progress.status = serde_json::from_value(status).unwrap();
    assert_eq!(look.rests(None, Timestamp::now()), Some(None));
}

#[tokio::test]
async fn labels_of_a_store_are_another_source_where_they_choose() {
    let red = json!({"labelSelector": {"matchLabels": {"team": "red"}}});
    for (spec, chooses) in [
        (json!({"dataTo": [{"storeRef": {"name": "s"}}]}), false),
        (json!({"dataTo": [{"storeRef": red}]}), true),
        (json!({"dataTo": [{"storeRef": {"name": "s"}}, {"storeRef": red}]}), true),
        (json!({"secretStoreRefs": [red]}), true),
    ] {
        let bench = Bench::new();
        bench.store(&json!({"team": "red", "chart": "1"}));
        let ps = bench.push(&spec);
        let before = bench.stamp(&ps).await;
        assert!(before.is_some());
        bench.store(&json!({"team": "red", "chart": "2"}));
        assert_eq!(bench.stamp(&ps).await, before, "nobody asked for that label: {spec}");
        bench.store(&json!({"team": "blue"}));
        assert_eq!(bench.stamp(&ps).await != before, chooses, "{spec}");
    }
}
