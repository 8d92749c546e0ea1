//! What the watches bring when it is not what is known: who is woken, and what is believed.
#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use claviger_crds::push_secret::PushSecret;
use serde_json::{Value, json};

use super::*;
use crate::metrics::Metrics;
use crate::state::Verdict;

fn popped(state: &State) -> Vec<String> {
    std::iter::from_fn(|| state.pop(usize::MAX))
        .map(|(object, _)| {
            state.done(&object, None);
            object.to_string()
        })
        .collect()
}

fn target() -> Name {
    Name::new("ns", "shared")
}

fn secret(uid: &str, version: &str) -> ManagedSecret {
    let metadata = json!({"namespace": "ns", "name": "shared", "uid": uid, "resourceVersion": version});
    serde_json::from_value(json!({"metadata": metadata})).unwrap()
}

/// Two ExternalSecrets that write one Secret.
fn sharing() -> State {
    let state = State::new(Arc::new(Metrics::default()));
    state.begin_work();
    for name in ["a", "b"] {
        let object = json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"namespace": "ns", "name": name, "uid": name, "generation": 1},
            "spec": {"secretStoreRef": {"name": "s"}, "target": {"name": "shared"}},
        });
        let object: DeserializeGuard<ExternalSecret> = serde_json::from_value(object).unwrap();
        state.external_secret_event(Event::Apply(object));
    }
    assert_eq!(popped(&state), BOTH);
    state
}

const BOTH: [&str; 2] = ["ExternalSecret ns/a", "ExternalSecret ns/b"];
const NOBODY: [&str; 0] = [];

fn version(state: &State) -> Option<String> {
    state.managed(&target())?.metadata.resource_version.clone()
}

#[test]
fn a_watch_that_is_behind_our_own_writes_changes_nothing() {
    let state = sharing();
    // `a` and `b` write, one after the other, before the watch shows either.
    state.wrote(secret("u", "10"), None);
    state.wrote(secret("u", "11"), Some("10"));
    for shown in ["10", "11"] {
        state.managed_event(Event::Apply(secret("u", shown)));
        assert_eq!((version(&state).as_deref(), popped(&state)), (Some("11"), Vec::new()), "{shown}");
    }
    // Somebody else's, later; another object; and a list after etcd was restored.
    for (event, shown) in [
        (Event::Apply(secret("u", "12")), "12"),
        (Event::Apply(secret("another", "9")), "9"),
        (Event::InitApply(secret("another", "3")), "3"),
    ] {
        state.managed_event(event);
        assert_eq!(version(&state).as_deref(), Some(shown));
        assert_eq!(popped(&state), BOTH, "{shown}");
    }
}

#[test]
fn what_lies_before_our_own_write_and_was_not_seen_wakes_the_writers() {
    let state = sharing();
    state.managed_event(Event::Apply(secret("u", "9")));
    assert_eq!(popped(&state), BOTH);
    // Somebody else wrote version 10; `b` read that from the API server, and wrote over it.
    state.wrote(secret("u", "11"), Some("10"));
    assert_eq!(popped(&state), BOTH);
    state.managed_event(Event::Apply(secret("u", "10")));
    assert_eq!((version(&state).as_deref(), popped(&state)), (Some("11"), Vec::new()));
    state.wrote(secret("u", "13"), Some("11"));
    assert_eq!(popped(&state), NOBODY, "nothing lies between");
}

#[test]
fn a_deletion_takes_nothing_that_was_made_since() {
    let state = sharing();
    state.managed_event(Event::Apply(secret("first", "10")));
    // The watch was faster than the answer to our deletion.
    state.managed_event(Event::Delete(secret("first", "11")));
    state.managed_event(Event::Apply(secret("second", "12")));
    state.deleted(&target(), "first");
    assert_eq!(version(&state).as_deref(), Some("12"));
    state.deleted(&target(), "second");
    assert_eq!(version(&state), None);
}

#[test]
fn who_chooses_stores_by_labels_is_woken_by_labels_alone() {
    let red = |kind: &str| json!({"kind": kind, "labelSelector": {"matchLabels": {"team": "red"}}});
    let named = |kind: &str| json!({"kind": kind, "name": "s"});
    let (own, cluster) = ("SecretStore", "ClusterSecretStore");
    let state = State::new(Arc::new(Metrics::default()));
    state.begin_work();
    let push = |namespace: &str, name: &str, refs: Value, data_to: Value| {
        let object = json!({
            "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
            "metadata": {"namespace": namespace, "name": name, "uid": name, "generation": 1},
            "spec": {"secretStoreRefs": [refs], "selector": {"secret": {"name": "source"}}, "dataTo": data_to},
        });
        let object: DeserializeGuard<PushSecret> = serde_json::from_value(object).unwrap();
        state.push_secret_event(Event::Apply(object));
    };
    push("ns", "bulk", named(own), json!([{"storeRef": red(own)}]));
    push("ns", "listed", red(own), json!([]));
    push("ns", "named", named(own), json!([{"storeRef": named(own)}]));
    push("ns", "of-cluster", red(cluster), json!([]));
    push("other", "listed", red(own), json!([]));
    push("other", "of-cluster", named(cluster), json!([{"storeRef": red(cluster)}]));
    // A store that works, with those labels; its generation never moves.
    let shown = |kind: &str, labels: &Value, listed: bool| {
        let mut object = json!({
            "apiVersion": "external-secrets.io/v1", "kind": kind,
            "metadata": {"name": "s", "uid": "s", "generation": 1, "labels": labels},
            "spec": {"provider": {"fake": {"data": []}}},
        });
        let store = if kind == own {
            object["metadata"]["namespace"] = json!("ns");
            let object: DeserializeGuard<SecretStore> = serde_json::from_value(object).unwrap();
            state.store_event(if listed { Event::InitApply(object) } else { Event::Apply(object) });
            Object::SecretStore(Name::new("ns", "s"))
        } else {
            let object: DeserializeGuard<ClusterSecretStore> = serde_json::from_value(object).unwrap();
            state.cluster_store_event(if listed { Event::InitApply(object) } else { Event::Apply(object) });
            Object::ClusterSecretStore("s".to_owned())
        };
        let verdict = Verdict { generation: 1, ready: true, text: (String::new(), String::new()) };
        state.set_verdict(&store, verdict);
    };
    shown(own, &json!(null), false);
    shown(cluster, &json!(null), false);
    popped(&state);
    for (kind, woken) in [
        (own, ["PushSecret ns/bulk", "PushSecret ns/listed"]),
        (cluster, ["PushSecret ns/of-cluster", "PushSecret other/of-cluster"]),
    ] {
        // It comes to have the label, loses it, and has it again in a list.
        shown(kind, &json!({"team": "red"}), false);
        assert_eq!(popped(&state), woken, "{kind}");
        shown(kind, &json!({"team": "red", "chart": "2"}), false);
        assert_eq!(popped(&state), NOBODY, "{kind}: nobody asks for that label");
        shown(kind, &json!({}), false);
        assert_eq!(popped(&state), woken, "{kind}");
        shown(kind, &json!({"team": "red"}), true);
        assert_eq!(popped(&state), woken, "{kind}");
    }
}
