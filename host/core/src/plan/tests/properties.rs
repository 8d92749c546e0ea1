//! What holds whatever the values: plans come to rest, writers keep off each other, Retain never deletes.

use proptest::prelude::*;

use super::*;

fn values() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-e]", "[0-2]", 0..5)
}

fn of(values: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> Rendered {
    let pairs: Vec<_> = values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Rendered { labels: labels.clone(), ..rendered(&pairs) }
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

    /// A partial sync: what could not be read stays as it is, what was read is written, and then there is rest.
    #[test]
    fn what_could_not_be_read_stays(
        first in values(), then in values(), foreign in values(), failing in proptest::collection::btree_set("[a-e]", 0..3),
        others in any::<bool>(), creation in prop_oneof![Just("Owner"), Just("Merge"), Just("CreateOrMerge")],
    ) {
        let es = policy("db", creation, "Retain");
        let mut server = Server::default();
        for (key, value) in &foreign {
            server.update("helm", "data", &format!("helm-{key}"), Some(value.as_bytes()));
        }
        es.sync(&mut server, &of(&first, &BTreeMap::new()));
        let before = server.data();
        let mut wanted = of(&then, &BTreeMap::new());
        wanted.data.retain(|key, _| !failing.contains(key));
        wanted.kept = KeptKeys { named: failing.clone(), others };
        let plan = es.sync(&mut server, &wanted);
        prop_assert!(es.plan(&server, Some(&wanted)).unwrap().effects.is_empty());
        if plan.success != Success::Missing {
            let after = server.data();
            for (key, value) in &before {
                let stays = failing.contains(key) || others || key.starts_with("helm-");
                let expected = match wanted.data.get(key) {
                    Some(read) => Some(String::from_utf8(read.expose().to_vec()).unwrap()),
                    None => stays.then(|| value.clone()),
                };
                prop_assert_eq!(after.get(key), expected.as_ref(), "{}", key);
            }
            prop_assert!(wanted.data.keys().all(|key| after.contains_key(key)));
            prop_assert!(es.valid(&server));
        }
    }
}
