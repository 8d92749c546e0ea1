//! Secrets that several write to, and Secrets that belong to somebody else.

use super::*;

#[test]
fn merge_never_creates_and_two_that_merge_keep_off_each_other() {
    let (one, two) = (policy("one", "Merge", "Retain"), policy("two", "Merge", "Retain"));
    let mut server = Server::default();
    let plan = one.sync(&mut server, &rendered(&[("a", "1")]));
    assert_eq!(plan.success, Success::Missing);
    assert!(plan.effects.is_empty() && one.valid(&server));

    server.update("helm", "data", "base", Some(b"0"));
    one.sync(&mut server, &labelled(&[("a", "1")], &[("app", "one")]));
    assert!(annotation(&server, &one, ANNOTATION_DATA_HASH).is_some());
    two.sync(&mut server, &labelled(&[("b", "2")], &[("app", "two")]));
    one.sync(&mut server, &labelled(&[("a", "1")], &[("app", "one")]));
    assert_eq!(server.data(), text(&[("a", "1"), ("b", "2"), ("base", "0")]));
    assert_eq!(annotation(&server, &one, ANNOTATION_DATA_HASH), None, "a hash would be fought over");
    assert_eq!(one.observe(&server).unwrap().labels["app"], "one", "who came first keeps it");

    let writes = server.writes;
    for _ in 0..2 {
        one.sync(&mut server, &labelled(&[("a", "1")], &[("app", "one")]));
        two.sync(&mut server, &labelled(&[("b", "2")], &[("app", "two")]));
    }
    assert_eq!(server.writes, writes, "both are at rest");

    one.sync(&mut server, &rendered(&[("c", "3")]));
    assert_eq!(server.data(), text(&[("b", "2"), ("base", "0"), ("c", "3")]));
    let clash = two.try_sync(&mut server, &rendered(&[("c", "4")])).err().unwrap();
    assert!(matches!(clash, Stopped::ByServer(Refused::Conflict(manager)) if manager == one.manager()));
}

#[test]
fn drift_of_a_shared_secret_is_seen_by_who_owns_the_key() {
    let (one, two) = (policy("one", "CreateOrMerge", "Retain"), policy("two", "Merge", "Retain"));
    let mut server = Server::default();
    one.sync(&mut server, &rendered(&[("a", "1")]));
    two.sync(&mut server, &rendered(&[("a", "1"), ("b", "2")]));
    one.sync(&mut server, &rendered(&[("a", "1")]));
    assert!(one.valid(&server) && two.valid(&server));
    server.update("kubectl", "data", "b", Some(b"tampered"));
    assert!(one.valid(&server), "not its key");
    server.update("kubectl", "data", "a", Some(b"tampered"));
    assert!(!one.valid(&server) && !two.valid(&server));
    one.sync(&mut server, &rendered(&[("a", "1")]));
    assert!(one.valid(&server));
}

#[test]
fn a_key_that_could_not_be_read_is_not_missed_in_a_shared_secret() {
    let (one, two) = (policy("one", "CreateOrMerge", "Retain"), policy("two", "Merge", "Retain"));
    let mut server = Server::default();
    one.sync(&mut server, &rendered(&[("a", "1")]));
    two.sync(&mut server, &rendered(&[("b", "2")]));
    server.update("kubectl", "data", "a", None);
    let failing = |entry: &str| {
        let [entry, key, reason, message] = [entry, "k", "AccessDenied", "no"].map(ToOwned::to_owned);
        KeyFailure { entry, key, reason, message }
    };
    let place = one.spec.data.iter().position(|entry| entry.secret_key == "a").unwrap();
    assert!(!one.valid(&server));
    assert!(one.valid_without(&server, &[failing(&format!("data[{place}]"))]));
    assert!(!one.valid_without(&server, &[failing("data[99]")]), "another entry");
    // The list in the status has an end.
    assert!(one.valid_without(&server, &vec![failing("data[99]"); 20]));
}

#[test]
fn what_another_controls_is_refused_to_who_would_take_it() {
    let deployment = Controller {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: "db".to_owned(),
        uid: "x".to_owned(),
    };
    let other = Controller { name: "other".to_owned(), uid: "y".to_owned(), ..owner().owner };
    let remade = Controller { uid: "z".to_owned(), ..owner().owner };
    // (controller, creationPolicy, refused)
    for (controller, creation, refused) in [
        (&deployment, "Owner", true),
        (&deployment, "Orphan", false),
        (&deployment, "Merge", false),
        (&other, "Owner", true),
        (&other, "Orphan", true),
        (&other, "Merge", false),
        (&other, "CreateOrMerge", false),
        (&remade, "Owner", false),
        (&remade, "Orphan", false),
    ] {
        let es = policy("db", creation, "Retain");
        let mut server = Server::default();
        server.update("kubectl", "data", "x", Some(b"1"));
        server.set_controller(controller.clone());
        match es.plan(&server, Some(&rendered(&[("a", "1")]))) {
            Err(Failure::TargetOwned { secret, owner }) if refused => {
                assert_eq!(secret, "Secret ns/s");
                assert_eq!(owner, format!("{} {}", controller.kind, controller.name));
            }
            Ok(_) if !refused => {}
            other => panic!("{creation} over {controller:?}: {:?}", other.err()),
        }
    }
}
