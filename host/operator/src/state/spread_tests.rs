//! Who is woken by what, and what is known of what concerns whom.
#![allow(clippy::unwrap_used)]
use claviger_core::names::{ESO_MANAGER, SPREAD_FIELD_MANAGER};
use claviger_core::spread::Given;
use claviger_crds::external_secret::ExternalSecret;
use serde_json::json;

use super::*;
use crate::metrics::Metrics;
use crate::state::is_newer;

fn ces(name: &str, selector: &str) -> DeserializeGuard<ClusterExternalSecret> {
    serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret",
        "metadata": {"name": name, "uid": name, "generation": 1},
        "spec": {"externalSecretSpec": {}, "namespaceSelectors": [{"matchLabels": {"for": selector}}]},
    }))
    .unwrap()
}

fn namespace(name: &str, label: &str) -> PartialObjectMeta<Namespace> {
    serde_json::from_value(json!({"metadata": {"name": name, "labels": {"for": label}}})).unwrap()
}

#[test]
fn a_later_version_is_newer() {
    let meta =
        |version: &str| ObjectMeta { resource_version: Some(version.to_owned()), ..ObjectMeta::default() };
    for (object, known, newer) in [("10", "9", true), ("9", "10", false), ("9", "9", false), ("x", "9", true)]
    {
        assert_eq!(is_newer(&meta(object), &meta(known)), newer, "{object} after {known}");
    }
    assert!(is_newer(&ObjectMeta::default(), &meta("9")));
}

fn popped(state: &State) -> Vec<String> {
    std::iter::from_fn(|| state.pop(usize::MAX))
        .map(|(object, _)| {
            state.done(&object, None);
            object.to_string()
        })
        .collect()
}

fn woken(state: &State) -> Vec<String> {
    let all = popped(state).into_iter();
    all.filter_map(|object| Some(object.strip_prefix("ClusterExternalSecret ")?.to_owned())).collect()
}

fn two() -> State {
    let state = State::new(Arc::new(Metrics::default()));
    state.begin_work();
    for name in ["a", "b"] {
        state.cluster_external_secret_event(Event::Apply(ces(name, name)));
    }
    assert_eq!(woken(&state), ["a", "b"]);
    state
}

#[test]
fn a_namespace_wakes_who_means_it_now_or_meant_it_before() {
    let state = two();
    state.namespace_event(Event::Apply(namespace("ns", "a")));
    assert_eq!(woken(&state), ["a"]);
    state.namespace_event(Event::Apply(namespace("ns", "a")));
    assert_eq!(woken(&state), Vec::<String>::new(), "nothing changed");
    state.namespace_event(Event::Apply(namespace("ns", "b")));
    assert_eq!(woken(&state), ["a", "b"]);
    state.namespace_event(Event::Apply(namespace("ns", "c")));
    assert_eq!(woken(&state), ["b"]);
    state.namespace_event(Event::Apply(namespace("ns", "b")));
    assert_eq!(woken(&state), ["b"]);
    let mut going = namespace("ns", "b");
    going.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    state.namespace_event(Event::Apply(going.clone()));
    assert_eq!(woken(&state), ["b"], "it goes");
    state.namespace_event(Event::Delete(going));
    assert_eq!(woken(&state), ["b"], "it is gone");
}

#[test]
fn a_list_wakes_all_for_what_it_shows_no_more() {
    let state = two();
    state.namespace_event(Event::Init);
    state.namespace_event(Event::InitDone);
    assert_eq!(woken(&state), ["a", "b"]);
    state.external_secret_event(Event::Init);
    state.external_secret_event(Event::InitDone);
    assert_eq!(woken(&state), ["a", "b"]);
}

