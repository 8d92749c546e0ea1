//! What an admin sets for all stores of a plugin: `spec.settings` of its object, and for built-ins the
//! environment variables that ESO's users know.
//!
//! Settings are the admin's word: URLs in them are origins that the plugin may reach. They are no place for
//! secrets, and nothing here looks into what a plugin makes of them.

use claviger_plugins::egress::Origin;
use claviger_plugins::{Grants, PluginsError, builtin_grants};
use serde_json::{Map, Value, json};

use super::InstallError;

/// Variables for other endpoints than the clouds' own (a private link, an emulator), as ESO and the clouds' SDKs
/// have them; whom they concern, and what that plugin calls them.
const VARIABLES: [(&str, &[&str], &str); 7] = [
    ("AWS_SECRETSMANAGER_ENDPOINT", &["aws"], "secretsmanager"),
    ("AWS_SSM_ENDPOINT", &["aws"], "ssm"),
    ("AWS_ECR_ENDPOINT", &["aws"], "ecr"),
    ("AWS_ECR_PUBLIC_ENDPOINT", &["aws"], "ecr-public"),
    ("AWS_SQS_ENDPOINT", &["aws"], "sqs"),
    ("AWS_STS_ENDPOINT", &["aws", "vault"], "sts"),
    ("AZURE_AUTHORITY_HOST", &["azurekv"], "login"),
];

/// Built-ins that talk to a cloud, with the endpoints that they know. Vault's `sts` is AWS's.
const USERS: [(&str, &[&str]); 4] = [
    ("aws", &["secretsmanager", "ssm", "sts", "ecr", "ecr-public", "sqs"]),
    ("azurekv", &["login"]),
    ("gcpsm", &["secretmanager", "oauth2", "sts", "iamcredentials", "securetoken"]),
    ("vault", &["sts", "iamcredentials", "securetoken"]),
];

/// The endpoints that a built-in knows.
fn endpoints_of(name: &str) -> &'static [&'static str] {
    USERS.iter().find(|(user, _)| *user == name).map_or(&[], |(_, endpoints)| endpoints)
}

