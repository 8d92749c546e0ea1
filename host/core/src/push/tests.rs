//! What goes where, what a property does to a value, and who has a place.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use claviger_crds::push_secret::{DataTo, PushData, PushSecretSpec};
use serde_json::{Value, json};

use super::*;
use crate::push::place::{Claims, Owner, may_be_one};
use crate::secret::SecretBytes;

fn data(pairs: &[(&str, &[u8])]) -> Data {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Arc::new(SecretBytes::copied_from(value)))).collect()
}

fn text(bytes: &SecretBytes) -> String {
    String::from_utf8_lossy(bytes.expose()).into_owned()
}

/// Place and value of each entry.
fn made(spec: Value, data: &Data) -> Result<Vec<(String, String)>, String> {
    let explicit: Vec<PushData> = serde_json::from_value(spec["data"].clone()).unwrap_or_default();
    let many: Vec<DataTo> = serde_json::from_value(spec["dataTo"].clone()).unwrap_or_default();
    let (mut bulks, mut effort) = (Vec::new(), crate::shape::Effort::default());
    for (index, entry) in many.iter().enumerate() {
        let mut bulk = Bulk::new(index, entry, data, &mut effort)?;
        for (step, rewrite) in entry.rewrite.iter().enumerate() {
            match &rewrite.regexp {
                Some(regexp) => bulk.rewrite(step, regexp, &mut effort)?,
                None => bulk.rename(step, bulk.names().iter().map(|name| name.to_uppercase()).collect())?,
            }
        }
        hold(&mut bulks, bulk)?;
    }
    let entries = entries(&explicit, bulks, data)?;
    Ok(entries.into_iter().map(|entry| (recorded(&entry.recorded).0, text(&entry.value))).collect())
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(place, value)| ((*place).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn keys_go_where_they_are_sent() {
    let secret = data(&[("user", b"ann"), ("pass", b"\xff<&>"), ("db_U002f_host", b"h")]);
    // The whole as Go's encoder writes a map[string]string without escapes for HTML.
    let all = "{\"db_U002f_host\":\"h\",\"pass\":\"\\ufffd<&>\",\"user\":\"ann\"}";
    #[rustfmt::skip]
    let cases = [
        ("one key", json!({"data": [{"match": {"secretKey": "user", "remoteRef": {"remoteKey": "k"}}}]}), pairs(&[("k", "ann")])),
        ("a property", json!({"data": [{"match": {"secretKey": "user", "remoteRef": {"remoteKey": "k", "property": "p"}}}]}), pairs(&[("k/p", "ann")])),
        ("the whole", json!({"data": [{"match": {"remoteRef": {"remoteKey": "k"}}}]}), pairs(&[("k", all)])),
        ("what reads otherwise", json!({"data": [{"match": {"secretKey": "db/host", "remoteRef": {"remoteKey": "k"}}, "conversionStrategy": "ReverseUnicode"}]}), pairs(&[("k", "h")])),
        ("all", json!({"dataTo": [{"match": {"regexp": "^(user|pass)$"}, "rewrite": [{"regexp": {"source": "^", "target": "app/"}}]}]}), pairs(&[("app/pass", "\u{fffd}<&>"), ("app/user", "ann")])),
        ("rendered names", json!({"dataTo": [{"match": {"regexp": "user"}, "rewrite": [{"transform": {"template": "{{ .value | upper }}"}}]}]}), pairs(&[("USER", "ann")])),
        ("a bundle", json!({"dataTo": [{"remoteKey": "b", "match": {"regexp": "user|host"}, "conversionStrategy": "ReverseUnicode"}]}), pairs(&[("b", "{\"db/host\":\"h\",\"user\":\"ann\"}")])),
        ("nothing matches", json!({"dataTo": [{"remoteKey": "b", "match": {"regexp": "nothing"}}]}), pairs(&[])),
        ("a key of its own wins", json!({"dataTo": [{"match": {"regexp": "user"}}], "data": [{"match": {"secretKey": "user", "remoteRef": {"remoteKey": "k"}}}]}), pairs(&[("k", "ann")])),
        ("the whole stands in no bundle's way", json!({"dataTo": [{"remoteKey": "b", "match": {"regexp": "user"}}], "data": [{"match": {"remoteRef": {"remoteKey": "k"}}}]}), pairs(&[("b", "{\"user\":\"ann\"}"), ("k", all)])),
    ];
    for (what, spec, expected) in cases {
        let found = made(spec, &secret).unwrap();
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let secret = data(&[("user", b"ann"), ("pass", b"x")]);
    #[rustfmt::skip]
    let cases = [
        (json!({"data": [{"match": {"secretKey": "nope", "remoteRef": {"remoteKey": "k"}}}]}), "secret key nope does not exist: correct match.secretKey"),
        (json!({"data": [{"match": {"secretKey": "user", "remoteRef": {"remoteKey": "k"}}}, {"match": {"secretKey": "pass", "remoteRef": {"remoteKey": "k"}}}]}), "both map to the same destination"),
        (json!({"dataTo": [{"match": {"regexp": "user"}}, {"match": {"regexp": "user"}}]}), "duplicate remote key \"user\" (conflicts with dataTo[0])"),
        (json!({"dataTo": [{"rewrite": [{"regexp": {"source": ".*", "target": "one"}}]}]}), "duplicate remote key \"one\""),
        (json!({"dataTo": [{"rewrite": [{"regexp": {"source": ".*", "target": ""}}], "match": {"regexp": "user"}}]}), "empty remote key"),
        (json!({"dataTo": [{"remoteKey": "b", "rewrite": [{"regexp": {"source": "a", "target": "b"}}]}]}), "mutually exclusive"),
        (json!({"dataTo": [{"match": {"regexp": "(?=x)"}}]}), "is not a regular expression"),
    ];
    for (spec, expected) in cases {
        let why = made(spec.clone(), &secret).unwrap_err();
        assert!(why.contains(expected), "{spec}: {why}");
    }
    let two = data(&[("a_U0062_", b"1"), ("ab", b"2")]);
    assert!(reverse_keys(claviger_crds::push_secret::PushConversion::ReverseUnicode, &two).is_err());
}

/// Printed by ESO's `ReverseKey`.
#[test]
fn unicode_is_turned_back() {
    let conversion = claviger_crds::push_secret::PushConversion::ReverseUnicode;
    for (key, expected) in [
        ("a_U002f_b", "a/b"),
        ("_U1f600_", "😀"),
        ("_U002F__U0024_", "/$"),
        ("_U12_", "_U12_"),
        ("_Ud800_", "\u{fffd}"),
    ] {
        let turned = reverse_keys(conversion, &data(&[(key, b"v")])).unwrap();
        assert_eq!(turned.keys().next().unwrap(), expected, "{key}");
    }
}

#[test]
fn a_property_is_set_where_it_is_read() {
    #[rustfmt::skip]
    let cases = [
        (None, "p", Way::Path, r#"{"p":"v"}"#),
        (None, "a.b", Way::Path, r#"{"a":{"b":"v"}}"#),
        (None, "a.b", Way::Literal, r#"{"a.b":"v"}"#),
        (Some(r#"{"z": 1.0, "p" :"old", "a":[ 1 ]}"#), "p", Way::Path, r#"{"z":1.0,"p":"v","a":[ 1 ]}"#),
        (Some(""), "p", Way::Path, r#"{"p":"v"}"#),
        (Some(r#"{"user@x":1}"#), "user@x", Way::Literal, r#"{"user@x":"v"}"#),
    ];
    for (there, property, way, expected) in cases {
        let made = set(there.map(str::as_bytes), property, way, b"v").unwrap().unwrap();
        assert_eq!(text(&made), expected, "{there:?} {property}");
        assert!(
            set(Some(made.expose()), property, way, b"v").unwrap().is_none(),
            "the same again is nothing"
        );
    }
    let refused = |there: &str, property: &str| set(Some(there.as_bytes()), property, Way::Path, b"v").err();
    // sjson replaces a plain value, which is somebody's.
    assert_eq!(refused("a text", "p"), Some(PropertyError::NotAnObject));
    assert_eq!(refused("12", "p"), Some(PropertyError::NotAnObject));
    // Blanks of other languages are none of JSON's: what readers refuse is not taken for what is there.
    for other in ["\u{c}{\"p\":\"v\"}", "{\"p\":\"v\"}\u{a0}", "\u{a0}"] {
        assert_eq!(refused(other, "p"), Some(PropertyError::NotAnObject), "{other:?}");
    }
    assert_eq!(refused(" \t\r\n{\"p\":\"v\"}\n", "p"), None);
    assert_eq!(refused("{}", "user@example.com"), Some(PropertyError::BadPath));
    assert_eq!(refused(r#"{"a":[1]}"#, "a.-1"), Some(PropertyError::InList), "each push would add one");
    assert_eq!(refused("{}", "a.999999999"), Some(PropertyError::TooLong));
    assert_eq!(refused("{}", &"a.".repeat(200)), Some(PropertyError::TooLong));
}

#[test]
fn a_removed_property_takes_nothing_else_along() {
    let left = |there: &str, property: &str, way| match remove(there.as_bytes(), property, way).unwrap() {
        Removed::Nothing => "nothing".to_owned(),
        Removed::Empty => "empty".to_owned(),
        Removed::Left(left) => text(&left),
    };
    #[rustfmt::skip]
    let cases = [
        (r#"{"a":1,"b":2}"#, "a", Way::Path, r#"{"b":2}"#),
        (r#"{"a":1}"#, "a", Way::Path, "empty"),
        (r#"{"a":{"b":1}}"#, "a.b", Way::Path, "empty"),
        (r#"{"a":{"b":1},"c":{ "d":2}}"#, "a.b", Way::Path, r#"{"c":{ "d":2}}"#),
        (r#"{"a":[1,2,3]}"#, "a.1", Way::Path, r#"{"a":[1,null,3]}"#),
        (r#"{"a":[1,2]}"#, "a.1", Way::Path, r#"{"a":[1]}"#),
        (r#"{"a":1}"#, "b", Way::Path, "nothing"),
        (r#"{"a":{"b":1},"a.b":2}"#, "a.b", Way::Literal, r#"{"a":{"b":1}}"#),
        ("", "a", Way::Path, "nothing"),
    ];
    for (there, property, way, expected) in cases {
        assert_eq!(left(there, property, way), expected, "{there} without {property}");
    }
    assert!(remove(b"a text", "p", Way::Path).is_err());
}

fn target(store: &str, key: &str, property: &str) -> Target {
    Target { store: store.to_owned(), place: Place { key: key.to_owned(), property: property.to_owned() } }
}

fn owner(name: &str) -> Owner {
    ("ns".to_owned(), name.to_owned())
}

#[test]
fn whole_and_part_overlap() {
    for (one, other, expected) in [
        ("", "", true),
        ("", "p", true),
        ("p", "p", true),
        ("p", "q", false),
        ("a", "a.b", true),
        ("a", "ab", false),
    ] {
        let (one, other) = (target("s", "k", one).place, target("s", "k", other).place);
        assert_eq!((one.overlaps(&other), other.overlaps(&one)), (expected, expected), "{one} {other}");
    }
    assert!(!target("s", "k", "").place.overlaps(&target("s", "l", "").place));
}

#[test]
fn the_older_one_has_the_place() {
    let mut claims = Claims::default();
    let wanted = |keys: &[&str]| keys.iter().map(|key| target("s", key, "")).collect::<BTreeSet<_>>();
    let got = claims.claim(&owner("young"), "2024-02-01T00:00:00Z", &wanted(&["a", "b"]));
    assert!(got.taken.is_empty() && got.losers.is_empty());
    // An older one that comes later takes it over, and the younger is told.
    let got = claims.claim(&owner("old"), "2024-01-01T00:00:00Z", &wanted(&["b", "c"]));
    assert!(got.taken.is_empty());
    assert_eq!(got.losers, BTreeSet::from([owner("young")]));
    assert!(claims.loses(&owner("young")) && !claims.loses(&owner("old")));
    let got = claims.claim(&owner("young"), "2024-02-01T00:00:00Z", &wanted(&["a", "b"]));
    assert_eq!(got.taken, [(target("s", "b", ""), owner("old"))]);
    assert_eq!(got.winners, BTreeSet::from([owner("old")]), "the younger may be writing there just now");
    let got = claims.claim(&owner("young"), "2024-02-01T00:00:00Z", &wanted(&["a", "b"]));
    assert!(got.winners.is_empty(), "it had nothing there any more");
    assert!(claims.others(&owner("old"), &target("s", "b", "p")).is_empty(), "the younger has lost it");
    assert_eq!(
        claims.others(&owner("young"), &target("s", "b", "p")),
        [&owner("old")],
        "a part of what is another's"
    );
    assert!(claims.others(&owner("young"), &target("other", "b", "")).is_empty());
    // Of the same second, the name decides.
    let got = claims.claim(&owner("a"), "2024-01-01T00:00:00Z", &wanted(&["c"]));
    assert!(got.taken.is_empty(), "a before old");
    assert!(!claims.set(&owner("a"), "2024-01-01T00:00:00Z", wanted(&["c", "d"])), "it gave nothing up");
    assert!(claims.set(&owner("a"), "2024-01-01T00:00:00Z", wanted(&["d"])));
    claims.remove(&owner("old"));
    let got = claims.claim(&owner("young"), "2024-02-01T00:00:00Z", &wanted(&["b"]));
    assert!(got.taken.is_empty(), "it is free again");
}

#[test]
fn one_key_may_be_spelt_in_several_ways() {
    for (one, other, expected) in [
        (("a", "db"), ("b", "db"), true),
        (("a", "db"), ("a", "/db"), true),
        (("a", "db"), ("a", "secret/db"), true),
        (("a", "projects/p/secrets/db"), ("a", "db"), true),
        (("a", "db"), ("a", "db"), false),
        (("a", "db"), ("a", "mydb"), false),
        (("a", "db/one"), ("a", "db"), false),
        (("a", "db"), ("b", "other"), false),
    ] {
        let place = |(store, key): (&str, &str)| target(store, key, "");
        assert_eq!(may_be_one(&place(one), &place(other)), expected, "{one:?} {other:?}");
        assert_eq!(may_be_one(&place(other), &place(one)), expected, "{other:?} {one:?}");
    }
}

#[test]
fn names_do_not_grow_without_end() {
    let secret = data(&[("abcdefgh", b"v")]);
    let doubled = json!({"regexp": {"source": "^(.*)$", "target": "$1$1"}});
    let rewrites = |count: usize| json!({"dataTo": [{"rewrite": vec![doubled.clone(); count]}]});
    assert_eq!(made(rewrites(8), &secret).unwrap()[0].0.len(), 2_048);
    assert!(made(rewrites(9), &secret).unwrap_err().contains("more than 2048 bytes"));
    assert!(made(rewrites(60), &secret).is_err());
    let target = json!({"regexp": {"source": "a", "target": "$0".repeat(1_025)}});
    assert!(made(json!({"dataTo": [{"rewrite": [target]}]}), &secret).unwrap_err().contains("target"));
}

#[test]
fn stores_by_name_and_by_labels() {
    let store = |kind, name: &str, team: &str| StoreView {
        kind,
        name: name.to_owned(),
        labels: std::collections::BTreeMap::from([("team".to_owned(), team.to_owned())]),
    };
    use claviger_crds::external_secret::StoreKind::{ClusterSecretStore, SecretStore};
    let stores = [
        store(SecretStore, "a", "red"),
        store(SecretStore, "b", "blue"),
        store(ClusterSecretStore, "c", "red"),
    ];
    let names = |reference: Value| {
        let found = chosen(&serde_json::from_value(reference).unwrap(), &stores);
        found.into_iter().map(|(kind, name)| store_key(kind, &name)).collect::<Vec<_>>()
    };
    let red = json!({"matchLabels": {"team": "red"}});
    assert_eq!(names(json!({"name": "x"})), ["SecretStore/x"], "whether it is there is asked later");
    assert_eq!(names(json!({"labelSelector": red})), ["SecretStore/a"]);
    assert_eq!(names(json!({"labelSelector": red, "kind": "ClusterSecretStore"})), ["ClusterSecretStore/c"]);

    let spec = |data_to: Value| -> PushSecretSpec {
        let spec = json!({"secretStoreRefs": [{"name": "a"}], "selector": {"secret": {"name": "s"}}, "dataTo": [data_to]});
        serde_json::from_value(spec).unwrap()
    };
    let listed = &stores[..1];
    for (data_to, why) in [
        (json!({"storeRef": {"name": "a"}}), None),
        (json!({"storeRef": {"labelSelector": red}}), None),
        (json!({"storeRef": {"name": "b"}}), Some("dataTo[0]: storeRef \"b\" not found in secretStoreRefs")),
        (
            json!({"storeRef": {"name": "a", "kind": "ClusterSecretStore"}}),
            Some("dataTo[0]: storeRef \"a\" not found in secretStoreRefs"),
        ),
        (
            json!({"storeRef": {"labelSelector": {"matchLabels": {"team": "x"}}}}),
            Some("dataTo[0]: labelSelector does not match any store in secretStoreRefs"),
        ),
        (json!({}), Some("dataTo[0]: storeRef is required")),
    ] {
        assert_eq!(check_bulk(&spec(data_to.clone()), listed).err().as_deref(), why, "{data_to}");
    }
    let bad = json!({"matchExpressions": [{"key": "k", "operator": "Near"}]});
    assert!(check_selectors(&spec(json!({"storeRef": {"labelSelector": bad}}))).is_err());
}

#[test]
fn a_store_with_other_labels_is_another_to_those_who_choose_by_them() {
    use claviger_crds::external_secret::StoreKind::SecretStore;
    let store = |team: &str| StoreView {
        kind: SecretStore,
        name: "a".to_owned(),
        labels: std::collections::BTreeMap::from([("team".to_owned(), team.to_owned())]),
    };
    let red = json!({"labelSelector": {"matchLabels": {"team": "red"}}});
    let red_of_cluster =
        json!({"kind": "ClusterSecretStore", "labelSelector": {"matchLabels": {"team": "red"}}});
    let both = json!({"name": "a", "labelSelector": {"matchLabels": {"team": "red"}}});
    // (secretStoreRefs, the storeRef of dataTo, entries that mean it red by its labels, whether blue is otherwise)
    let cases = [
        (json!([{"name": "a"}]), json!({"name": "a"}), vec![], false),
        (json!([{"name": "a"}]), red.clone(), vec![0], true),
        (json!([{"name": "a"}]), red_of_cluster.clone(), vec![], false),
        // A name is looked at first there, and a labelSelector in the list.
        (json!([{"name": "a"}]), both.clone(), vec![], false),
        (json!([both]), json!({"name": "a"}), vec![], true),
        (json!([red]), json!({"name": "a"}), vec![], true),
        (json!([red_of_cluster]), json!({"name": "a"}), vec![], false),
    ];
    for (refs, store_ref, by_labels, otherwise) in cases {
        let spec: PushSecretSpec = serde_json::from_value(json!({
            "secretStoreRefs": refs, "selector": {"secret": {"name": "s"}}, "dataTo": [{"storeRef": store_ref}],
        }))
        .unwrap();
        assert_eq!(meant_by_labels(&spec, &store("red")), by_labels, "{refs} {store_ref}");
        for (before, after, differs) in
            [("red", "blue", otherwise), ("blue", "red", otherwise), ("blue", "green", false)]
        {
            let found = means_otherwise(&spec, &store(before), &store(after));
            assert_eq!(found, differs, "{before} {after} {refs} {store_ref}");
        }
    }
}

#[test]
fn tokens_of_the_cluster_are_not_pushed() {
    for (type_, allowed) in [
        (None, true),
        (Some("Opaque"), true),
        (Some("kubernetes.io/tls"), true),
        (Some("kubernetes.io/service-account-token"), false),
        (Some("bootstrap.kubernetes.io/token"), false),
    ] {
        assert_eq!(check_type(type_).is_ok(), allowed, "{type_:?}");
    }
}

#[test]
fn the_status_is_esos() {
    use claviger_crds::push_secret::{PushSecretStatus, UpdatePolicy};
    let now: jiff::Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    let entry: PushData = serde_json::from_value(
        json!({"match": {"secretKey": "u", "remoteRef": {"remoteKey": "k", "property": "p"}}}),
    )
    .unwrap();
    let (name, entry) = recorded(&entry);
    let synced = claviger_crds::push_secret::SyncedPushSecrets::from([(
        store_key(claviger_crds::external_secret::StoreKind::SecretStore, "vault"),
        std::collections::BTreeMap::from([(name, entry)]),
    )]);
    let before = PushSecretStatus { synced_push_secrets: synced, ..PushSecretStatus::default() };
    let mut record = Record::of(Some(&before));
    let done =
        next_status(None, &Outcome::Synced, UpdatePolicy::Replace, record.clone(), ("1-x", "src"), now);
    let shown = serde_json::to_value(&done).unwrap();
    assert_eq!(
        shown,
        json!({
            "refreshTime": "2024-01-01T00:00:00Z", "syncedResourceVersion": "1-x", "syncedSource": "src",
            "syncedPushSecrets": {"SecretStore/vault": {"k/p": {
                "match": {"secretKey": "u", "remoteRef": {"remoteKey": "k", "property": "p"}}, "conversionStrategy": "None",
            }}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Synced",
                "message": "PushSecret synced successfully", "lastTransitionTime": "2024-01-01T00:00:00Z"}],
        })
    );
    let pushing = serde_json::from_value(
        json!({"ClusterSecretStore/all": {"m": {"match": {"remoteRef": {"remoteKey": "m"}}}}}),
    );
    record.pushing = pushing.unwrap();
    let failed = next_status(
        Some(&done),
        &Outcome::Failed("no".to_owned()),
        UpdatePolicy::Replace,
        record,
        ("2-x", "new"),
        now,
    );
    assert_eq!(
        (failed.conditions[0].reason.as_deref(), failed.synced_source.as_deref()),
        (Some("Errored"), Some("src"))
    );
    assert_eq!(
        targets_of(&failed, |kind, name| format!("{}/ns/{name}", kind.as_str())),
        BTreeSet::from([
            target("ClusterSecretStore/ns/all", "m", ""),
            target("SecretStore/ns/vault", "k", "p")
        ])
    );
    let minute = std::time::Duration::from_secs(60);
    let later = |seconds: i64| PushSecretStatus {
        refresh_time: Some((now + jiff::SignedDuration::from_secs(seconds)).to_string()),
        ..done.clone()
    };
    assert!(
        !worth_writing(Some(&done), &later(59), minute) && worth_writing(Some(&done), &later(60), minute)
    );
    assert!(worth_writing(Some(&done), &failed, minute));
}

#[test]
fn a_cluster_push_secret_means_namespaces_and_no_other_ones_object() {
    use crate::push::spread::{check, decide, status, wanted};
    use crate::spread::{Child, NamespaceView};
    use std::borrow::Cow;
    use std::collections::BTreeMap;
    let cps: claviger_crds::cluster_push_secret::ClusterPushSecret = serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "ClusterPushSecret",
        "metadata": {"name": "shared", "uid": "own"},
        "spec": {"namespaceSelectors": [{"matchLabels": {"push": "yes"}}], "pushSecretMetadata": {"labels": {"a": "b"}},
            "pushSecretSpec": {"secretStoreRefs": [{"name": "s"}], "selector": {"secret": {"name": "x"}}}},
    }))
    .unwrap();
    assert_eq!(check(&cps.spec).unwrap().as_secs(), 3600);
    let wanted = wanted(&cps);
    assert_eq!(wanted.name, "shared");
    let view = |push: &str| {
        let labels = BTreeMap::from([("push".to_owned(), push.to_owned())]);
        Arc::new(NamespaceView { labels, terminating: false })
    };
    let namespaces: BTreeMap<_, _> =
        [("new", "yes"), ("made", "yes"), ("edited", "yes"), ("foreign", "yes"), ("left", "no")]
            .map(|(name, push)| (name.to_owned(), view(push)))
            .into();
    let child = |controller: &str, label: &str| Child {
        uid: "u".to_owned(),
        resource_version: "1".to_owned(),
        controller: Some(controller.to_owned()),
        labels: Cow::Owned(BTreeMap::from([("a".to_owned(), label.to_owned())])),
        spec: Some(Cow::Borrowed(&wanted.spec)),
        ..Child::default()
    };
    let children: BTreeMap<_, _> =
        [("made", "own", "b"), ("edited", "own", "c"), ("foreign", "other", "b"), ("left", "own", "b")]
            .map(|(namespace, controller, label)| {
                ((namespace.to_owned(), "shared".to_owned()), child(controller, label))
            })
            .into();
    let decided = decide(&cps, &wanted, &namespaces, &children);
    let names: Vec<(&str, bool)> =
        decided.apply.iter().map(|(namespace, seen)| (namespace.as_str(), seen.is_some())).collect();
    assert_eq!(names, [("edited", true), ("new", false)]);
    assert_eq!(decided.delete[0].0.0, "left");
    assert_eq!(decided.failed["foreign"], "push secret already exists in namespace");
    let shown = status(None, "shared", &decided.in_order, &decided.failed, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(shown.provisioned_namespaces, ["made"]);
    assert!(shown.conditions[0].message.as_deref().unwrap().starts_with("one or more namespaces failed"));
}
