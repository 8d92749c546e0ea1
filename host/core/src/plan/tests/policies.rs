//! What is kept, refused and deleted: immutability, types, deletion policies.

use super::*;

#[test]
fn immutable_secrets_keep_their_data() {
    let es = es("db", r#"{"name":"s","immutable":true}"#);
    let mut server = Server::default();
    es.sync(&mut server, &rendered(&[("a", "1")]));
    assert!(es.observe(&server).unwrap().immutable);
    for changed in [rendered(&[("a", "2")]), rendered(&[("a", "1"), ("b", "2")]), rendered(&[])] {
        let failure = es.plan(&server, Some(&changed)).err().unwrap();
        assert!(
            matches!(failure, Failure::TargetImmutable { ref secret } if secret == "Secret ns/s"),
            "{failure}"
        );
    }
    // Metadata may change, also after the spec takes the flag back, which the API server would refuse.
    owner().sync(&mut server, &labelled(&[("a", "1")], &[("team", "blue")]));
    assert!(server.has("labels", "team") && es.observe(&server).unwrap().immutable);
}

#[test]
fn types_cannot_change() {
    let (es, mut server) = (owner(), Server::default());
    es.sync(&mut server, &rendered(&[("a", "1")]));
    let tls = Rendered { type_: Some("kubernetes.io/tls".to_owned()), ..rendered(&[("a", "1")]) };
    let failure = es.plan(&server, Some(&tls)).err().unwrap();
    assert!(matches!(failure, Failure::TargetTypeFixed { .. }), "{failure}");
    assert_eq!(
        (rendered_secret_type(&tls), rendered_secret_type(&Rendered::default())),
        ("kubernetes.io/tls", "Opaque")
    );

    let merge = policy("db", "Merge", "Retain");
    let leaving = Observed { deleting: true, ..Observed::default() };
    let input = Input {
        owner: &merge.owner,
        namespace: "ns",
        spec: &merge.spec,
        observed: Some(&leaving),
        present: None,
        siblings: &[],
        wanted: Some(&rendered(&[("a", "1")])),
        mark_changes: None,
        hasher: &merge.hasher,
    };
    assert!(matches!(plan(&input), Err(Failure::TargetTerminating { .. })));
    assert!(
        target_valid(&merge.spec, &Unread::default(), Some(&leaving)),
        "its going wakes us, not its staying"
    );
}

/// Whoever may write into such a Secret has the API server make a token for whom its annotation names, or lets nodes join.
#[test]
fn what_hands_out_rights_is_refused_when_the_target_is_known_too() {
    let account = ("kubernetes.io/service-account.name".to_owned(), "admin".to_owned());
    let annotated = Rendered { annotations: [account].into(), ..rendered(&[("a", "1")]) };
    for (type_, refused) in [
        ("kubernetes.io/service-account-token", true),
        ("bootstrap.kubernetes.io/token", true),
        ("kubernetes.io/basic-auth", false),
    ] {
        let there = Observed { type_: Some(type_.to_owned()), ..Observed::default() };
        for creation in ["Owner", "Orphan", "Merge", "CreateOrMerge", "None"] {
            let es = policy("db", creation, "Retain");
            // With None nothing is written.
            let refused = refused && creation != "None";
            let check = |failure: Option<Failure>| match failure {
                Some(Failure::TargetForbidden { type_: said, .. }) => said == type_ && refused,
                Some(other) => panic!("{type_} {creation}: {other}"),
                None => !refused,
            };
            // Before anything is made, and once more when it is rendered.
            let early = check_target(&es.owner, "ns", &es.spec, Some(&there)).err();
            assert!(check(early), "{type_} {creation}: before");
            for wanted in [&rendered(&[("a", "1")]), &annotated] {
                let input = Input {
                    owner: &es.owner,
                    namespace: "ns",
                    spec: &es.spec,
                    observed: Some(&there),
                    present: Some(&BTreeMap::new()),
                    siblings: &[],
                    wanted: Some(wanted),
                    mark_changes: None,
                    hasher: &es.hasher,
                };
                assert!(check(plan(&input).err()), "{type_} {creation}: {:?}", wanted.annotations);
            }
        }
    }
}

#[test]
fn nothing_in_the_provider_is_answered_by_the_deletion_policy() {
    // (creation, deletion, success, deletes, data afterwards)
    for (creation, deletion, success, deletes, left) in [
        ("Owner", "Retain", Success::Retained, false, Some("1")),
        ("Owner", "Delete", Success::Deleted, true, Some("1")),
        ("Owner", "Merge", Success::Synced, false, None),
        ("Merge", "Merge", Success::Synced, false, None),
        ("None", "Retain", Success::Synced, false, Some("1")),
    ] {
        let es = policy("db", creation, deletion);
        let mut server = Server::default();
        let first = if creation == "None" {
            policy("db", "Orphan", "Retain")
        } else {
            policy("db", creation, "Retain")
        };
        server.update("helm", "data", "theirs", Some(b"x"));
        first.sync(&mut server, &labelled(&[("a", "1")], &[("team", "blue")]));
        let plan = es.plan(&server, None).unwrap();
        assert_eq!(plan.success, success, "{creation} {deletion}");
        let deleted =
            plan.effects.iter().any(|effect| matches!(effect, Effect::Delete { name, .. } if name == "s"));
        assert_eq!(deleted, deletes, "{creation} {deletion}");
        for effect in &plan.effects {
            if let Effect::Apply(apply) = effect {
                server.apply(apply).unwrap();
            }
        }
        assert_eq!(server.data().get("a").map(String::as_str), left, "{creation} {deletion}");
        assert!(server.has("data", "theirs") && server.has("labels", "team"), "{creation} {deletion}");
    }
}

#[test]
fn only_what_is_ours_is_deleted() {
    let es = policy("db", "Owner", "Delete");
    let mut server = Server::default();
    server.update("kubectl", "data", "x", Some(b"1"));
    assert!(es.plan(&server, None).unwrap().effects.is_empty(), "nobody controls it");
    server.set_controller(es.owner.clone());
    let plan = es.plan(&server, None).unwrap();
    assert!(matches!(&plan.effects[..], [Effect::Delete { name, uid, .. }] if name == "s" && uid == "uid"));

    let sibling = |name: &str, uid: Option<&str>| Sibling {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        resource_version: "1".to_owned(),
        controller_uid: uid.map(ToOwned::to_owned),
    };
    let siblings =
        [sibling("s", Some("uid-of-db")), sibling("before", Some("uid-of-db")), sibling("copied", None)];
    let deleted = |plan: &Plan| -> Vec<String> {
        let name = |effect: &Effect| match effect {
            Effect::Delete { name, .. } => Some(name.clone()),
            Effect::Apply(_) => None,
        };
        plan.effects.iter().filter_map(name).collect()
    };
    let plan = owner().plan_with(&Server::default(), &siblings, Some(&rendered(&[("a", "1")]))).unwrap();
    assert_eq!(deleted(&plan), ["before"]);
    assert!(matches!(plan.effects[0], Effect::Apply(_)), "the new one is there before the old one goes");
    // Renamed after the provider lost its keys: there is no new one, and the old one is no more wanted than before.
    let plan = es.plan_with(&Server::default(), &siblings, None).unwrap();
    assert_eq!(deleted(&plan), ["before"]);
    let retain = policy("db", "Owner", "Retain");
    assert_eq!(deleted(&retain.plan_with(&Server::default(), &siblings, None).unwrap()), [""; 0]);
}

/// Before anything is made for a Secret, it is looked whether that may be written.
#[test]
fn what_may_not_be_written_is_known_before_anything_is_made_for_it() {
    let check = |es: &Es, observed: &Observed| check_target(&es.owner, "ns", &es.spec, Some(observed)).err();
    let foreign = Observed { controller: Some(es("other", "{}").owner), ..Observed::default() };
    let leaving = Observed { deleting: true, ..Observed::default() };
    let tls = Observed { type_: Some("kubernetes.io/tls".to_owned()), ..Observed::default() };
    let typed = es("db", r#"{"name":"s","template":{"type":"Opaque"}}"#);
    assert!(matches!(check(&owner(), &foreign), Some(Failure::TargetOwned { .. })));
    assert!(check(&policy("db", "Merge", "Retain"), &foreign).is_none(), "who merges takes nothing");
    assert!(check(&policy("db", "None", "Retain"), &leaving).is_none(), "nothing is written");
    assert!(matches!(check(&owner(), &leaving), Some(Failure::TargetTerminating { .. })));
    assert!(matches!(check(&typed, &tls), Some(Failure::TargetTypeFixed { .. })));
    assert!(
        check(&owner(), &tls).is_none() && check_target(&owner().owner, "ns", &owner().spec, None).is_ok()
    );
}
