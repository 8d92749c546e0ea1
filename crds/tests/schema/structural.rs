//! The API server's rules for structural schemas, and those of the house for what a schema may hold.

use serde_json::Value;

#[test]
fn schemas_are_structural() {
    for crd in claviger_crds::generate::definitions() {
        for version in &crd.spec.versions {
            let schema = serde_json::to_value(&version.schema).unwrap()["openAPIV3Schema"].clone();
            let at = format!("{}/{}", crd.spec.names.kind, version.name);
            let mut wrong = Vec::new();
            check(&schema, &at, &mut wrong);
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }
}

fn check(schema: &Value, at: &str, wrong: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        wrong.push(format!("{at}: not an object: {schema}"));
        return;
    };
    let int_or_string = object.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
    let preserve = object.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    match object.get("type") {
        Some(Value::String(_)) => {}
        None if int_or_string || preserve => {}
        other => wrong.push(format!("{at}: type is {other:?}")),
    }
    if int_or_string && object.contains_key("type") {
        wrong.push(format!("{at}: int-or-string with a type"));
    }
    for keyword in ["$ref", "definitions", "oneOf", "allOf", "anyOf", "not", "nullable", "patternProperties"]
    {
        if object.contains_key(keyword) {
            wrong.push(format!("{at}: {keyword}"));
        }
    }
    if let Some(format) = object.get("format").and_then(Value::as_str)
        && !["byte", "date-time", "int32", "int64"].contains(&format)
    {
        wrong.push(format!("{at}: format {format} is unknown to the API server"));
    }
    if object.contains_key("properties") && object.contains_key("additionalProperties") {
        wrong.push(format!("{at}: properties and additionalProperties"));
    }
    // What is described is shown by `kubectl explain`; the types of Kubernetes itself come without.
    let described = object.contains_key("description")
        || at.contains("elector")
        || at.ends_with("[]")
        || at.ends_with("{}")
        || at.matches('.').count() == 0;
    if !described {
        wrong.push(format!("{at}: no description"));
    }
    if let Some(items) = object.get("items") {
        check(items, &format!("{at}[]"), wrong);
    } else if object.get("type").is_some_and(|t| t == "array") {
        wrong.push(format!("{at}: array without items"));
    }
    if let Some(inner) = object.get("additionalProperties") {
        check(inner, &format!("{at}{{}}"), wrong);
    }
    for (name, inner) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
        check(inner, &format!("{at}.{name}"), wrong);
    }
}

/// What the API server refuses in a SecretStore, and what it makes sure of in a ClusterSecretStore, in both versions.
#[test]
fn a_policy_is_for_cluster_stores() {
    for crd in claviger_crds::generate::definitions() {
        let policy = |version: &_| {
            serde_json::to_value(version).unwrap()["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["accessPolicy"].clone()
        };
        let policies: Vec<Value> = crd.spec.versions.iter().map(policy).collect();
        match crd.spec.names.kind.as_str() {
            "SecretStore" => assert!(policies.iter().all(|policy| policy["maxItems"] == 0)),
            "ClusterSecretStore" => {
                for policy in &policies {
                    assert_eq!((&policy["minItems"], &policy["maxItems"]), (&1.into(), &64.into()));
                    assert_eq!(policy["x-kubernetes-list-map-keys"], serde_json::json!(["name"]));
                    let keys = &policy["items"]["properties"]["keys"];
                    assert_eq!((&keys["maxItems"], &keys["items"]["maxLength"]), (&64.into(), &1024.into()));
                }
            }
            _ => assert!(policies.iter().all(Value::is_null), "{}", crd.spec.names.kind),
        }
        // `kubectl apply` keeps the whole object in an annotation, which has 256 KiB at most.
        assert!(serde_json::to_string(&crd).unwrap().len() < 256 * 1024, "{}", crd.spec.names.kind);
    }
}