/// The default grants of a built-in, with the settings that stand in the operator's environment.
///
/// # Errors
/// [`PluginsError::Grants`] for a variable that is set to something else than a URL: to go on with the cloud's own
/// endpoint would send credentials where the admin does not want them.
pub(super) fn with_environment(
    name: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Grants, InstallError> {
    let mut endpoints = Map::new();
    for (from, users, endpoint) in VARIABLES {
        let Some(url) = variable(from).filter(|_| users.contains(&name)) else { continue };
        if Origin::of_url(&url).is_none() {
            return Err(PluginsError::Grants(format!("{from} is set and is no http or https URL")).into());
        }
        endpoints.insert(endpoint.to_owned(), Value::String(url));
    }
    let mut grants = builtin_grants(name);
    if !endpoints.is_empty() {
        let set = Map::from_iter([("endpoints".to_owned(), Value::Object(endpoints))]);
        grants.settings = merged(grants.settings, Some(&set));
    }
    Ok(grants)
}

/// Whether the settings of a built-in are what it knows: one that is mistyped would be the cloud's own endpoint.
///
/// # Errors
/// [`PluginsError::Grants`] with the field.
pub(super) fn check(name: &str, settings: &Value) -> Result<(), InstallError> {
    let refuse = |why: String| Err(PluginsError::Grants(format!("settings: {why}")).into());
    let Some(entries) = settings.as_object() else { return Ok(()) };
    let known = endpoints_of(name);
    // What a built-in comes with is no setting of anybody's.
    let own = builtin_grants(name).settings;
    let foreign = |(entry, value): &(&String, &Value)| {
        own.get(entry.as_str()) != Some(*value) && (*entry != "endpoints" || known.is_empty())
    };
    if let Some((other, _)) = entries.iter().find(foreign) {
        return refuse(format!("{name} knows no {other:?}"));
    }
    let endpoints = match entries.get("endpoints") {
        None => return Ok(()),
        Some(Value::Object(endpoints)) => endpoints,
        Some(_) => return refuse("endpoints is no object".to_owned()),
    };
    for (endpoint, url) in endpoints {
        if !known.contains(&endpoint.as_str()) {
            return refuse(format!("endpoints.{endpoint} is none of {}", known.join(", ")));
        }
        if url.as_str().and_then(Origin::of_url).is_none() {
            return refuse(format!("endpoints.{endpoint} is no http or https URL"));
        }
    }
    Ok(())
}

/// `settings` of an object over those of the environment, field by field (RFC 7396).
pub(super) fn merged(environment: Value, object: Option<&Map<String, Value>>) -> Value {
    let Some(object) = object else { return environment };
    let mut merged = environment;
    patch(&mut merged, &Value::Object(object.clone()));
    merged
}

fn patch(target: &mut Value, patch_with: &Value) {
    let Value::Object(changes) = patch_with else {
        target.clone_from(patch_with);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(entries) = target.as_object_mut() else { return };
    for (key, change) in changes {
        if change.is_null() {
            entries.remove(key);
        } else {
            patch(entries.entry(key.as_str()).or_insert(Value::Null), change);
        }
    }
}

/// An environment variable that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_variables_of_eso_are_endpoints_of_whom_they_concern() {
        let set = |name: &str| {
            let value = match name {
                "AWS_STS_ENDPOINT" => "http://127.0.0.1:4566",
                "AWS_SSM_ENDPOINT" => "https://vpce.example/x",
                "AZURE_AUTHORITY_HOST" => "https://login.example/",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let settings = |name: &str| with_environment(name, set).unwrap().settings;
        assert_eq!(
            settings("aws"),
            json!({"endpoints": {"ssm": "https://vpce.example/x", "sts": "http://127.0.0.1:4566"}})
        );
        assert_eq!(settings("vault"), json!({"endpoints": {"sts": "http://127.0.0.1:4566"}}));
        assert_eq!(settings("azurekv"), json!({"endpoints": {"login": "https://login.example/"}}));
        assert_eq!(settings("gcpsm"), Value::Null);
        assert_eq!(settings("fake"), Value::Null);
        assert_eq!(settings("openBao"), json!({"mount": "kv"}));
        let refused = with_environment("aws", |_| Some("localhost:4566".to_owned())).unwrap_err();
        assert!(refused.to_string().contains("AWS_SECRETSMANAGER_ENDPOINT"), "{refused}");
    }

    #[test]
    fn what_a_built_in_does_not_know_is_refused() {
        for (name, settings, needle) in [
            ("aws", json!({"endpoint": {}}), "\"endpoint\""),
            ("aws", json!({"endpoints": {"s3": "https://a.example"}}), "endpoints.s3"),
            ("aws", json!({"endpoints": {"ssm": ""}}), "endpoints.ssm"),
            ("aws", json!({"endpoints": {"sts": 5}}), "endpoints.sts"),
            ("aws", json!({"endpoints": "https://a.example"}), "endpoints"),
            ("vault", json!({"endpoints": {"ssm": "https://a.example"}}), "endpoints.ssm"),
            ("gcpsm", json!({"endpoints": {"ssm": "https://a.example"}}), "endpoints.ssm"),
            ("fake", json!({"endpoints": {}}), "endpoints"),
            ("openBao", json!({"mount": "secret"}), "\"mount\""),
        ] {
            let said = check(name, &settings).unwrap_err().to_string();
            assert!(said.contains(needle), "{said}");
        }
        for settings in [Value::Null, json!({}), json!({"endpoints": {"sts": "https://a.example/x"}})] {
            check("aws", &settings).unwrap();
        }
        // As it comes.
        check("openBao", &with_environment("openBao", |_| None).unwrap().settings).unwrap();
    }

    #[test]
    fn an_object_says_more_than_the_environment() {
        let environment = json!({"endpoints": {"ssm": "http://a", "sts": "http://b"}});
        let object = json!({"endpoints": {"sts": "http://c", "ssm": null}, "cloud": "x"});
        let object = object.as_object().unwrap();
        assert_eq!(
            merged(environment.clone(), Some(object)),
            json!({"endpoints": {"sts": "http://c"}, "cloud": "x"})
        );
        assert_eq!(merged(environment.clone(), None), environment);
        assert_eq!(merged(Value::Null, Some(object))["cloud"], "x");
    }
}
