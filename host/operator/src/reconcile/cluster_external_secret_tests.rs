//! Against a simulated API server: a watch that is behind, refusals, and what is left of one that is gone.
#![allow(clippy::unwrap_used)]

use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::reconcile::sim::Api;

const MAKER: &str = "/apis/external-secrets.io/v1/clusterexternalsecrets/shared";

fn child(namespace: &str) -> String {
    format!("/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets/shared")
}

fn patch(namespace: &str) -> String {
    format!("PATCH {}", child(namespace))
}

fn ces(generation: u64, extra: Value) -> Value {
    let mut spec = json!({
        "externalSecretSpec": {"secretStoreRef": {"name": "s"}, "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]},
        "namespaceSelectors": [{"matchLabels": {"for": "it"}}],
    });
    spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret",
        "metadata": {"name": "shared", "uid": "maker", "generation": generation}, "spec": spec,
    })
}

/// A cluster and a reconciler, whose watches show what a test lets them.
struct Bench {
    api: Api,
    context: Arc<Context>,
}

impl Bench {
    /// With these namespaces, which are meant.
    fn new(namespaces: &[&str]) -> Self {
        let api = Api::default();
        let bench = Self { context: api.context(), api };
        bench.maker(ces(1, json!({})));
        for namespace in namespaces {
            bench.label(namespace, "it");
            bench.show_namespace(namespace);
        }
        bench
    }

    /// Is there, and shown.
    fn maker(&self, ces: Value) {
        let ces = self.api.put(MAKER, ces);
        let event = Event::Apply(serde_json::from_value(ces).unwrap());
        self.context.state.cluster_external_secret_event(event);
    }

    fn label(&self, namespace: &str, label: &str) {
        let metadata = json!({"name": namespace, "labels": {"for": label}});
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        self.api.put(&format!("/api/v1/namespaces/{namespace}"), object);
    }

    fn show_namespace(&self, namespace: &str) {
        let live = self.api.get(&format!("/api/v1/namespaces/{namespace}")).unwrap();
        let live: PartialObjectMeta<_> = serde_json::from_value(live).unwrap();
        self.context.state.namespace_event(Event::Apply(live));
    }

    /// The watch shows what is there.
    fn show(&self, namespace: &str) {
        let live = self.api.get(&child(namespace)).unwrap();
        self.context.state.external_secret_event(Event::Apply(serde_json::from_value(live).unwrap()));
    }

    /// The watch shows that this one is gone.
    fn show_gone(&self, object: Value) {
        let object: DeserializeGuard<ExternalSecret> = serde_json::from_value(object).unwrap();
        self.context.state.external_secret_event(Event::Delete(object));
    }

    /// What it wrote, and in how many milliseconds it looks again after what did not go well.
    async fn look(&self) -> (Vec<String>, Option<u128>) {
        self.api.writes();
        let next = reconcile(&self.context, "shared").await;
        let retry = next.filter(|(class, _)| *class == Class::Retry);
        let wait = retry.map(|(_, at)| at.saturating_duration_since(Instant::now()).as_millis());
        let writes = self.api.writes();
        (writes.into_iter().filter(|write| !write.contains("/status")).collect(), wait)
    }

    fn status(&self) -> Value {
        let parsed = self.context.state.cluster_external_secret("shared").unwrap();
        json!(parsed.as_ref().as_ref().unwrap().status)
    }
}

#[tokio::test]
async fn what_no_watch_has_shown_yet_is_not_made_twice_nor_taken_over() {
    let bench = Bench::new(&["a", "b"]);
    assert_eq!(bench.look().await, (vec![patch("a"), patch("b")], None));
    assert_eq!(bench.look().await, (vec![], None), "its own writes are known at once");
    // A process that has just begun: the API server knows more than its watch.
    let later = Bench { context: bench.api.context(), api: bench.api.clone() };
    later.maker(ces(1, json!({})));
    for namespace in ["a", "b", "c"] {
        later.label(namespace, "it");
        later.show_namespace(namespace);
    }
    let foreign = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "shared", "namespace": "c"}, "spec": {}});
    later.api.put(&child("c"), foreign.clone());
    let (writes, wait) = later.look().await;
    assert_eq!(writes, Vec::<String>::new());
    assert!(wait.is_some_and(|wait| wait > 100), "it looks again when the watch has caught up: {wait:?}");
    assert_eq!(later.status()["failedNamespaces"][0]["namespace"], "c");
    assert_eq!(later.api.get(&child("c")).unwrap()["spec"], foreign["spec"]);
    for namespace in ["a", "b", "c"] {
        later.show(namespace);
    }
    assert_eq!(later.look().await, (vec![], None));
}

#[tokio::test]
async fn nothing_is_deleted_because_a_watch_is_behind() {
    let bench = Bench::new(&["a", "b"]);
    bench.look().await;
    // It was labelled otherwise and back again; the watch shows the first only.
    bench.label("a", "another");
    bench.show_namespace("a");
    bench.label("a", "it");
    let (writes, wait) = bench.look().await;
    assert_eq!((writes, wait.is_some()), (vec![], true));
    assert!(bench.api.get(&child("a")).is_some());
    // The ClusterExternalSecret is another by now.
    bench.label("a", "another");
    bench.api.put(MAKER, ces(2, json!({"namespaces": ["a"]})));
    assert_eq!(bench.look().await.0, Vec::<String>::new());
    bench.maker(ces(3, json!({})));
    // It was deleted and made anew by somebody: another object, which is not ours to delete.
    let old = bench.api.get(&child("a")).unwrap();
    let mut theirs = old.clone();
    theirs["metadata"]["uid"] = json!("theirs");
    bench.api.put(&child("a"), theirs);
    bench.look().await;
    assert_eq!(bench.api.get(&child("a")).unwrap()["metadata"]["uid"], "theirs");
    // What is shown as it is goes.
    bench.api.put(&child("a"), old);
    bench.show("a");
    assert_eq!(bench.look().await.0, [format!("DELETE {}", child("a"))]);
    assert!(bench.api.get(&child("b")).is_some());
}