#[test]
fn a_child_wakes_who_made_it_and_who_is_in_its_way() {
    let state = two();
    let es = |name: &str, owner: Option<&str>, generation: u64| -> ExternalSecret {
        let owners: Vec<_> = owner
            .iter()
            .map(|name| {
                json!({"apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret", "name": name,
                    "uid": name, "controller": true})
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": "ns", "uid": "u", "generation": generation,
                "resourceVersion": (10 + generation).to_string(), "ownerReferences": owners,
                "managedFields": [
                    {"manager": SPREAD_FIELD_MANAGER, "operation": "Apply", "fieldsV1":
                        {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:data": {}}}},
                    {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:x": {}}}}},
                ]},
            "spec": {},
        }))
        .unwrap()
    };
    let event = |es| state.external_secret_event(Event::Apply(DeserializeGuard(Ok(es))));
    event(es("a", Some("b"), 1));
    assert_eq!(woken(&state), ["a", "b"], "by its name and by its owner");
    event(es("a", Some("b"), 1));
    assert_eq!(woken(&state), Vec::<String>::new(), "nothing but a status, perhaps");
    event(es("other", Some("b"), 1));
    assert_eq!(woken(&state), ["b"]);
    event(es("other", None, 1));
    assert_eq!(woken(&state), ["b"], "its owner was taken off");
    event(es("third", None, 1));
    assert_eq!(woken(&state), Vec::<String>::new());
    let concerned = state.concerned("b", "b", "third");
    let children = concerned.children();
    let found: Vec<_> = children.keys().map(|(_, name)| name.as_str()).collect();
    assert_eq!(found, ["a"], "no namespace is meant where the third is");
    state.namespace_event(Event::Apply(namespace("ns", "b")));
    assert_eq!(woken(&state), ["b"]);
    let in_its_way = state.concerned("b", "b", "third");
    assert_eq!(
        in_its_way.children().keys().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
        ["a", "third"]
    );
    let given = &children[&("ns".to_owned(), "a".to_owned())].given;
    assert_eq!(*given, Given { labels: BTreeSet::from(["app".to_owned()]), ..Given::default() });

    state.write_child("ns", "a").done(es("a", Some("b"), 3));
    assert_eq!(woken(&state), ["a", "b"], "our own write is known at once");
    event(es("a", Some("b"), 3));
    state.write_child("ns", "a").done(es("a", Some("b"), 2));
    assert_eq!(woken(&state), Vec::<String>::new(), "the watch had shown something newer");

    // It was written, and deleted before the answer was heard; the watch was quicker.
    let write = state.write_child("ns", "a");
    state.external_secret_event(Event::Delete(DeserializeGuard(Ok(es("a", Some("b"), 4)))));
    write.done(es("a", Some("b"), 4));
    assert!(state.external_secret(&Name::new("ns", "a")).is_none(), "no ghost");
    assert!(!state.concerned("b", "b", "x").children().contains_key(&("ns".to_owned(), "a".to_owned())));
    // A list that does not have it counts too; an earlier one, and a write that came to nothing, do not.
    event(es("a", Some("b"), 5));
    let write = state.write_child("ns", "a");
    for event in [Event::Init, Event::InitDone] {
        state.external_secret_event(event);
    }
    write.done(es("a", Some("b"), 6));
    assert!(state.external_secret(&Name::new("ns", "a")).is_none(), "nor one of a list");
    drop(state.write_child("ns", "a"));
    state.write_child("ns", "a").done(es("a", Some("b"), 7));
    assert!(state.external_secret(&Name::new("ns", "a")).is_some());
}

/// What ESO's ClusterExternalSecret gave is known as given, so that it goes when it is wanted no more.
#[test]
fn what_eso_gave_is_given() {
    let entry = |manager: &str, operation: &str, subresource: &str, label: &str| {
        json!({"manager": manager, "operation": operation, "subresource": subresource, "fieldsV1": {
            "f:metadata": {"f:labels": {format!("f:{label}"): {}}, "f:finalizers": {".": {}}}, "f:spec": {"f:data": {}}}})
    };
    let mut meta: ObjectMeta = serde_json::from_value(json!({"managedFields": [
        entry(SPREAD_FIELD_MANAGER, "Apply", "", "ours"),
        entry(ESO_MANAGER, "Update", "", "esos"),
        entry(ESO_MANAGER, "Update", "status", "of-the-status"),
        entry("kubectl", "Update", "", "theirs"),
    ]}))
    .unwrap();
    let expected = BTreeSet::from(["esos".to_owned(), "ours".to_owned()]);
    assert_eq!(super::super::children::given(&meta).labels, expected);
    super::super::children::keep_given(&mut meta);
    assert_eq!(super::super::children::given(&meta).labels, expected);
    let kept = serde_json::to_string(&meta).unwrap();
    assert!(!kept.contains("f:spec") && !kept.contains("f:finalizers"), "{kept}");
}

/// Ten thousand namespaces with an ExternalSecret each, of which one ClusterExternalSecret means three and another all.
#[test]
fn a_look_goes_through_what_concerns_it() {
    const MANY: usize = 10_000;
    let state = State::new(Arc::new(Metrics::default()));
    let event = |object: serde_json::Value| {
        let object: DeserializeGuard<ExternalSecret> = serde_json::from_value(object).unwrap();
        state.external_secret_event(Event::Apply(object));
    };
    state.cluster_external_secret_event(Event::Apply(ces("few", "few")));
    for n in 0..MANY {
        let (name, few) = (format!("ns-{n:05}"), n < 3);
        state.namespace_event(Event::Apply(namespace(&name, if few { "few" } else { "all" })));
        let maker = if few { "few" } else { "all" };
        event(json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": maker, "namespace": name, "uid": name, "generation": 1, "resourceVersion": "9",
                "labels": {"app": "x"}, "ownerReferences": [{"apiVersion": "external-secrets.io/v1",
                "kind": "ClusterExternalSecret", "name": maker, "uid": maker, "controller": true}]},
            "spec": {"secretStoreRef": {"name": "s"}, "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]},
        }));
    }
    // One that comes after its namespaces.
    state.cluster_external_secret_event(Event::Apply(ces("all", "all")));
    let look = |name: &str| {
        let parsed = state.cluster_external_secret(name).unwrap();
        let ces = parsed.as_ref().as_ref().unwrap();
        let wanted = claviger_core::spread::wanted(ces);
        let started = Instant::now();
        let concerned = state.concerned(name, name, &wanted.name);
        let children = concerned.children();
        let spread = claviger_core::spread::decide(ces, &wanted, &concerned.namespaces, &children);
        let all = spread.delete.len() + spread.apply.len() + spread.in_order.len() + spread.failed.len();
        println!(
            "{name}: {} namespaces, {} ExternalSecrets, {:?}",
            concerned.namespaces.len(),
            children.len(),
            started.elapsed()
        );
        (concerned.namespaces.len(), children.len(), all)
    };
    assert_eq!(look("few"), (3, 3, 3));
    assert_eq!(look("all"), (MANY - 3, MANY - 3, MANY - 3));
    // What comes and goes is followed.
    state.namespace_event(Event::Apply(namespace("ns-00000", "all")));
    assert_eq!(look("few"), (3, 3, 3), "it has something there still");
    state.external_secret_event(Event::Init);
    state.external_secret_event(Event::InitDone);
    assert_eq!((look("few"), look("all")), ((2, 0, 2), (MANY - 2, 0, MANY - 2)));
    state.namespace_event(Event::Delete(namespace("ns-00001", "few")));
    state.cluster_external_secret_event(Event::Apply(ces("all", "none")));
    assert_eq!(look("few"), (1, 0, 1));
    let mut other = ces("all", "none");
    if let Ok(other) = &mut other.0 {
        other.metadata.generation = Some(2);
    }
    state.cluster_external_secret_event(Event::Apply(other));
    assert_eq!(look("all"), (0, 0, 0));
}
