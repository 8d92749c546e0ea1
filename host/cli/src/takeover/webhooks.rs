//! ESO's ValidatingWebhookConfigurations: with failurePolicy Fail and nobody to answer, they refuse each write of an
//! ExternalSecret and of a store, the removal of a finalizer too. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::crds::Edit;

/// On the configuration: the policies before, by the webhook's name.
const POLICY_BEFORE: &str = "claviger.io/failure-policy-before";

/// Whether a webhook is one of ESO's. Claviger's own has the same names and paths.
fn is_esos(configuration: &Value, webhook: &Value) -> bool {
    let meta = &configuration["metadata"];
    let claviger = meta["labels"]["app.kubernetes.io/part-of"] == "claviger"
        || meta["labels"]["app.kubernetes.io/name"] == "claviger"
        || meta["name"].as_str().is_some_and(|name| name.starts_with("claviger"));
    let name = webhook["name"].as_str().unwrap_or_default();
    let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap_or_default();
    !claviger
        && (path.starts_with("/validate-external-secrets-io-")
            || (name.starts_with("validate.") && name.ends_with(".external-secrets.io")))
}

fn recorded(configuration: &Value) -> BTreeMap<String, String> {
    let text = configuration["metadata"]["annotations"][POLICY_BEFORE].as_str().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_default()
}

/// With these policies, and the record.
fn edit(
    configuration: &Value,
    policies: &BTreeMap<String, String>,
    record: Value,
    says: String,
) -> Option<Edit> {
    let mut webhooks = configuration["webhooks"].clone();
    for webhook in webhooks.as_array_mut()? {
        let policy = webhook["name"].as_str().and_then(|name| policies.get(name)).cloned();
        if let Some(policy) = policy {
            webhook["failurePolicy"] = policy.into();
        }
    }
    let mut edit = Edit::of(Map::from_iter([(POLICY_BEFORE.to_owned(), record)]), Map::new(), vec![says])?;
    edit.patch["webhooks"] = webhooks;
    Some(edit)
}

/// What lets the API server go on without an answer.
pub(super) fn ignore(configuration: &Value) -> Option<Edit> {
    let webhooks = configuration["webhooks"].as_array().into_iter().flatten();
    let strict: BTreeMap<String, String> = webhooks
        .filter(|webhook| is_esos(configuration, webhook) && webhook["failurePolicy"] != "Ignore")
        .filter_map(|webhook| {
            let policy = webhook["failurePolicy"].as_str().unwrap_or("Fail");
            Some((webhook["name"].as_str()?.to_owned(), policy.to_owned()))
        })
        .collect();
    if strict.is_empty() {
        return None;
    }
    let ignored = strict.keys().map(|name| (name.clone(), "Ignore".to_owned())).collect();
    let names: Vec<&str> = strict.keys().map(String::as_str).collect();
    let says = format!("no longer fails without an answer of {}", names.join(", "));
    let mut record = recorded(configuration);
    record.extend(strict.clone());
    edit(configuration, &ignored, json!(record).to_string().into(), says)
}

/// What makes it as it was.
pub(super) fn restore(configuration: &Value) -> Option<Edit> {
    let before = recorded(configuration);
    if before.is_empty() {
        return None;
    }
    let listed: Vec<String> = before.iter().map(|(name, policy)| format!("{policy} for {name}")).collect();
    edit(configuration, &before, Value::Null, format!("has failurePolicy {} again", listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(name: &str, policies: &[&str]) -> Value {
        let names = ["validate.secretstore.external-secrets.io", "validate.other.example.com"];
        let webhooks: Vec<Value> = names
            .iter()
            .zip(policies)
            .map(|(name, policy)| {
                json!({"name": name, "failurePolicy": policy, "clientConfig": {"caBundle": "x", "service": {"path": "/"}}})
            })
            .collect();
        json!({"metadata": {"name": name, "annotations": {"a": "b"}}, "webhooks": webhooks})
    }

    #[test]
    fn the_policy_goes_and_comes_back() {
        let before = configuration("secretstore-validate", &["Fail", "Fail"]);
        let Some(edit) = ignore(&before) else { panic!("nothing to do") };
        let mut after = before.clone();
        after["webhooks"] = edit.patch["webhooks"].clone();
        after["metadata"]["annotations"][POLICY_BEFORE] =
            edit.patch["metadata"]["annotations"][POLICY_BEFORE].clone();
        let policies = |object: &Value| {
            [0, 1].map(|index| object["webhooks"][index]["failurePolicy"].as_str().map(str::to_owned))
        };
        assert_eq!(policies(&after), [Some("Ignore".to_owned()), Some("Fail".to_owned())]);
        assert_eq!(after["webhooks"][0]["clientConfig"], before["webhooks"][0]["clientConfig"]);
        assert_eq!(ignore(&after), None);
        let Some(edit) = restore(&after) else { panic!("nothing to restore") };
        assert_eq!(edit.patch["webhooks"], before["webhooks"]);
        assert_eq!(edit.patch["metadata"]["annotations"][POLICY_BEFORE], Value::Null);
        assert_eq!(edit.says, ["has failurePolicy Fail for validate.secretstore.external-secrets.io again"]);
        assert_eq!(restore(&before), None);
    }

    #[test]
    fn what_is_not_esos_is_left() {
        assert_eq!(ignore(&configuration("secretstore-validate", &["Ignore", "Fail"])), None);
        assert_eq!(ignore(&configuration("claviger", &["Fail", "Fail"])), None);
        let mut own = configuration("external-secrets", &["Fail", "Fail"]);
        own["metadata"]["labels"]["app.kubernetes.io/part-of"] = "claviger".into();
        assert_eq!(ignore(&own), None);
        assert_eq!(ignore(&json!({"metadata": {"name": "x"}})), None);
    }
}
