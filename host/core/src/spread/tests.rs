//! Which namespaces get what, and what of it goes again.
#![allow(clippy::unwrap_used)]

use claviger_crds::cluster_external_secret::ClusterExternalSecretStatus;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

fn ces(spec: Value) -> ClusterExternalSecret {
    let mut full = json!({
        "externalSecretSpec": {"secretStoreRef": {"name": "vault"}, "dataFrom": [{"extract": {"key": "k"}}]},
    });
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret",
        "metadata": {"name": "shared", "uid": "uid-of-ces"}, "spec": full,
    }))
    .unwrap()
}

fn namespaces(list: &[(&str, &[(&str, &str)])]) -> BTreeMap<String, Arc<NamespaceView>> {
    let labels = |labels: &[(&str, &str)]| {
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    list.iter()
        .map(|(name, all)| {
            ((*name).to_owned(), Arc::new(NamespaceView { labels: labels(all), terminating: false }))
        })
        .collect()
}

/// The child that a first look makes.
fn made(ces: &ClusterExternalSecret) -> Child<'static> {
    let wanted = wanted(ces);
    Child {
        uid: "uid-of-child".to_owned(),
        resource_version: "7".to_owned(),
        controller: Some("uid-of-ces".to_owned()),
        given: Given {
            labels: wanted.labels.keys().cloned().collect(),
            annotations: wanted.annotations.keys().cloned().collect(),
        },
        labels: Cow::Owned(wanted.labels),
        annotations: Cow::Owned(wanted.annotations),
        spec: Some(Cow::Owned(wanted.spec)),
        deleting: false,
    }
}

fn at<'a>(namespace: &str, name: &str, child: Child<'a>) -> BTreeMap<(String, String), Child<'a>> {
    BTreeMap::from([((namespace.to_owned(), name.to_owned()), child)])
}

fn look(
    ces: &ClusterExternalSecret,
    namespaces: &BTreeMap<String, Arc<NamespaceView>>,
    children: &BTreeMap<(String, String), Child<'_>>,
) -> Spread {
    decide(ces, &wanted(ces), namespaces, children)
}

