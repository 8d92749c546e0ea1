//! Rules, namespaces and annotations, case by case.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

fn policy(rules: Value) -> Result<Policy, PolicyError> {
    Policy::parse(&serde_json::from_value::<Vec<AccessRule>>(rules).unwrap())
}

fn labels(team: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("team".to_owned(), team.to_owned())])
}

fn accounts(accounts: &[(&str, Option<&str>)]) -> BTreeSet<Account> {
    let account = |(name, access): &(&str, Option<&str>)| Account {
        name: (*name).to_owned(),
        access: access.map(ToOwned::to_owned),
    };
    accounts.iter().map(account).collect()
}

fn example() -> Policy {
    policy(json!([
        {"name": "own", "access": "ReadWrite", "keys": ["team/{{namespace}}/*"]},
        {"name": "common", "keys": ["common/ca", "common/{{namespace}}_*"]},
        {"name": "blue", "namespaceSelector": {"matchLabels": {"team": "blue"}}, "keys": ["blue/*"]},
        {"name": "app-secrets-only", "namespaces": ["production"], "keys": ["app/*", "database/*"]},
        {"name": "ops", "namespaces": ["ops"], "namespaceSelector": {"matchLabels": {"team": "ops"}}, "keys": ["*"]},
    ]))
    .unwrap()
}

