//! The planner against a simulated API server: what each policy does to a Secret, and that a plan
//! carried out leaves nothing to plan.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_crds::external_secret::ExternalSecretSpec;
use proptest::prelude::*;

use super::simulator::{Refused, Server};
use super::*;
use crate::error::Failure;
use crate::hash::eso_data_hash;
use crate::names::{ANNOTATION_DATA_HASH, LABEL_CREATED_BY, LABEL_MANAGED, field_manager};

/// One ExternalSecret that syncs into a [`Server`].
struct Es {
    owner: Controller,
    spec: ExternalSecretSpec,
    hasher: KeyedHasher,
}

fn es(name: &str, target: &str) -> Es {
    let spec =
        format!(r#"{{"data":[{{"secretKey":"a","remoteRef":{{"key":"k"}}}}],"target":{target}}}"#);
    Es {
        owner: Controller {
            api_version: "external-secrets.io/v1".to_owned(),
            kind: "ExternalSecret".to_owned(),
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
        },
        spec: serde_json::from_str(&spec).unwrap(),
        hasher: KeyedHasher::random(),
    }
}

fn owner() -> Es {
    es("db", r#"{"name":"s"}"#)
}

fn policy(name: &str, creation: &str, deletion: &str) -> Es {
    es(
        name,
        &format!(r#"{{"name":"s","creationPolicy":"{creation}","deletionPolicy":"{deletion}"}}"#),
    )
}

fn rendered(data: &[(&str, &str)]) -> Rendered {
    let data = data.iter().map(|(key, value)| {
        (
            (*key).to_owned(),
            Arc::new(SecretBytes::copied_from(value.as_bytes())),
        )
    });
    Rendered {
        data: data.collect(),
        ..Rendered::default()
    }
}

fn labelled(data: &[(&str, &str)], labels: &[(&str, &str)]) -> Rendered {
    let labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Rendered {
        labels: labels.collect(),
        ..rendered(data)
    }
}

/// Why a sync did not happen.
enum Stopped {
    ByServer(Refused),
    ByPlanner(Failure),
}

impl Es {
    fn manager(&self) -> String {
        field_manager(&self.owner.name)
    }

    fn observe(&self, server: &Server) -> Option<Observed> {
        server.observe(&self.manager(), &self.hasher)
    }

    fn plan_with(
        &self,
        server: &Server,
        siblings: &[Sibling],
        wanted: Option<&Rendered>,
    ) -> Result<Plan, Failure> {
        let observed = self.observe(server);
        let live = server.live();
        let mut input = Input {
            owner: &self.owner,
            namespace: "ns",
            spec: &self.spec,
            observed: observed.as_ref(),
            foreign: None,
            siblings,
            wanted,
            hasher: &self.hasher,
        };
        match plan(&input)? {
            Planned::Do(plan) => Ok(plan),
            Planned::NeedsForeignValues => {
                input.foreign = Some(&live);
                match plan(&input)? {
                    Planned::Do(plan) => Ok(plan),
                    Planned::NeedsForeignValues => panic!("they were given"),
                }
            }
        }
    }

    fn plan(&self, server: &Server, wanted: Option<&Rendered>) -> Result<Plan, Failure> {
        self.plan_with(server, &[], wanted)
    }

    /// Plans and carries out, which must work; returns what was planned.
    fn sync(&self, server: &mut Server, wanted: &Rendered) -> Plan {
        match self.try_sync(server, wanted) {
            Ok(plan) => plan,
            Err(Stopped::ByPlanner(failure)) => panic!("{failure}"),
            Err(Stopped::ByServer(refused)) => panic!("{refused:?}"),
        }
    }

    fn try_sync(&self, server: &mut Server, wanted: &Rendered) -> Result<Plan, Stopped> {
        let plan = self
            .plan(server, Some(wanted))
            .map_err(Stopped::ByPlanner)?;
        for effect in &plan.effects {
            if let Effect::Apply(apply) = effect {
                server.apply(apply).map_err(Stopped::ByServer)?;
            }
        }
        Ok(plan)
    }

    fn valid(&self, server: &Server) -> bool {
        target_valid(&self.spec, self.observe(server).as_ref())
    }
}

fn text(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn annotation(server: &Server, es: &Es, key: &str) -> Option<String> {
    es.observe(server)
        .and_then(|observed| observed.annotations.get(key).cloned())
}

#[test]
fn a_new_secret_is_made_with_esos_marks_and_then_left_alone() {
    let (es, mut server) = (owner(), Server::default());
    assert!(!es.valid(&server));
    let plan = es.sync(&mut server, &rendered(&[("a", "12"), ("b", "3")]));
    assert_eq!(
        plan.notes,
        [Note {
            reason: "Created",
            message: "secret created"
        }]
    );
    assert_eq!(
        (plan.success, plan.binding.as_deref()),
        (Success::Synced, Some("s"))
    );
    let observed = es.observe(&server).unwrap();
    assert_eq!(observed.labels[LABEL_MANAGED], "true");
    assert_eq!(
        observed.labels[LABEL_CREATED_BY],
        crate::names::created_by("ns", "db")
    );
    assert_eq!(
        observed.annotations[ANNOTATION_DATA_HASH],
        eso_data_hash([("a", b"12".as_slice()), ("b", b"3")])
    );
    assert_eq!(observed.controller, Some(es.owner.clone()));
    assert!(es.valid(&server));
    assert!(
        es.sync(&mut server, &rendered(&[("a", "12"), ("b", "3")]))
            .effects
            .is_empty()
    );
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
    assert_eq!(
        server.data(),
        text(&[("a", "1"), ("b", "2"), ("theirs", "x")])
    );
    assert!(server.has("labels", "theirs"));
    assert!(
        es.valid(&server),
        "the hash covers their key too, as ESO's does"
    );
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
        foreign: None,
        siblings: &[],
        wanted: Some(&wanted),
        hasher: &es.hasher,
    };
    assert!(matches!(plan(&input), Ok(Planned::Do(plan)) if plan.effects.len() == 1));
    let changed = rendered(&[("a", "2")]);
    assert!(matches!(
        plan(&Input {
            wanted: Some(&changed),
            ..input
        }),
        Ok(Planned::NeedsForeignValues)
    ));
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
    server.update(
        &es.manager(),
        "annotations",
        ANNOTATION_DATA_HASH,
        Some(hash.as_bytes()),
    );
    server.set_controller(es.owner.clone());
    assert!(es.valid(&server));
    assert!(
        es.plan(&server, Some(&rendered(&[("a", "1")])))
            .unwrap()
            .effects
            .is_empty()
    );
}

#[test]
fn merge_never_creates_and_two_that_merge_keep_off_each_other() {
    let (one, two) = (
        policy("one", "Merge", "Retain"),
        policy("two", "Merge", "Retain"),
    );
    let mut server = Server::default();
    let plan = one.sync(&mut server, &rendered(&[("a", "1")]));
    assert_eq!(plan.success, Success::Missing);
    assert!(plan.effects.is_empty() && one.valid(&server));

    server.update("helm", "data", "base", Some(b"0"));
    one.sync(&mut server, &labelled(&[("a", "1")], &[("app", "one")]));
    assert!(annotation(&server, &one, ANNOTATION_DATA_HASH).is_some());
    two.sync(&mut server, &labelled(&[("b", "2")], &[("app", "two")]));
    one.sync(&mut server, &labelled(&[("a", "1")], &[("app", "one")]));
    assert_eq!(
        server.data(),
        text(&[("a", "1"), ("b", "2"), ("base", "0")])
    );
    assert_eq!(
        annotation(&server, &one, ANNOTATION_DATA_HASH),
        None,
        "a hash would be fought over"
    );
    assert_eq!(
        one.observe(&server).unwrap().labels["app"],
        "one",
        "who came first keeps it"
    );

    let writes = server.writes;
    for _ in 0..2 {
        one.sync(&mut server, &labelled(&[("a", "1")], &[("app", "one")]));
        two.sync(&mut server, &labelled(&[("b", "2")], &[("app", "two")]));
    }
    assert_eq!(server.writes, writes, "both are at rest");

    one.sync(&mut server, &rendered(&[("c", "3")]));
    assert_eq!(
        server.data(),
        text(&[("b", "2"), ("base", "0"), ("c", "3")])
    );
    let clash = two
        .try_sync(&mut server, &rendered(&[("c", "4")]))
        .err()
        .unwrap();
    assert!(
        matches!(clash, Stopped::ByServer(Refused::Conflict(manager)) if manager == one.manager())
    );
}

#[test]
fn drift_of_a_shared_secret_is_seen_by_who_owns_the_key() {
    let (one, two) = (
        policy("one", "CreateOrMerge", "Retain"),
        policy("two", "Merge", "Retain"),
    );
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
fn what_another_controls_is_refused_to_who_would_take_it() {
    let deployment = Controller {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: "db".to_owned(),
        uid: "x".to_owned(),
    };
    let other = Controller {
        name: "other".to_owned(),
        uid: "y".to_owned(),
        ..owner().owner
    };
    let remade = Controller {
        uid: "z".to_owned(),
        ..owner().owner
    };
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
                assert_eq!(secret, "ns/s");
                assert_eq!(owner, format!("{} {}", controller.kind, controller.name));
            }
            Ok(_) if !refused => {}
            other => panic!("{creation} over {controller:?}: {:?}", other.err()),
        }
    }
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
    assert!(
        orphan
            .plan(&server, Some(&rendered(&[("a", "1")])))
            .unwrap()
            .effects
            .is_empty()
    );
}

#[test]
fn immutable_secrets_keep_their_data() {
    let es = es("db", r#"{"name":"s","immutable":true}"#);
    let mut server = Server::default();
    es.sync(&mut server, &rendered(&[("a", "1")]));
    assert!(es.observe(&server).unwrap().immutable);
    for changed in [
        rendered(&[("a", "2")]),
        rendered(&[("a", "1"), ("b", "2")]),
        rendered(&[]),
    ] {
        let failure = es.plan(&server, Some(&changed)).err().unwrap();
        assert!(
            matches!(failure, Failure::TargetImmutable { ref secret } if secret == "ns/s"),
            "{failure}"
        );
    }
    // Metadata may change, also after the spec takes the flag back, which the API server would refuse.
    owner().sync(&mut server, &labelled(&[("a", "1")], &[("team", "blue")]));
    assert!(server.has("labels", "team") && es.observe(&server).unwrap().immutable);
}

#[test]
fn types_cannot_change_and_token_secrets_are_not_filled() {
    let (es, mut server) = (owner(), Server::default());
    es.sync(&mut server, &rendered(&[("a", "1")]));
    let tls = Rendered {
        type_: Some("kubernetes.io/tls".to_owned()),
        ..rendered(&[("a", "1")])
    };
    let failure = es.plan(&server, Some(&tls)).err().unwrap();
    assert!(
        matches!(failure, Failure::TargetTypeFixed { .. }),
        "{failure}"
    );
    assert_eq!(
        (
            rendered_secret_type(&tls),
            rendered_secret_type(&Rendered::default())
        ),
        ("kubernetes.io/tls", "Opaque")
    );

    let observed = Observed {
        type_: Some("kubernetes.io/service-account-token".to_owned()),
        ..Observed::default()
    };
    let mut wanted = rendered(&[("a", "1")]);
    wanted.annotations.insert(
        "kubernetes.io/service-account.name".to_owned(),
        "admin".to_owned(),
    );
    let merge = policy("db", "Merge", "Retain");
    let input = Input {
        owner: &merge.owner,
        namespace: "ns",
        spec: &merge.spec,
        observed: Some(&observed),
        foreign: None,
        siblings: &[],
        wanted: Some(&wanted),
        hasher: &merge.hasher,
    };
    assert!(matches!(plan(&input), Err(Failure::TargetForbidden { .. })));
    let leaving = Observed {
        deleting: true,
        ..Observed::default()
    };
    let input = Input {
        observed: Some(&leaving),
        ..input
    };
    assert!(matches!(
        plan(&input),
        Err(Failure::TargetTerminating { .. })
    ));
    assert!(
        target_valid(&merge.spec, Some(&leaving)),
        "its going wakes us, not its staying"
    );
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
        let deleted = plan
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Delete { name, .. } if name == "s"));
        assert_eq!(deleted, deletes, "{creation} {deletion}");
        for effect in &plan.effects {
            if let Effect::Apply(apply) = effect {
                server.apply(apply).unwrap();
            }
        }
        assert_eq!(
            server.data().get("a").map(String::as_str),
            left,
            "{creation} {deletion}"
        );
        assert!(
            server.has("data", "theirs") && server.has("labels", "team"),
            "{creation} {deletion}"
        );
    }
}

