//! Secrets that several write to, and Secrets that belong to somebody else.

use super::*;
use crate::inputs::{Inputs, Slow};
use crate::rendered::{Left, Same, record};

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
    let reported = |failures: &[KeyFailure]| Unread::reported(failures);
    assert!(one.valid_without(&server, &reported(&[failing(&format!("data[{place}]"))])));
    assert!(!one.valid_without(&server, &reported(&[failing("data[99]")])), "another entry");
    // The list in the status has an end; who read them knows all of them.
    assert!(one.valid_without(&server, &reported(&vec![failing("data[99]"); 20])));
    let many: Vec<crate::failures::EntryFailure> = (1..40)
        .map(|index| crate::failures::EntryFailure {
            entry: format!("data[{index}]"),
            key: String::new(),
            failure: Failure::PolicyInvalid { why: String::new() },
        })
        .collect();
    assert!(!one.valid_without(&server, &Unread::of(&many)), "data[0] was read, and its key is gone");
}

/// Each records its own, and what another writes to the same Secret is no reason to make something anew.
#[test]
fn who_shares_a_secret_keeps_what_it_made_at_random() {
    let slow = |value: &str| {
        let mut inputs = Inputs::default();
        inputs.add("value", value.as_bytes());
        inputs.slowly("salt".to_owned())
    };
    let slows = ["of one", "of two"].map(slow);
    let made = |es: &Es, slow: &Slow, key: &str, value: &str| {
        let mut made = rendered(&[(key, value)]);
        record(&mut made, &es.owner.name, slow, None);
        made
    };
    let same = |es: &Es, server: &Server, slow: &Slow| {
        let left = Left::of(&es.observe(server).unwrap(), &es.owner.name).unwrap();
        left.same(slow, |_| false)
    };
    let both = [policy("one", "Merge", "Retain"), policy("two", "Merge", "Retain")];
    let mut server = Server::default();
    server.update("helm", "data", "base", Some(b"0"));
    for ((es, slow), key) in both.iter().zip(&slows).zip(["a", "b"]) {
        es.sync(&mut server, &made(es, slow, key, "at random"));
    }
    let all = [Same::All, Same::All];
    let looks = |server: &Server| [same(&both[0], server, &slows[0]), same(&both[1], server, &slows[1])];
    assert_eq!(looks(&server), all);
    // Neither refresh writes, but for the hash that a shared Secret has no more.
    for (round, writes) in [(1, 1), (2, 0)] {
        let before = server.writes;
        for es in &both {
            let wanted = as_it_is(&es.spec, &es.observe(&server).unwrap());
            es.sync(&mut server, &wanted);
        }
        assert_eq!(server.writes - before, writes, "round {round}");
        assert_eq!(looks(&server), all, "round {round}");
    }
    // One has another value, and helm another key: the other's stays.
    both[0].sync(&mut server, &made(&both[0], &slow("another"), "a", "anew"));
    server.update("helm", "data", "base", Some(b"1"));
    server.update("helm", "data", "more", Some(b"1"));
    assert_eq!(looks(&server), [Same::Nothing, Same::All]);
    // Its own key is another's now, or gone.
    server.update("kubectl", "data", "b", Some(b"tampered"));
    assert_eq!(looks(&server)[1], Same::Nothing);

    // With who is no ExternalSecret there is a hash, which is mended without touching what is ours.
    let alone = policy("one", "Merge", "Retain");
    let mut server = Server::default();
    server.update("helm", "data", "base", Some(b"0"));
    alone.sync(&mut server, &made(&alone, &slows[0], "a", "at random"));
    server.update("helm", "data", "base", Some(b"1"));
    assert!(!alone.valid(&server));
    // Nor is it for what was leased.
    let ours = |server: &Server, key: &str| {
        alone.observe(server).unwrap().holds_ours(&std::collections::BTreeSet::from([key.to_owned()]))
    };
    assert!(ours(&server, "a") && !ours(&server, "base"));
    for value in [Some(&b"tampered"[..]), None] {
        let mut tampered = server.clone();
        tampered.update("kubectl", "data", "a", value);
        assert!(!ours(&tampered, "a"));
    }
    assert_eq!(same(&alone, &server, &slows[0]), Same::All);
    let wanted = as_it_is(&alone.spec, &alone.observe(&server).unwrap());
    assert_eq!(alone.sync(&mut server, &wanted).effects.len(), 1);
    assert!(alone.valid(&server));
    assert_eq!(server.data(), text(&[("a", "at random"), ("base", "1")]));
    assert_eq!(same(&alone, &server, &slows[0]), Same::All);
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