#[test]
fn who_may_reach_what() {
    let policy = example();
    assert!(policy.needs_labels());
    for (namespace, team, key, what_for, expected) in [
        ("a", "red", "team/a/db", Use::Read, None),
        ("a", "red", "team/a/db", Use::Write, None),
        ("a", "red", "common/ca", Use::Read, None),
        ("a", "red", "common/a_x", Use::Read, None),
        ("a", "red", "common/ca", Use::Write, Some("read only")),
        ("a", "red", "common/ab", Use::Read, Some("\"team/a/*\", \"common/ca\", \"common/a_*\"")),
        ("a", "red", "common/ab", Use::Write, Some("allows \"team/a/*\": ask")),
        ("a", "red", "team/b/db", Use::Read, Some("allows")),
        ("a", "red", "team/b/db", Use::Write, Some("allows")),
        ("a", "red", "team/a/../b/db", Use::Read, Some("as another one")),
        ("a", "red", "team/a/../b/db", Use::Write, Some("as another one")),
        ("a", "red", "blue/x", Use::Read, Some("allows")),
        ("a", "blue", "blue/x", Use::Read, None),
        ("a", "red", "app/x", Use::Read, Some("allows")),
        ("production", "red", "app/x", Use::Read, None),
        ("production", "red", "database/creds/x", Use::Read, None),
        ("production", "red", "anything", Use::Read, Some("allows")),
        ("ops", "red", "anything", Use::Read, None),
        ("other", "ops", "anything", Use::Read, None),
        // For `data` a template stands for nothing.
        (
            "data",
            "red",
            "team/data/x",
            Use::Read,
            Some(
                "allows \"common/ca\": {{namespace}} stands for nothing in a namespace that is called \"data\"",
            ),
        ),
        ("data", "red", "team/data/x", Use::Write, Some("allows nothing: {{namespace}} stands for nothing")),
        ("data", "red", "common/ca", Use::Read, None),
        ("destroy", "blue", "team/destroy/x", Use::Read, Some("called \"destroy\"")),
        ("destroy", "blue", "blue/x", Use::Read, None),
    ] {
        let reach = policy.reach(namespace, &labels(team), &BTreeSet::new());
        let said = reach.check(key, what_for).err().map(|refusal| refusal.to_string());
        match (&said, expected) {
            (None, None) => {}
            (Some(said), Some(word)) if said.contains(word) => {}
            _ => panic!("{namespace} {team} {key} {what_for:?}: {said:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn without_a_rule_nothing_is_reached() {
    let policy = policy(json!([{"name": "a", "namespaces": ["a"], "keys": ["*"]}])).unwrap();
    assert!(!policy.needs_labels());
    let reach = policy.reach("b", &BTreeMap::new(), &BTreeSet::new());
    assert_eq!(reach.check("x", Use::Read), Err(Refusal::NoRule));
    assert_eq!(reach.check_search(None), Err(Refusal::NoRule));
    // An account of theirs cannot help.
    let reach = policy.reach("b", &BTreeMap::new(), &accounts(&[("app", Some("a"))]));
    assert_eq!(reach.check("x", Use::Read), Err(Refusal::NoRule));
    // Files may say that somebody asks from no namespace.
    let reach = policy.reach("", &BTreeMap::new(), &BTreeSet::new());
    assert_eq!(reach.check("x", Use::Read), Err(Refusal::NoRule));
}

#[test]
fn an_annotation_takes_away() {
    let policy = example();
    let all = ["team/production/x", "common/ca", "app/x", "blue/x", "elsewhere"];
    let none = [false; 5];
    for (given, expected) in [
        (accounts(&[]), [true, true, true, false, false]),
        (accounts(&[("sa", None)]), [true, true, true, false, false]),
        (accounts(&[("sa", Some("app-secrets-only"))]), [false, false, true, false, false]),
        (accounts(&[("sa", Some(" own , app-secrets-only,unknown"))]), [true, false, true, false, false]),
        // Rules for others are not for it, however it calls itself.
        (accounts(&[("sa", Some("ops,blue"))]), none),
        (accounts(&[("sa", Some("own,ops"))]), [true, false, false, false, false]),
        (accounts(&[("sa", Some("*"))]), none),
        (accounts(&[("sa", Some(""))]), none),
        (accounts(&[("sa", Some("App-Secrets-Only"))]), none),
        (accounts(&[("sa", Some("own")), ("other", Some("common"))]), none),
        (accounts(&[("sa", Some("own")), ("other", None)]), [true, false, false, false, false]),
        // One that changed in between is held to both.
        (accounts(&[("sa", None), ("sa", Some("own"))]), [true, false, false, false, false]),
    ] {
        let reach = policy.reach("production", &labels("red"), &given);
        let found = all.map(|key| reach.check(key, Use::Read).is_ok());
        assert_eq!(found, expected, "{given:?}");
    }
    let reach = policy.reach(
        "production",
        &labels("red"),
        &accounts(&[("external-secrets-app-sa", Some("nothing"))]),
    );
    let said = reach.check("app/x", Use::Read).unwrap_err();
    assert_eq!(said, Refusal::Annotation("external-secrets-app-sa".to_owned()));
    assert!(
        said.to_string()
            .contains("external-secrets.io/secret-store-access of ServiceAccount external-secrets-app-sa")
    );
}

#[test]
fn searches() {
    let reach = example().reach("a", &labels("red"), &BTreeSet::new());
    for (path, fine) in [
        (None, true),
        (Some("team"), true),
        (Some("team/a"), true),
        (Some("team/a/deep/"), true),
        (Some("team/b"), false),
        (Some("team/a/../b"), false),
        (Some("blue"), false),
    ] {
        assert_eq!(reach.check_search(path).is_ok(), fine, "{path:?}");
    }
    assert!(reach.nothing_found().to_string().contains("\"team/a/*\""));
}

#[test]
fn many_patterns_are_not_all_said() {
    let keys: Vec<String> = (0..20).map(|index| format!("k{index}")).collect();
    let policy = policy(json!([{"name": "a", "keys": keys}])).unwrap();
    let said = policy.reach("a", &BTreeMap::new(), &BTreeSet::new()).check("x", Use::Read).unwrap_err();
    assert!(said.to_string().contains("\"k4\" and 15 more"), "{said}");
}

#[test]
fn what_is_no_policy() {
    let rule = |rest: Value| {
        let mut rule = json!({"name": "r", "keys": ["a/*"]});
        rule.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        rule
    };
    let many: Vec<Value> = (0..65).map(|index| rule(json!({"name": format!("r{index}")}))).collect();
    for (rules, words) in [
        (json!([]), "has no rule"),
        (json!(many), "65 rules, more than 64"),
        (json!([rule(json!({})), rule(json!({}))]), "spec.accessPolicy[1].name: \"r\""),
        (json!([rule(json!({"name": "a,b"}))]), "spec.accessPolicy[0].name"),
        (json!([rule(json!({"name": ""}))]), "spec.accessPolicy[0].name"),
        (json!([rule(json!({"namespaces": []}))]), "spec.accessPolicy[0].namespaces"),
        (
            json!([rule(
                json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}})
            )]),
            "spec.accessPolicy[0].namespaceSelector: \"Is\"",
        ),
        (json!([rule(json!({"keys": []}))]), "spec.accessPolicy[0].keys has 0 patterns"),
        (json!([rule(json!({"keys": vec!["a"; 65]}))]), "spec.accessPolicy[0].keys has 65 patterns"),
        (json!([rule(json!({"keys": ["a".repeat(1025)]}))]), "spec.accessPolicy[0].keys[0] is longer"),
        (
            json!([rule(json!({"keys": ["a", "b/{{name}}"]}))]),
            "spec.accessPolicy[0].keys[1]: {{name}} is not known: only {{namespace}} stands",
        ),
        (
            json!([rule(json!({"keys": ["a/{{namespace}}-*"]}))]),
            "spec.accessPolicy[0].keys[0]: behind {{namespace}} stands",
        ),
        (json!([rule(json!({"keys": ["{{namespace}}/*"]}))]), "cannot be the first part"),
        // A selector beside the names may mean any.
        (
            json!([rule(json!({"keys": ["{{namespace}}/*"], "namespaces": ["a"],
                              "namespaceSelector": {"matchLabels": {"a": "b"}}}))]),
            "cannot be the first part",
        ),
        (json!([rule(json!({"namespaceSelector": {}}))]), "namespaceSelector: it has neither labels"),
        (
            json!([rule(json!({"namespaceSelector": {"matchLabels": {}}}))]),
            "namespaceSelector: it has neither",
        ),
        (
            json!([rule(json!({"namespaces": ["a"], "namespaceSelector": {"matchExpressions": []}}))]),
            "namespaceSelector: it has neither",
        ),
    ] {
        let said = policy(rules.clone()).unwrap_err().to_string();
        assert!(said.contains(words), "{rules}: {said}");
    }
    assert!(policy(json!([rule(json!({"keys": ["{{namespace}}/*"], "namespaces": ["a"]}))])).is_ok());
}
