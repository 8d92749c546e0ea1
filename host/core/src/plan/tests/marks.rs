//! What is written into a Secret that is ours alone: marks, repair, pruning, and nothing when nothing differs.

use super::*;

#[test]
fn a_new_secret_is_made_with_esos_marks_and_then_left_alone() {
    let (es, mut server) = (owner(), Server::default());
    assert!(!es.valid(&server));
    let plan = es.sync(&mut server, &rendered(&[("a", "12"), ("b", "3")]));
    assert_eq!(plan.notes, [Note { reason: "Created", message: "secret created" }]);
    assert_eq!((plan.success, plan.binding.as_deref()), (Success::Synced, Some("s")));
    let observed = es.observe(&server).unwrap();
    assert_eq!(observed.labels[LABEL_MANAGED], "true");
    assert_eq!(observed.labels[LABEL_CREATED_BY], crate::names::created_by("ns", "db"));
    assert_eq!(
        observed.annotations[ANNOTATION_DATA_HASH],
        eso_data_hash([("a", b"12".as_slice()), ("b", b"3")])
    );
    assert_eq!(observed.controller, Some(es.owner.clone()));
    assert!(es.valid(&server));
    assert!(es.sync(&mut server, &rendered(&[("a", "12"), ("b", "3")])).effects.is_empty());
    assert_eq!(server.writes, 1);
}

#[test]
fn drift_is_seen_and_repaired_and_what_others_add_stays() {
    let (es, mut server) = (owner(), Server::default());
    let wanted = rendered(&[("a", "1"), ("b", "2")]);
    es.sync(&mut server, &wanted);
    server.update("kubectl", "data", "a", Some(b"tampered"));
    server.update("kubectl", "data", "b", None);
    server.update("kubectl", "data", "theirs", Some(b"x"));
    server.update("kubectl", "labels", "theirs", Some(b"x"));
    assert!(!es.valid(&server));
    es.sync(&mut server, &wanted);
    assert_eq!(server.data(), text(&[("a", "1"), ("b", "2"), ("theirs", "x")]));
    assert!(server.has("labels", "theirs"));
    assert!(es.valid(&server), "the hash covers their key too, as ESO's does");
    assert!(es.sync(&mut server, &wanted).effects.is_empty());
}

#[test]
fn a_key_that_others_add_alone_needs_no_read_for_the_hash() {
    let (es, mut server) = (owner(), Server::default());
    let wanted = rendered(&[("a", "1")]);
    es.sync(&mut server, &wanted);
    server.update("kubectl", "data", "theirs", Some(b"x"));
    let observed = es.observe(&server);
    let input = Input {
        owner: &es.owner,
        namespace: "ns",
        spec: &es.spec,
        observed: observed.as_ref(),
        present: None,
        siblings: &[],
        wanted: Some(&wanted),
        mark_changes: None,
        hasher: &es.hasher,
    };
    assert!(matches!(plan(&input), Ok(Planned::Do(plan)) if plan.effects.len() == 1));
    let changed = rendered(&[("a", "2")]);
    assert!(matches!(plan(&Input { wanted: Some(&changed), ..input }), Ok(Planned::NeedsPresentValues)));
}

#[test]
fn what_is_wanted_no_more_goes_also_what_eso_wrote() {
    let es = owner();
    let mut server = Server::default();
    for key in ["a", "old"] {
        server.update(&es.manager(), "data", key, Some(b"1"));
    }
    server.update(&es.manager(), "labels", LABEL_MANAGED, Some(b"true"));
    server.update(&es.manager(), "labels", "old-label", Some(b"x"));
    es.sync(&mut server, &rendered(&[("a", "1")]));
    assert_eq!(server.data(), text(&[("a", "1")]));
    assert!(!server.has("labels", "old-label"));

    es.sync(&mut server, &labelled(&[("a", "1")], &[("team", "blue")]));
    assert!(server.has("labels", "team"));
    es.sync(&mut server, &rendered(&[("a", "1")]));
    assert!(!server.has("labels", "team"));
}

#[test]
fn what_eso_left_as_it_should_be_is_not_written() {
    let es = owner();
    let mut server = Server::default();
    server.update(&es.manager(), "data", "a", Some(b"1"));
    server.update(&es.manager(), "labels", LABEL_MANAGED, Some(b"true"));
    server.update(
        &es.manager(),
        "labels",
        LABEL_CREATED_BY,
        Some(crate::names::created_by("ns", "db").as_bytes()),
    );
    let hash = eso_data_hash([("a", b"1".as_slice())]);
    server.update(&es.manager(), "annotations", ANNOTATION_DATA_HASH, Some(hash.as_bytes()));
    server.set_controller(es.owner.clone());
    assert!(es.valid(&server));
    assert!(es.plan(&server, Some(&rendered(&[("a", "1")]))).unwrap().effects.is_empty());
}

