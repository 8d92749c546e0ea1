//! What is decided, by tables. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Managed, with a current version `v2` and the one before.
fn stored() -> Stored {
    let labels = |label: &str| vec![label.to_owned()];
    Stored {
        tags: tags(&[managed::MARK, ("team", "red")]),
        description: Some("a description".to_owned()),
        deleted: false,
        versions: BTreeMap::from([
            ("v1".to_owned(), labels("AWSPREVIOUS")),
            ("v2".to_owned(), labels(CURRENT)),
        ]),
        changed: "1764168773.046".to_owned(),
        replicas: vec!["eu-west-1".to_owned()],
    }
}

fn wanted<'a>(spec: &Value) -> Wanted<'a> {
    let metadata = json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec,
    });
    let spec = SecretSpec::parse(Some(&metadata.to_string())).unwrap();
    Wanted { name: "app/x", value: b"hunter2", spec, expected: None, replace: true }
}

fn kind<T>(result: Result<T, Error>) -> Result<T, &'static str> {
    result.map_err(|error| match error {
        Error::Denied(text) if text.starts_with("app/x: secret not managed by external-secrets") => "denied",
        Error::Conflict(_) => "conflict",
        error => panic!("{error:?}"),
    })
}

#[test]
fn what_comes_first() {
    let compare = |restore| Ok(Begin::Compare { restore });
    let there = stored();
    let deleted = Stored { deleted: true, ..stored() };
    let empty = Stored { versions: BTreeMap::new(), ..stored() };
    let other = |stored: &Stored| Stored { tags: tags(&[("managed-by", "me")]), ..stored.clone() };
    for (stored, expected, replace, result) in [
        (None, None, true, Ok(Begin::Create)),
        (None, None, false, Ok(Begin::Create)),
        (None, Some("v2"), true, Err("conflict")),
        (Some(there.clone()), None, true, compare(false)),
        (Some(there.clone()), Some("v2"), true, compare(false)),
        (Some(there.clone()), Some("v1"), true, Err("conflict")),
        (Some(there.clone()), None, false, Ok(Begin::Unchanged)),
        (Some(other(&there)), None, true, Err("denied")),
        (Some(other(&there)), None, false, Ok(Begin::Unchanged)),
        (Some(deleted.clone()), None, true, compare(true)),
        (Some(deleted.clone()), None, false, compare(true)),
        (Some(deleted.clone()), Some("v2"), true, Err("conflict")),
        (Some(other(&deleted)), None, true, Err("denied")),
        (Some(empty.clone()), None, false, compare(false)),
        (Some(other(&empty)), None, true, Err("denied")),
    ] {
        let wanted = Wanted { expected, replace, ..wanted(&json!({})) };
        assert_eq!(kind(begin(stored.as_ref(), &wanted)), result, "{stored:?} {expected:?} {replace}");
    }
}

