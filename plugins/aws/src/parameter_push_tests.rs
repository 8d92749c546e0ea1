//! What is decided, by tables. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn spec(spec: &Value) -> ParameterSpec {
    let metadata = json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec,
    });
    ParameterSpec::parse(Some(&metadata.to_string())).unwrap()
}

fn wanted<'a>(value: &'a str, of: &Value) -> Wanted<'a> {
    Wanted { name: "/app/x", value, spec: spec(of), expected: None, replace: true }
}

fn stored() -> Stored {
    Stored { value: "hunter2".to_owned(), r#type: "SecureString".to_owned(), version: 3 }
}

fn kind<T>(result: Result<T, Error>) -> Result<T, &'static str> {
    result.map_err(|error| match error {
        Error::Denied(text) if text.starts_with("/app/x: secret not managed by external-secrets") => "denied",
        Error::Conflict(_) => "conflict",
        error => panic!("{error:?}"),
    })
}

#[test]
fn what_comes_first() {
    for (there, expected, replace, result) in [
        (false, None, true, Ok(Begin::Create)),
        (false, None, false, Ok(Begin::Create)),
        (false, Some("3"), true, Err("conflict")),
        (true, None, true, Ok(Begin::Compare)),
        (true, Some("3"), true, Ok(Begin::Compare)),
        (true, Some("2"), true, Err("conflict")),
        (true, None, false, Ok(Begin::Unchanged)),
    ] {
        let wanted = Wanted { expected, replace, ..wanted("hunter2", &json!({})) };
        let stored = there.then(stored);
        assert_eq!(kind(begin(stored.as_ref(), &wanted)), result, "{there} {expected:?} {replace}");
    }
}

#[test]
fn what_is_sent() {
    let ours = [managed::MARK, ("team", "red")];
    for (there, value, spec, result) in [
        (&ours[..], "hunter2", json!({}), Ok((false, 0, 0))),
        (&ours, "hunter3", json!({}), Ok((true, 0, 0))),
        (&ours, "hunter2", json!({"secretType": "SecureString"}), Ok((false, 0, 0))),
        // What is asked for is not encrypted with what is there, or the other way round: that is not the same.
        (&ours, "hunter2", json!({"secretType": "String"}), Ok((true, 0, 0))),
        (&ours, "hunter2", json!({"tags": {"team": "red"}}), Ok((false, 0, 0))),
        (&ours, "hunter2", json!({"tags": {"stage": "prod"}}), Ok((false, 1, 1))),
        (&ours, "hunter3", json!({"tags": {"team": "blue"}}), Ok((true, 0, 1))),
        (&[("managed-by", "me")], "hunter2", json!({}), Err("denied")),
        (&[], "hunter2", json!({}), Err("denied")),
    ] {
        let found = kind(plan(&stored(), &tags(there), &wanted(value, &spec)));
        let outcome = found.as_ref().map(|plan| plan.outcome).ok();
        let sizes = found.map(|plan| (plan.put, plan.untag.len(), plan.tag.len()));
        assert_eq!(sizes, result, "{there:?} {value} {spec}");
        let expected = |sizes| if sizes == (false, 0, 0) { Outcome::Unchanged } else { Outcome::Updated };
        assert_eq!(outcome, result.ok().map(expected), "{there:?} {value} {spec}");
    }
}

#[test]
fn fields_of_a_put() {
    let policies = json!([{"Type": "Expiration", "Version": "1.0"}]);
    let text = policies.to_string();
    let eso = "secret 'managed-by:external-secrets'";
    for (of, there, expected) in [
        (json!({}), None, ("String", None, None, None, Some(eso))),
        (json!({}), Some("SecureString"), ("SecureString", None, None, None, None)),
        (json!({"description": "d"}), Some("String"), ("String", None, None, None, Some("d"))),
        (json!({"kmsKeyID": "alias/x"}), None, ("String", None, None, None, Some(eso))),
        (
            json!({"secretType": "SecureString", "kmsKeyID": "alias/x"}),
            None,
            ("SecureString", Some("alias/x"), None, None, Some(eso)),
        ),
        (json!({"tier": {"type": "Standard"}}), None, ("String", None, None, None, Some(eso))),
        (
            json!({"tier": {"type": "Intelligent-Tiering"}}),
            None,
            ("String", None, Some("Intelligent-Tiering"), None, Some(eso)),
        ),
        (
            json!({"tier": {"type": "Advanced", "policies": policies}}),
            None,
            ("String", None, Some("Advanced"), Some(text.as_str()), Some(eso)),
        ),
        (
            json!({"tier": {"type": "Advanced", "policies": text}}),
            None,
            ("String", None, Some("Advanced"), Some(text.as_str()), Some(eso)),
        ),
    ] {
        let Put { r#type, key_id, tier, policies, description } = put(&spec(&of), there);
        let found = (
            r#type.as_str(),
            key_id.as_deref(),
            tier.as_deref(),
            policies.as_deref(),
            description.as_deref(),
        );
        assert_eq!(found, expected, "{of} {there:?}");
    }
}

#[test]
fn removals() {
    for (there, expected, result) in [
        (&[managed::MARK][..], None, Ok(())),
        (&[managed::MARK], Some("3"), Ok(())),
        (&[managed::MARK], Some("2"), Err("conflict")),
        (&[("managed-by", "me")], None, Err("denied")),
    ] {
        assert_eq!(kind(removes(3, &tags(there), "/app/x", expected)), result, "{there:?} {expected:?}");
    }
}