#[test]
fn only_what_is_ours_is_deleted() {
    let es = policy("db", "Owner", "Delete");
    let mut server = Server::default();
    server.update("kubectl", "data", "x", Some(b"1"));
    assert!(
        es.plan(&server, None).unwrap().effects.is_empty(),
        "nobody controls it"
    );
    let observed = es.observe(&server);
    assert!(plan_deletion(&es.spec, &es.owner, observed.as_ref()).is_empty());

    server.set_controller(es.owner.clone());
    let observed = es.observe(&server);
    let effects = plan_deletion(&es.spec, &es.owner, observed.as_ref());
    assert!(
        matches!(&effects[..], [Effect::Delete { name, uid, .. }] if name == "s" && uid == "uid")
    );
    assert!(
        plan_deletion(&owner().spec, &es.owner, observed.as_ref()).is_empty(),
        "garbage collection's work"
    );

    let sibling = |name: &str, uid: Option<&str>| Sibling {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        resource_version: "1".to_owned(),
        controller_uid: uid.map(ToOwned::to_owned),
    };
    let siblings = [
        sibling("s", Some("uid-of-db")),
        sibling("before", Some("uid-of-db")),
        sibling("copied", None),
    ];
    let plan = owner()
        .plan_with(
            &Server::default(),
            &siblings,
            Some(&rendered(&[("a", "1")])),
        )
        .unwrap();
    let deleted: Vec<_> = plan
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Delete { name, .. } => Some(name.as_str()),
            Effect::Apply(_) => None,
        })
        .collect();
    assert_eq!(deleted, ["before"]);
    assert!(
        matches!(plan.effects[0], Effect::Apply(_)),
        "the new one is there before the old one goes"
    );
}