/// The metadata, the value and the policy that are there, and what of the plan is not empty.
#[test]
fn what_is_sent() {
    let (text, bytes) = (Some(Kept::Text(b"hunter2")), Some(Kept::Bytes(b"hunter2")));
    let policy = json!({"Version": "2012-10-17", "Statement": []});
    let spaced = "{ \"Statement\": [],\n\"Version\": \"2012-10-17\" }";
    let with_policy = |text: &str| json!({"resourcePolicy": {"policy": text}});
    #[rustfmt::skip]
    let table = [
        (json!({}), text, None, json!({})),
        (json!({}), bytes, None, json!({})),
        (json!({}), Some(Kept::Text(b"hunter1")), None, json!({"put": true})),
        (json!({}), None, None, json!({"put": true})),
        // The form that is asked for.
        (json!({"secretPushFormat": "string"}), text, None, json!({})),
        (json!({"secretPushFormat": "string"}), bytes, None, json!({"put": true})),
        (json!({"secretPushFormat": "binary"}), text, None, json!({"put": true})),
        (json!({"description": "a description", "tags": {"team": "red"}, "replicationLocations": ["eu-west-1"]}), text, None, json!({})),
        (json!({"description": "another"}), text, None, json!({"description": "another"})),
        (json!({"tags": {"stage": "prod"}}), text, None, json!({"untag": ["team"], "tag": {"stage": "prod"}})),
        (json!({"tags": {}}), text, None, json!({})),
        (json!({"replicationLocations": ["eu-north-1"]}), text, None, json!({"unreplicate": ["eu-west-1"], "replicate": ["eu-north-1"]})),
        (json!({"replicationLocations": []}), text, None, json!({"unreplicate": ["eu-west-1"]})),
        // Only of a secret that is made, as in ESO.
        (json!({"kmsKeyId": "alias/other"}), text, None, json!({})),
        (with_policy(&policy.to_string()), text, Some(spaced), json!({})),
        (with_policy(&policy.to_string()), text, None, json!({"policy": policy.to_string()})),
        (with_policy(""), text, Some(spaced), json!({"policy": ""})),
        (with_policy(""), text, None, json!({})),
        (json!({}), text, Some(spaced), json!({})),
    ];
    for (spec, value, policy, expected) in table {
        let plan = plan(&stored(), value, policy, &wanted(&spec)).unwrap();
        let mut found = json!({
            "untag": plan.untag, "tag": plan.tag, "description": plan.description, "policy": plan.policy,
            "unreplicate": plan.unreplicate, "replicate": plan.replicate, "put": plan.put,
        });
        let empty = |value: &Value| [json!([]), json!({}), json!(false), Value::Null].contains(value);
        found.as_object_mut().unwrap().retain(|_, value| !empty(value));
        assert_eq!(found, expected, "{spec}");
        let outcome = if expected == json!({}) { Outcome::Unchanged } else { Outcome::Updated };
        assert_eq!(plan.outcome, outcome, "{spec}");
    }
    for gone in [Stored { deleted: true, ..stored() }, Stored { versions: BTreeMap::new(), ..stored() }] {
        let plan = plan(&gone, text, None, &wanted(&json!({}))).unwrap();
        assert_eq!(plan.outcome, Outcome::Created);
    }
    assert!(plan(&stored(), text, None, &wanted(&with_policy("no json"))).is_err());
}

#[test]
fn how_a_value_is_sent() {
    let string = json!({"secretPushFormat": "string"});
    assert_eq!(sent(&wanted(&json!({}))).unwrap(), Sent::Bytes(b"hunter2".to_vec()));
    assert_eq!(sent(&wanted(&string)).unwrap(), Sent::Text("hunter2".to_owned()));
    let bytes = Wanted { value: &[0, 159, 146], ..wanted(&string) };
    assert!(matches!(sent(&bytes), Err(Error::Unsupported(_))));
}

/// 32 to 64 characters, says the API reference; the same for who saw the same, and for nobody else.
#[test]
fn tokens() {
    let moved = Stored {
        versions: BTreeMap::from([("v1".to_owned(), vec![CURRENT.to_owned()]), ("v2".to_owned(), vec![])]),
        ..stored()
    };
    let later = Stored { changed: "1764168773.047".to_owned(), ..stored() };
    let tokens = [
        token("app/x", None),
        token("app/y", None),
        token("app/x", Some(&stored())),
        token("app/x", Some(&moved)),
        token("app/x", Some(&later)),
    ];
    assert!(tokens.iter().all(|token| token.len() == 36));
    let different: std::collections::BTreeSet<_> = tokens.iter().collect();
    assert_eq!(different.len(), tokens.len());
    assert_eq!(token("app/x", Some(&stored())), tokens[2]);
}

#[test]
fn removals() {
    let other = Stored { tags: Tags::new(), ..stored() };
    let gone = Stored { deleted: true, ..other.clone() };
    for (stored, expected, result) in [
        (stored(), None, Ok(true)),
        (stored(), Some("v2"), Ok(true)),
        (stored(), Some("v1"), Err("conflict")),
        (other, None, Err("denied")),
        (gone, None, Ok(false)),
    ] {
        assert_eq!(kind(removes(&stored, "app/x", expected)), result, "{stored:?} {expected:?}");
    }
}