#[test]
fn selectors_and_names_are_alternatives() {
    let all = namespaces(&[
        ("blue", &[("team", "blue"), ("env", "prod")]),
        ("red", &[("team", "red")]),
        ("plain", &[]),
    ]);
    let label = |key: &str, value: &str| json!({"matchLabels": {key: value}});
    for (spec, expected) in [
        (json!({}), vec![]),
        (json!({"namespaceSelector": {}}), vec!["blue", "plain", "red"]),
        (json!({"namespaceSelector": label("team", "red")}), vec!["red"]),
        (json!({"namespaceSelectors": [label("team", "blue"), label("team", "red")]}), vec!["blue", "red"]),
        (json!({"namespaceSelectors": [{"matchLabels": {"team": "blue", "env": "test"}}]}), vec![]),
        (
            json!({"namespaceSelectors": [{"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}]}),
            vec!["plain"],
        ),
        (
            json!({"namespaces": ["plain", "absent"], "namespaceSelector": label("team", "red")}),
            vec!["plain", "red"],
        ),
    ] {
        let spread = look(&ces(spec.clone()), &all, &BTreeMap::new());
        let found: Vec<_> = spread.apply.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, expected, "{spec}");
        assert!(spread.apply.iter().all(|(_, seen)| seen.is_none()), "{spec}: nothing was there");
    }
}

#[test]
fn what_is_no_selector_selects_nothing() {
    let selector = |expression: Value| json!({"namespaceSelectors": [{"matchExpressions": [expression]}]});
    for (spec, expected) in [
        (json!({}), Ok(Duration::from_secs(3600))),
        (json!({"refreshTime": "90s"}), Ok(Duration::from_secs(90))),
        (json!({"refreshTime": "0"}), Ok(Duration::from_secs(3600))),
        (json!({"refreshTime": "1ms"}), Ok(Duration::from_secs(1))),
        (json!({"refreshTime": "1ns"}), Ok(Duration::from_secs(1))),
        (json!({"refreshTime": "1500ms"}), Ok(Duration::from_millis(1500))),
        (json!({"refreshTime": "-1s"}), Err("spec.refreshTime")),
        (json!({"refreshTime": "soon"}), Err("spec.refreshTime")),
        (
            selector(json!({"key": "a", "operator": "in", "values": ["b"]})),
            Err("spec.namespaceSelectors[0]: \"in\""),
        ),
        (selector(json!({"key": "a", "operator": "In"})), Err("needs values")),
        (selector(json!({"key": "a", "operator": "Exists", "values": ["b"]})), Err("takes no values")),
        (
            json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": ""}]}}),
            Err("spec.namespaceSelector: "),
        ),
    ] {
        match (check(&ces(spec.clone()).spec), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{spec}"),
            (Err(found), Err(word)) => assert!(found.contains(word), "{spec}: {found}"),
            (found, expected) => panic!("{spec}: {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn what_it_made_is_left_alone_until_it_differs() {
    let ces = ces(json!({
        "namespaceSelector": {},
        "externalSecretMetadata": {"labels": {"app": "x"}, "annotations": {"note": "y"}},
    }));
    let all = namespaces(&[("ns", &[])]);
    let look = |child: &Child<'_>| look(&ces, &all, &at("ns", "shared", child.clone()));
    let fine = made(&ces);
    let seen = Seen { uid: "uid-of-child".to_owned(), resource_version: "7".to_owned() };
    assert_eq!(
        look(&fine),
        Spread { in_order: BTreeSet::from(["ns".to_owned()]), ..Spread::default() },
        "planning on its own result plans nothing"
    );
    let mut others = fine.clone();
    others.labels.to_mut().insert("argocd.argoproj.io/instance".to_owned(), "z".to_owned());
    assert_eq!(look(&others), look(&fine), "others' labels are theirs");
    let mut spec = fine.clone();
    spec.spec.as_mut().unwrap().to_mut().refresh_interval = "5m".to_owned();
    let mut label = fine.clone();
    label.labels.to_mut().insert("app".to_owned(), "edited".to_owned());
    let mut annotation = fine.clone();
    annotation.annotations.to_mut().clear();
    let mut left = fine.clone();
    left.labels.to_mut().insert("gone".to_owned(), "x".to_owned());
    left.given.labels.insert("gone".to_owned());
    let unreadable = Child { spec: None, ..fine.clone() };
    for child in [spec, label, annotation, left, unreadable] {
        let expected = Spread { apply: vec![("ns".to_owned(), Some(seen.clone()))], ..Spread::default() };
        assert_eq!(look(&child), expected, "{child:?}");
    }
}

#[test]
fn what_is_wanted_no_more_goes_and_what_is_others_stays() {
    let all = namespaces(&[("in", &[("a", "b")]), ("out", &[])]);
    let one = ces(json!({"namespaceSelectors": [{"matchLabels": {"a": "b"}}]}));
    let child = made(&one);
    let foreign = Child { controller: Some("another".to_owned()), ..child.clone() };
    let nobodys = Child { controller: None, ..child.clone() };
    let deleting = Child { deleting: true, ..child.clone() };
    let key = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
    let deleted = |namespace: &str, name: &str| {
        let spread = look(&one, &all, &at(namespace, name, child.clone()));
        spread.delete.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(deleted("out", "shared"), [key("out", "shared")], "the label is gone");
    assert_eq!(deleted("in", "before"), [key("in", "before")], "it has another name now");
    assert_eq!(deleted("in", "shared"), []);
    for other in [&foreign, &nobodys] {
        assert_eq!(look(&one, &all, &at("out", "shared", other.clone())).delete, []);
        let spread = look(&one, &all, &at("in", "shared", other.clone()));
        assert_eq!(spread.failed["in"], "external secret already exists in namespace");
        assert_eq!((spread.apply, spread.delete), (vec![], vec![]));
    }
    assert_eq!(look(&one, &all, &at("out", "shared", deleting.clone())).delete, [], "it goes already");
    assert!(look(&one, &all, &at("in", "shared", deleting)).failed["in"].contains("being deleted"));
}

#[test]
fn a_namespace_that_goes_is_left_alone() {
    let one = ces(json!({"namespaces": ["ns"]}));
    let mut all = namespaces(&[("ns", &[])]);
    Arc::get_mut(all.get_mut("ns").unwrap()).unwrap().terminating = true;
    for children in [BTreeMap::new(), at("ns", "shared", made(&one)), at("ns", "before", made(&one))] {
        assert_eq!(look(&one, &all, &children), Spread::default());
    }
    assert_eq!(
        look(&one, &BTreeMap::new(), &at("ns", "before", made(&one))),
        Spread::default(),
        "it is gone"
    );
}

#[test]
fn force_sync_is_passed_on_and_taken_off() {
    let mut one = ces(json!({
        "externalSecretName": "child",
        "externalSecretMetadata": {"annotations": {"a": "b", ANNOTATION_FORCE_SYNC: "of the template"}},
    }));
    let annotations = |ces: &ClusterExternalSecret| wanted(ces).annotations.into_iter().collect::<Vec<_>>();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(annotations(&one), [pair("a", "b")]);
    one.metadata.annotations =
        Some(BTreeMap::from([pair(ANNOTATION_FORCE_SYNC, "1"), pair("kubectl.kubernetes.io/x", "no")]));
    assert_eq!(annotations(&one), [pair("a", "b"), pair(ANNOTATION_FORCE_SYNC, "1")]);
    assert_eq!(wanted(&one).name, "child");
}

#[test]
fn the_status_is_esos_and_bounded() {
    let now = |second| Timestamp::from_second(second).unwrap();
    let names = |count: usize| (0..count).map(|n| format!("ns-{n:04}")).collect::<BTreeSet<_>>();
    let fine = status(None, "child", &names(2), &BTreeMap::new(), now(100));
    assert_eq!(
        json!(fine),
        json!({
            "externalSecretName": "child", "provisionedNamespaces": ["ns-0000", "ns-0001"],
            "conditions": [{"type": "Ready", "status": "True", "reason": "NamespacesProvisioned",
                "message": "every namespace has its ExternalSecret", "lastTransitionTime": "1970-01-01T00:01:40Z"}],
        })
    );
    assert_eq!(status(Some(&fine), "child", &names(2), &BTreeMap::new(), now(200)), fine, "nothing new");
    let failed = names(5_000).into_iter().map(|name| (name, "ä".repeat(4_000))).collect();
    let many = status(Some(&fine), "child", &names(3), &failed, now(200));
    assert_eq!(many.failed_namespaces.len(), 100);
    assert_eq!(
        many.conditions[0].message.as_deref(),
        Some("one or more namespaces failed: 5000 of 5003, of which 100 are listed")
    );
    assert!(serde_json::to_string(&many).unwrap().len() < 100_000);
}

#[test]
fn as_many_namespaces_are_listed_as_an_object_has_room_for() {
    let now = Timestamp::from_second(100).unwrap();
    let long = |count: usize| (0..count).map(|n| format!("{n:063}")).collect::<BTreeSet<_>>();
    let said = |status: &ClusterExternalSecretStatus| status.conditions[0].message.clone().unwrap();
    let most = status(None, "child", &long(7_943), &BTreeMap::new(), now);
    assert_eq!(most.provisioned_namespaces.len(), 7_943, "as ESO, all");
    assert_eq!(said(&most), "every namespace has its ExternalSecret");
    let more = status(None, "child", &long(20_000), &BTreeMap::new(), now);
    assert_eq!(more.provisioned_namespaces.len(), 7_943);
    assert_eq!(
        said(&more),
        "every namespace has its ExternalSecret; of 20000 that have theirs 7943 are listed"
    );
    assert!(serde_json::to_string(&more).unwrap().len() < 600_000);
    let one = BTreeMap::from([("z".to_owned(), "no".to_owned())]);
    let failed = status(None, "child", &long(20_000), &one, now);
    assert_eq!(
        said(&failed),
        "one or more namespaces failed: 1 of 20001; of 20000 that have theirs 7943 are listed"
    );
    // And then nothing is written while nothing changes.
    assert_eq!(status(Some(&more), "child", &long(20_000), &BTreeMap::new(), now), more);
}
