//! Reading under a policy: by key, by search, in part; and that nothing is deleted for what may not be read.

use serde_json::{Value, json};

use super::{cleared, external_secret, fake, forbidden, key, neighbour, refreshed, store};
use crate::support::{Operator, assert_no_value_left, world};

#[test]
fn a_namespace_reads_its_own_and_nobody_else_s() {
    let world = world!("access-reads");
    let other = neighbour(&world);
    let (own, theirs) = (format!("teams/{}/db", world.name), format!("teams/{}/db", other.name));
    let odd = format!("teams/{}/../{}/db", world.name, other.name);
    let policy = json!([
        {"name": "own", "keys": ["teams/{{namespace}}/*"]},
        {"name": "common", "keys": ["common/ca"]},
        {"name": "tier", "namespaceSelector": {"matchLabels": {"claviger.io/e2e-tier": "platform"}}, "keys": ["platform/*"]},
    ]);
    store(&world, &fake(&[&own, &theirs, &odd, "common/ca", "common/cakey", "platform/x"]), &policy);
    let operator = Operator::start(&world);
    for at in [&world, &other] {
        let own = format!("teams/{}/db", at.name);
        external_secret(at, &world.name, "own", &key(&own));
        at.wait_data("own", &[("v", &format!("MARKED-{own}"))]);
        external_secret(at, &world.name, "common", &key("common/ca"));
        at.wait_data("common", &[("v", "MARKED-common/ca")]);
    }
    // The other namespace's name begins like this one's, and the other way round nothing begins.
    for (at, name, asked, words) in [
        (&world, "theirs", theirs.as_str(), "allows"),
        (&other, "theirs", own.as_str(), "allows"),
        (&world, "beside", "common/cakey", "\"common/ca\""),
        // A key of that very name is there: with the fake provider dots are only dots.
        (&world, "dots", odd.as_str(), "it might be read as another one"),
        (&other, "tier", "platform/x", "ask for another one"),
    ] {
        external_secret(at, &world.name, name, &key(asked));
        let message = at.wait_reason("externalsecret", name, "KeyForbidden");
        let about =
            format!("ClusterSecretStore {}: key {asked:?} is not for namespace {}:", world.name, at.name);
        assert!(message.contains(&about) && message.contains(words), "{message}");
        assert!(message.starts_with("could not get secret data from provider: "), "{message}");
        assert!(at.get("secret", name).is_none(), "{name}");
    }
    world.wait("an event that says so", || {
        let events = world.kubectl(&["-n", &world.name, "get", "events", "-o", "json"]);
        let events: Value = serde_json::from_str(&events).unwrap();
        let about = |event: &&Value| {
            event["involvedObject"]["name"] == "theirs"
                && event["type"] == "Warning"
                && event["reason"] == "UpdateFailed"
                && event["message"].as_str().is_some_and(|it| it.contains("is not for namespace"))
        };
        let found = events["items"].as_array().into_iter().flatten().any(|event| about(&event));
        if found { Ok(()) } else { Err(events.to_string()) }
    });
    // A label makes a rule one's own; nothing tells of it, and it is found out all the same.
    world.kubectl(&["label", "namespace", &other.name, "claviger.io/e2e-tier=platform", "--overwrite"]);
    other.wait_data("tier", &[("v", "MARKED-platform/x")]);
    // What could be had is written where that is asked for, and the status names the rest.
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "part", "namespace": world.name, "annotations": {"claviger.io/partial-sync": "true"}},
        "spec": {"refreshInterval": "1h", "secretStoreRef": {"kind": "ClusterSecretStore", "name": world.name}, "data": [
            {"secretKey": "own", "remoteRef": {"key": own}}, {"secretKey": "theirs", "remoteRef": {"key": theirs}},
        ]},
    }));
    world.wait_data("part", &[("own", &format!("MARKED-{own}"))]);
    world.wait_reason("externalsecret", "part", "PartiallySynced");
    let failures = world.get("externalsecret", "part").unwrap()["status"]["failures"].clone();
    assert_eq!((&failures[0]["entry"], &failures[0]["reason"]), (&json!("data[1]"), &json!("KeyForbidden")));
    let values = [format!("MARKED-{own}"), format!("MARKED-{theirs}"), format!("MARKED-{odd}")];
    assert_no_value_left(&world, &operator, &values.each_ref().map(String::as_str));
    cleared(&world);
}

