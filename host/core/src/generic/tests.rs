//! What becomes of an object of another kind, by policy, place and owner.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::secret::SecretBytes;
use crate::template::{Job, Sources};

const CONFIG_MAP: &str = r#"{"apiVersion": "v1", "kind": "ConfigMap"}"#;
const CUSTOM: &str = r#"{"apiVersion": "example.com/v1", "kind": "Gateway"}"#;

struct Case {
    owner: Controller,
    spec: ExternalSecretSpec,
}

fn case(manifest: &str, target: Value) -> Case {
    let mut target = target;
    target["manifest"] = serde_json::from_str(manifest).unwrap();
    target["name"] = json!("t");
    let owner = Controller {
        api_version: "external-secrets.io/v1".to_owned(),
        kind: "ExternalSecret".to_owned(),
        name: "es".to_owned(),
        uid: "uid-of-es".to_owned(),
    };
    Case { owner, spec: serde_json::from_value(json!({"target": target})).unwrap() }
}

impl Case {
    /// Renders with the texts as they are.
    fn rendered(&self, data: &[(&str, &[u8])]) -> Result<Rendered, Failure> {
        let data: BTreeMap<_, _> = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Arc::new(SecretBytes::copied_from(value))))
            .collect();
        let Some(template) = &self.spec.target.template else {
            return Ok(Rendered { data, ..Rendered::default() });
        };
        let job = Job::of_any_kind(template, "ns", &Sources::new())?;
        let texts = job.templates.iter().map(|(_, text)| SecretBytes::copied_from(text.as_bytes())).collect();
        job.finish(template, data, texts)
    }

    fn plan(&self, found: Option<&Found>, wanted: Option<&Rendered>) -> Result<Plan, Failure> {
        plan(&Input {
            owner: &self.owner,
            namespace: "ns",
            spec: &self.spec,
            manifest: self.spec.target.manifest.as_ref().unwrap(),
            found,
            wanted,
        })
    }

    fn body(&self, found: Option<&Found>, data: &[(&str, &[u8])]) -> Value {
        match self.plan(found, Some(&self.rendered(data).unwrap())).unwrap().effect {
            Some(Effect::Apply { body, .. }) => body.expose().clone(),
            _ => panic!("nothing is applied"),
        }
    }
}

/// As the API server has it.
fn found(object: Value, owner: Option<&Controller>) -> Found {
    Found {
        uid: "u".to_owned(),
        resource_version: "7".to_owned(),
        deleting: false,
        controller: owner.cloned(),
        object: Document::new(object),
    }
}

#[test]
fn each_kind_has_its_place_for_data() {
    let map = case(CONFIG_MAP, json!({}));
    let body = map.body(None, &[("a", b"1"), ("bytes", b"\xff\x00")]);
    assert_eq!((&body["data"], &body["binaryData"]), (&json!({"a": "1"}), &json!({"bytes": "/wA="})));
    assert_eq!(body["metadata"]["ownerReferences"][0]["uid"], json!("uid-of-es"));
    assert_eq!(body["metadata"]["labels"]["reconcile.external-secrets.io/managed"], json!("true"));
    let custom = case(CUSTOM, json!({"creationPolicy": "Orphan"}));
    let body = custom.body(None, &[("a", b"1")]);
    assert_eq!(body["spec"], json!({"data": {"a": "1"}}));
    assert_eq!(body["metadata"].get("ownerReferences"), None);
    let refused = custom.plan(None, Some(&custom.rendered(&[("a", b"\xff")]).unwrap())).err().unwrap();
    assert_eq!(refused.class().reason, "ValueNotUsable");
}

#[test]
fn templates_go_to_any_place() {
    let from = json!([
        {"literal": "host: h\nport: 1\n", "target": "spec"},
        {"literal": "b: 2\n", "target": "spec.tls"},
        {"literal": "c: 3\n", "target": "spec.tls"},
        {"literal": "- p\n- q\n", "target": "spec.rules[1].from"},
        {"literal": "team: a", "target": "Labels"},
        {"literal": "plain: text", "target": "Data"},
    ]);
    let custom = case(CUSTOM, json!({"template": {"templateFrom": from, "data": {"k": "v"}}}));
    let body = custom.body(None, &[("a", b"1")]);
    assert_eq!(
        body["spec"],
        json!({"host": "h", "port": 1, "tls": {"b": 2, "c": 3}, "rules": [null, {"from": ["p", "q"]}]})
    );
    assert_eq!(body["data"], json!({"plain": "text", "k": "v"}));
    assert_eq!(body["metadata"]["labels"]["team"], json!("a"));
    for target in ["metadata.ownerReferences[0].uid", "spec..a", "kind"] {
        let bad = case(CUSTOM, json!({"template": {"templateFrom": [{"literal": "x", "target": target}]}}));
        assert_eq!(
            bad.rendered(&[]).err().map(|failure| failure.class().reason),
            Some("PolicyInvalid"),
            "{target}"
        );
    }
    // ESO's word for the spec's own keys, in any case, and texts there.
    let from = json!([{"literal": "host: h", "target": "SPEC"}]);
    let body = case(CUSTOM, json!({"template": {"templateFrom": from}})).body(None, &[]);
    assert_eq!((&body["spec"], body.get("SPEC")), (&json!({"host": "h"}), None));
    // In a shared target the list's other elements stay.
    let shared = case(
        CUSTOM,
        json!({"creationPolicy": "Merge", "template": {"templateFrom": [{"literal": "secret", "target": "spec.list[1].x"}]}}),
    );
    let there = found(json!({"spec": {"list": [{"x": 1}, {"x": 2, "y": 3}], "other": 1}}), None);
    assert_eq!(shared.body(Some(&there), &[])["spec"], json!({"list": [{"x": 1}, {"x": "secret", "y": 3}]}));
}