#[tokio::test]
async fn what_was_deleted_meanwhile_is_made_again_when_that_is_known() {
    let bench = Bench::new(&["a"]);
    bench.look().await;
    let made = bench.api.get(&child("a")).unwrap();
    bench.api.remove(&child("a"));
    // It is to be written over, and is not there any more: that would make what nobody has looked at.
    bench.maker(ces(2, json!({"externalSecretMetadata": {"labels": {"app": "x"}}})));
    let (writes, wait) = bench.look().await;
    assert_eq!((writes, bench.api.get(&child("a"))), (vec![patch("a")], None));
    assert!(wait.is_some_and(|wait| wait < 1000), "{wait:?}");
    bench.show_gone(made);
    assert_eq!(bench.look().await, (vec![patch("a")], None));
    assert_eq!(bench.api.get(&child("a")).unwrap()["metadata"]["labels"], json!({"app": "x"}));
}

/// As RBAC refuses it, or a quota.
#[tokio::test]
async fn one_namespace_that_is_refused_holds_up_no_other_and_is_asked_less_and_less() {
    let bench = Bench::new(&["a", "b", "c"]);
    bench.api.refuse(|method, path| (method == "PATCH" && path == child("b")).then_some(403));
    let (writes, first) = bench.look().await;
    assert_eq!(writes, [patch("a"), patch("b"), patch("c")]);
    let status = bench.status();
    assert_eq!(status["provisionedNamespaces"], json!(["a", "c"]));
    assert_eq!(status["failedNamespaces"][0]["namespace"], "b");
    let reason = status["failedNamespaces"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("403") || reason.contains("Forbidden"), "{reason}");
    let mut waits = vec![first.unwrap()];
    for _ in 0..5 {
        let (writes, wait) = bench.look().await;
        assert_eq!(writes, [patch("b")], "the others are not asked again");
        waits.push(wait.unwrap());
    }
    // Doubled each time, within a fifth.
    for (n, wait) in waits.iter().enumerate() {
        let expected = 1000 << n;
        assert!((expected * 4 / 5 - 100..=expected * 6 / 5).contains(wait), "{waits:?}");
    }
    // Others come and are served, and this one when it may.
    bench.label("d", "it");
    bench.show_namespace("d");
    let (writes, wait) = bench.look().await;
    assert_eq!(writes, [patch("b"), patch("d")]);
    assert!(wait.is_some_and(|wait| wait > 60_000), "now at its interval, an hour: {wait:?}");
    bench.api.refuse(|_, _| None);
    assert_eq!(bench.look().await, (vec![patch("b")], None));
    assert_eq!(bench.status()["provisionedNamespaces"], json!(["a", "b", "c", "d"]));
}

#[tokio::test]
async fn the_failures_of_one_that_is_gone_are_not_its_successors() {
    let bench = Bench::new(&["a"]);
    bench.api.refuse(|method, path| (method == "PATCH" && path == child("a")).then_some(403));
    for _ in 0..4 {
        bench.look().await;
    }
    assert!(bench.look().await.1.is_some_and(|wait| wait > 5_000));
    let gone = bench.api.get(MAKER).unwrap();
    let event = Event::Delete(serde_json::from_value(gone).unwrap());
    bench.context.state.cluster_external_secret_event(event);
    assert!(reconcile(&bench.context, "shared").await.is_none());
    bench.maker(ces(1, json!({})));
    let wait = bench.look().await.1;
    assert!(wait.is_some_and(|wait| wait < 2_000), "{wait:?}");
}

/// ESO gave it a label by update, which an apply does not take off.
#[tokio::test]
async fn what_eso_gave_goes_when_it_is_wanted_no_more() {
    let bench = Bench::new(&["a"]);
    bench.look().await;
    let mut object = bench.api.get(&child("a")).unwrap();
    object["metadata"]["labels"] = json!({"team/old": "x", "app": "x", "theirs": "x"});
    object["metadata"]["annotations"] = json!({"note": "x"});
    let fields = |part: &str, key: &str| json!({"f:metadata": {part: {format!("f:{key}"): {}}}});
    let mut both = fields("f:labels", "team/old");
    both["f:metadata"]["f:labels"]["f:app"] = json!({});
    object["metadata"]["managedFields"] = json!([
        {"manager": "external-secrets", "operation": "Update", "fieldsV1": both},
        {"manager": "external-secrets", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields("f:annotations", "note")},
        {"manager": "kubectl", "operation": "Update", "fieldsV1": fields("f:labels", "theirs")},
    ]);
    bench.api.put(&child("a"), object);
    bench.show("a");
    bench.maker(ces(2, json!({"externalSecretMetadata": {"labels": {"app": "x"}}})));
    assert_eq!(bench.look().await, (vec![patch("a"), patch("a")], None));
    let metadata = bench.api.get(&child("a")).unwrap()["metadata"].clone();
    assert_eq!(metadata["labels"], json!({"app": "x", "theirs": "x"}));
    assert_eq!(metadata["annotations"], json!({}));
}