#[test]
fn a_search_shows_what_is_allowed() {
    let world = world!("access-find");
    let other = neighbour(&world);
    let (own, more) = (format!("{}_db", world.name), format!("{}_mq", world.name));
    let theirs = format!("{}_db", other.name);
    let provider = fake(&[&own, &more, &theirs, "common"]);
    store(&world, &provider, &json!([{"name": "own", "keys": ["{{namespace}}_*", "common"]}]));
    let _operator = Operator::start(&world);
    let find = |regexp: &str| json!({"dataFrom": [{"find": {"name": {"regexp": regexp}}}], "target": {"deletionPolicy": "Delete"}});
    let marked = |key: &str| format!("MARKED-{key}");
    external_secret(&world, &world.name, "all", &find(".*"));
    world.wait_data("all", &[(&own, &marked(&own)), (&more, &marked(&more)), ("common", "MARKED-common")]);
    external_secret(&other, &world.name, "all", &find(".*"));
    other.wait_data("all", &[(&theirs, &marked(&theirs)), ("common", "MARKED-common")]);
    // Names that are there and may not be seen, and names that nobody has, are told in the same words.
    let said: Vec<String> = [("hidden", theirs.as_str()), ("absent", "nobody-has-this")]
        .map(|(name, regexp)| {
            external_secret(&world, &world.name, name, &find(regexp));
            let message = world.wait_reason("externalsecret", name, "KeyForbidden");
            assert!(message.contains("it found nothing that its spec.accessPolicy allows"), "{message}");
            message
        })
        .into();
    assert_eq!(said[0], said[1]);

    // With less allowed a search shows less; with nothing left of it the Secret stays, whatever the deletionPolicy says.
    store(&world, &provider, &json!([{"name": "own", "keys": [more]}]));
    refreshed(&world, "all", "the other keys to go", || {
        let found: Vec<String> = world.data("all").unwrap_or_default().into_keys().collect();
        if found == [more.as_str()] { Ok(()) } else { Err(format!("{found:?}")) }
    });
    store(&world, &provider, &json!([{"name": "own", "keys": ["something/else"]}]));
    forbidden(&world, "all", "(\"something/else\")");
    store(&world, &provider, &json!([{"name": "own", "namespaces": [other.name], "keys": ["*"]}]));
    forbidden(&world, "all", "no rule of its spec.accessPolicy is for this namespace");
    world.wait_data("all", &[(&more, &marked(&more))]);
    cleared(&world);
}

#[test]
fn what_is_forbidden_is_not_missing() {
    let world = world!("access-deletion");
    let provider = fake(&["a", "b"]);
    store(&world, &provider, &json!([{"name": "all", "keys": ["*"]}]));
    let _operator = Operator::start(&world);
    for policy in ["Delete", "Merge", "Retain"] {
        let mut spec = json!({
            "data": [{"secretKey": "a", "remoteRef": {"key": "a"}}, {"secretKey": "b", "remoteRef": {"key": "b"}}],
        });
        spec["target"] = json!({ "deletionPolicy": policy });
        external_secret(&world, &world.name, &policy.to_lowercase(), &spec);
        world.wait_data(&policy.to_lowercase(), &[("a", "MARKED-a"), ("b", "MARKED-b")]);
    }
    for keys in [json!(["a"]), json!(["c"])] {
        store(&world, &provider, &json!([{"name": "all", "keys": keys}]));
        for name in ["delete", "merge", "retain"] {
            let allowed = keys[0].as_str().unwrap();
            forbidden(&world, name, &format!("allows \"{allowed}\":"));
            world.wait_data(name, &[("a", "MARKED-a"), ("b", "MARKED-b")]);
        }
    }
    cleared(&world);
}