#[test]
fn a_policy_that_changed_changes_the_marks() {
    let mut server = Server::default();
    owner().sync(&mut server, &rendered(&[("a", "1")]));
    let orphan = policy("db", "Orphan", "Retain");
    orphan.sync(&mut server, &rendered(&[("a", "1")]));
    let observed = orphan.observe(&server).unwrap();
    assert_eq!(observed.controller, None);
    assert!(!observed.labels.contains_key(LABEL_CREATED_BY));
    assert!(orphan.plan(&server, Some(&rendered(&[("a", "1")]))).unwrap().effects.is_empty());
}

#[test]
fn a_key_that_kubernetes_refuses_is_named() {
    let failure = owner().plan(&Server::default(), Some(&rendered(&[("a/b", "1")]))).err().unwrap();
    assert!(failure.to_string().contains(r#""a/b""#), "{failure}");
}

/// For the restart of what uses the Secret: the time stands there from the first change on, moves with each, and with
/// nothing else.
#[test]
fn the_time_of_a_change_stands_on_the_secret_where_it_is_asked_for() {
    let at = |second| Some((jiff::Timestamp::from_second(second).unwrap(), false));
    let (mut es, mut server) = (Es { mark_changes: at(100), ..owner() }, Server::default());
    let name = crate::names::changed_annotation("db");
    let mark = |es: &Es, server: &Server| annotation(server, es, &name);
    es.sync(&mut server, &rendered(&[("a", "1")]));
    assert_eq!(mark(&es, &server), None, "nobody has used it yet");
    es.mark_changes = at(200);
    es.sync(&mut server, &rendered(&[("a", "2")]));
    assert_eq!(mark(&es, &server).as_deref(), Some("1970-01-01T00:03:20Z"));
    es.mark_changes = at(300);
    assert!(es.sync(&mut server, &rendered(&[("a", "2")])).effects.is_empty());
    es.sync(&mut server, &labelled(&[("a", "2")], &[("team", "blue")]));
    assert_eq!(mark(&es, &server).as_deref(), Some("1970-01-01T00:03:20Z"), "a label restarts nothing");
    server.update("kubectl", "data", "a", Some(b"tampered"));
    es.sync(&mut server, &rendered(&[("a", "2")]));
    assert_eq!(
        mark(&es, &server).as_deref(),
        Some("1970-01-01T00:05:00Z"),
        "who was restarted in between has it"
    );
    let mut anew = Server::default();
    es.mark_changes = Some((jiff::Timestamp::from_second(400).unwrap(), true));
    es.sync(&mut anew, &rendered(&[("a", "3")]));
    assert_eq!(mark(&es, &anew).as_deref(), Some("1970-01-01T00:06:40Z"), "it was deleted, and pods had it");
    es.mark_changes = None;
    es.sync(&mut server, &rendered(&[("a", "2")]));
    assert_eq!(mark(&es, &server), None);
}

#[test]
fn what_was_written_is_as_it_was_left_until_somebody_touches_it() {
    let (es, mut server) = (owner(), Server::default());
    let wanted = rendered(&[("a", "1")]);
    es.sync(&mut server, &wanted);
    let left = |server: &Server| as_left(&es.spec, &es.owner, &es.observe(server).unwrap());
    assert!(left(&server));
    let other = Controller { uid: "another".to_owned(), ..es.owner.clone() };
    assert!(!as_left(&es.spec, &other, &es.observe(&server).unwrap()), "made anew under the same name");
    let mut orphan = es.spec.clone();
    orphan.target.creation_policy = CreationPolicy::Orphan;
    assert!(!as_left(&orphan, &es.owner, &es.observe(&server).unwrap()), "its owner is to go");
    let mut immutable = es.spec.clone();
    immutable.target.immutable = true;
    assert!(!as_left(&immutable, &es.owner, &es.observe(&server).unwrap()));
    server.update("kubectl", "data", "a", Some(b"tampered"));
    assert!(!left(&server));
}

#[test]
fn a_label_that_was_taken_off_is_told_from_what_is_broken() {
    let (es, mut server) = (owner(), Server::default());
    es.sync(&mut server, &rendered(&[("a", "1")]));
    let whole = es.observe(&server).unwrap();
    assert!(!lacks_only_the_mark(&es.spec, &es.owner, &whole), "nothing is missing");
    for label in [None, Some("false")] {
        let mut found = whole.clone();
        found.labels.remove(LABEL_MANAGED);
        found.labels.extend(label.map(|label| (LABEL_MANAGED.to_owned(), label.to_owned())));
        assert!(lacks_only_the_mark(&es.spec, &es.owner, &found), "{label:?}");
        found.updated.labels.insert(LABEL_MANAGED.to_owned());
        assert!(lacks_only_the_mark(&es.spec, &es.owner, &found), "{label:?}: it was put back before");
        found.data_hash = "another".to_owned();
        assert!(!lacks_only_the_mark(&es.spec, &es.owner, &found), "{label:?}");
    }
}