#[test]
fn a_key_that_kubernetes_refuses_is_named() {
    let failure = owner()
        .plan(&Server::default(), Some(&rendered(&[("a/b", "1")])))
        .err()
        .unwrap();
    assert!(failure.to_string().contains(r#""a/b""#), "{failure}");
}

fn values() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-e]", "[0-2]", 0..5)
}

fn of(values: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> Rendered {
    let pairs: Vec<_> = values
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    Rendered {
        labels: labels.clone(),
        ..rendered(&pairs)
    }
}

proptest! {
    /// Whatever was there and whatever policy: after a plan is carried out there is nothing left to do,
    /// every wanted key has its value, and nothing that was not ours is gone.
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_plan(
        before in values(), by_eso in values(), first in values(), labels in values(), then in values(),
        creation in prop_oneof![Just("Owner"), Just("Orphan"), Just("Merge"), Just("CreateOrMerge")],
    ) {
        let es = policy("db", creation, "Retain");
        let mut server = Server::default();
        for (key, value) in &by_eso {
            server.update(&es.manager(), "data", key, Some(value.as_bytes()));
        }
        for (key, value) in &before {
            server.update("helm", "data", key, Some(value.as_bytes()));
        }
        for wanted in [of(&first, &labels), of(&then, &BTreeMap::new())] {
            es.sync(&mut server, &wanted);
            // A key that was helm's too stays when we let go of it, which only shows afterwards: the hash
            // is put right by a second look.
            es.sync(&mut server, &wanted);
            let plan = es.plan(&server, Some(&wanted)).unwrap();
            prop_assert!(plan.effects.is_empty());
            if plan.success == Success::Missing {
                continue;
            }
            for (key, value) in &wanted.data {
                let found = server.data().remove(key);
                prop_assert_eq!(found.as_deref().map(str::as_bytes), Some(value.expose()));
            }
            prop_assert!(es.valid(&server));
        }
        let data = server.data();
        for (key, value) in &before {
            // What helm wrote stays, unless it was taken for a value of ours.
            let taken = first.contains_key(key) || then.contains_key(key) || by_eso.get(key) == Some(value);
            prop_assert!(taken || data.get(key) == Some(value), "{} of {:?} in {:?}", key, before, data);
        }
    }

    /// Two ExternalSecrets that merge: neither takes or prunes a key of the other, and both come to rest.
    #[test]
    fn who_merges_keeps_off_the_others_keys(rounds in proptest::collection::vec((values(), values()), 1..4)) {
        let (one, two) = (policy("one", "Merge", "Retain"), policy("two", "Merge", "Retain"));
        let mut server = Server::default();
        server.update("helm", "data", "base", Some(b"0"));
        for (first, second) in &rounds {
            let before = server.data();
            let kept = two.observe(&server).unwrap().applied.data;
            let _ = one.try_sync(&mut server, &of(first, &BTreeMap::new()));
            let after = server.data();
            for key in &kept {
                prop_assert_eq!(before.get(key), after.get(key), "{}", key);
            }
            let _ = two.try_sync(&mut server, &of(second, &BTreeMap::new()));
            prop_assert!(server.data().get("base").is_some_and(|value| value == "0"));
        }
        let (first, second) = rounds.last().unwrap();
        for _ in 0..2 {
            let _ = one.try_sync(&mut server, &of(first, &BTreeMap::new()));
            let _ = two.try_sync(&mut server, &of(second, &BTreeMap::new()));
        }
        let writes = server.writes;
        let _ = one.try_sync(&mut server, &of(first, &BTreeMap::new()));
        let _ = two.try_sync(&mut server, &of(second, &BTreeMap::new()));
        prop_assert_eq!(server.writes, writes);
    }

    /// Retain never deletes, whatever the provider says.
    #[test]
    fn retain_never_deletes(first in values(), some in any::<bool>()) {
        let es = policy("db", "Owner", "Retain");
        let mut server = Server::default();
        es.sync(&mut server, &of(&first, &BTreeMap::new()));
        let wanted = some.then(|| rendered(&[]));
        let plan = es.plan(&server, wanted.as_ref()).unwrap();
        let deletes = plan.effects.iter().any(|effect| matches!(effect, Effect::Delete { .. }));
        prop_assert!(!deletes);
    }
}