#[test]
fn what_is_there_already_is_not_written_again() {
    let map = case(CONFIG_MAP, json!({}));
    let mut there = map.body(None, &[("a", b"1"), ("b", b"2")]);
    there["metadata"]["labels"]["theirs"] = json!("x");
    let look = |object: &Value, data: &[(&str, &[u8])]| {
        let found = found(object.clone(), Some(&map.owner));
        map.plan(Some(&found), Some(&map.rendered(data).unwrap())).unwrap().effect.is_some()
    };
    assert!(!look(&there, &[("a", b"1"), ("b", b"2")]));
    assert!(look(&there, &[("a", b"1"), ("b", b"3")]), "another value");
    assert!(look(&there, &[("a", b"1")]), "a key that is wanted no more");
    let mut drifted = there.clone();
    drifted["data"]["a"] = json!("tampered");
    assert!(look(&drifted, &[("a", b"1"), ("b", b"2")]));
    let orphaned = found(there, None);
    let wanted = map.rendered(&[("a", b"1"), ("b", b"2")]).unwrap();
    let plan = map.plan(Some(&orphaned), Some(&wanted)).unwrap();
    let Some(Effect::Apply { body, new: false, .. }) = plan.effect else { panic!("its owner is set") };
    assert_eq!(body.expose()["metadata"]["resourceVersion"], json!("7"));
    let plan = map.plan(None, Some(&wanted)).unwrap();
    assert!(matches!(plan.effect, Some(Effect::Apply { new: true, .. })), "it is made");
}

#[test]
fn policies_and_owners_are_those_of_secrets() {
    let other = Controller { name: "other".to_owned(), uid: "o".to_owned(), ..case(CUSTOM, json!({})).owner };
    let theirs = || found(json!({}), Some(&other));
    let reason = |plan: Result<Plan, Failure>| match plan {
        Ok(plan) => (plan.success.of_resource().0, plan.effect.is_some()),
        Err(failure) => (failure.class().reason, false),
    };
    // (target, what is there, whether something is wanted, outcome)
    let ours = case(CUSTOM, json!({})).owner;
    let mine = || found(json!({}), Some(&ours));
    let cases = [
        (json!({}), None, true, ("ResourceSynced", true)),
        (json!({}), Some(theirs()), true, ("TargetOwned", false)),
        (json!({"creationPolicy": "Orphan"}), Some(theirs()), true, ("TargetOwned", false)),
        (json!({"creationPolicy": "Merge"}), None, true, ("ResourceMissing", false)),
        (json!({"creationPolicy": "Merge"}), Some(theirs()), true, ("ResourceSynced", true)),
        (json!({"creationPolicy": "None"}), None, true, ("ResourceSynced", false)),
        (json!({"deletionPolicy": "Delete"}), Some(mine()), false, ("ResourceDeleted", true)),
        (json!({"deletionPolicy": "Delete"}), Some(theirs()), false, ("ResourceDeleted", false)),
        (
            json!({"deletionPolicy": "Delete"}),
            Some(found(json!({}), None)),
            false,
            ("ResourceDeleted", false),
        ),
        (json!({}), Some(mine()), false, ("ResourceSynced", false)),
        (json!({"deletionPolicy": "Merge"}), Some(mine()), false, ("ResourceSynced", true)),
        (json!({}), Some(Found { deleting: true, ..mine() }), true, ("TargetTerminating", false)),
    ];
    for (target, there, some, expected) in cases {
        let case = case(CUSTOM, target.clone());
        let wanted = some.then(|| case.rendered(&[("a", b"1")]).unwrap());
        assert_eq!(reason(case.plan(there.as_ref(), wanted.as_ref())), expected, "{target} {some}");
    }
}

#[test]
fn kinds_that_get_round_a_rule_are_refused() {
    let said = |manifest: &str, allowed| {
        let manifest: ManifestRef = serde_json::from_str(manifest).unwrap();
        check(&manifest, allowed).err().map(|failure| failure.to_string()).unwrap_or_default()
    };
    assert_eq!(said(CONFIG_MAP, true), "");
    assert!(said(CONFIG_MAP, false).contains("--unsafe-allow-generic-targets"));
    assert!(said(r#"{"apiVersion": "v1", "kind": "Secret"}"#, true).contains("a Secret"));
    assert_eq!(said(r#"{"apiVersion": "bitnami.com/v1", "kind": "Secret"}"#, true), "");
    for group in OWN_GROUPS {
        assert!(
            !said(&format!(r#"{{"apiVersion": "{group}/v1", "kind": "X"}}"#), true).is_empty(),
            "{group}"
        );
    }
}

/// A manifest has room for thousands of such targets, and each would make ten thousand nulls.
#[test]
fn indexes_are_no_way_to_ask_for_memory() {
    let spec = |count: usize| {
        let from = |n| json!({"literal": "x", "target": format!("spec.list{n}[9999]")});
        let from: Vec<Value> = (0..count).map(from).collect();
        case(CUSTOM, json!({"template": {"templateFrom": from}})).spec
    };
    let check =
        |count: usize| crate::template::check_destinations(&spec(count).target.template.unwrap(), true);
    assert_eq!(check(10), Ok(()));
    assert!(check(11).unwrap_err().contains("110000 elements of lists"));
}
