//! The roles that are assumed one after another, and the session tags of the last.

use std::collections::BTreeMap;

use claviger_plugin_sdk::json::text;
use claviger_plugin_sdk::provider::claviger::plugin::types::StoreRef;
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

/// Tags that say who asks. Trust policies rely on them, so nobody sets them by hand.
const RESERVED: [&str; 3] = ["esoNamespace", "esoStoreName", "esoStoreKind"];

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Pointer to where it stands.
    pub at: String,
    /// `ExternalId`.
    pub external_id: Option<String>,
    /// Session tags, in the order they are sent.
    pub tags: Vec<(String, String)>,
    /// Keys of tags that roles further on inherit.
    pub transitive_tag_keys: Vec<String>,
}

/// `additionalRoles`, then `role`; external id and tags are for `role` alone, as in ESO. Also whether the
/// tags name the requester.
///
/// # Errors
/// If the manifest sets a tag that says who asks.
pub fn parse(
    config: &Value,
    base: &str,
    store: &StoreRef,
    requester: &str,
) -> Result<(Vec<Role>, bool), Error> {
    let at = |field: &str| format!("{base}/{field}");
    let plain = |arn: &str, at: String| Role {
        arn: arn.to_owned(),
        at,
        external_id: None,
        tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
    };
    let mut roles: Vec<Role> = list(config, &at("additionalRoles"))
        .iter()
        .enumerate()
        .map(|(index, arn)| plain(arn, at(&format!("additionalRoles/{index}"))))
        .collect();
    let Some(arn) = text(config, &at("role")) else { return Ok((roles, false)) };
    unreserved(config, base)?;
    let policy = text(config, &at("sessionTagsPolicy")).unwrap_or("None");
    roles.push(Role {
        external_id: text(config, &at("externalID")).map(ToOwned::to_owned),
        tags: tags(config, base, policy, store, requester),
        transitive_tag_keys: list(config, &at("transitiveTagKeys")),
        ..plain(arn, at("role"))
    });
    Ok((roles, policy != "None"))
}

/// Refuses the tags that say who asks, under whichever policy: a tenant could call itself another. AWS does
/// not tell upper from lower case in them.
fn unreserved(config: &Value, base: &str) -> Result<(), Error> {
    // Both ways, since some letters have a plain one only the one way (the Kelvin sign, the long s).
    let folded = |key: &str| key.to_uppercase().to_lowercase();
    let refuse = |key: &str, at: String| match RESERVED.iter().find(|own| folded(own) == folded(key)) {
        Some(own) => {
            let why =
                format!("{own} says who asks and cannot be set: sessionTagsPolicy Simple or Custom sends it");
            Err(invalid_config(&at, why))
        }
        None => Ok(()),
    };
    let own = config.pointer(&format!("{base}/sessionTags")).and_then(Value::as_array);
    for (index, tag) in own.into_iter().flatten().enumerate() {
        refuse(tag["key"].as_str().unwrap_or_default(), format!("{base}/sessionTags/{index}/key"))?;
    }
    let custom = config.pointer(&format!("{base}/customSessionTags")).and_then(Value::as_object);
    for key in custom.into_iter().flatten().map(|(key, _)| key) {
        refuse(key, format!("{base}/customSessionTags/{key}"))?;
    }
    Ok(())
}

/// `None`: the store's own. `Simple`: three that say who asks, instead of them. `Custom`: these three and
/// `customSessionTags`, of which those without a key or a value are left out. As ESO computes them, in the
/// order of their keys.
fn tags(
    config: &Value,
    base: &str,
    policy: &str,
    store: &StoreRef,
    requester: &str,
) -> Vec<(String, String)> {
    let mut tags = BTreeMap::new();
    match policy {
        "Simple" => {}
        "Custom" => {
            let custom = config.pointer(&format!("{base}/customSessionTags")).and_then(Value::as_object);
            for (key, value) in custom.into_iter().flatten() {
                let value = value.as_str().unwrap_or_default();
                if !key.is_empty() && !value.is_empty() {
                    tags.insert(key.clone(), value.to_owned());
                }
            }
        }
        _ => {
            let own = config.pointer(&format!("{base}/sessionTags")).and_then(Value::as_array);
            let field = |tag: &Value, name: &str| tag[name].as_str().unwrap_or_default().to_owned();
            return own.into_iter().flatten().map(|tag| (field(tag, "key"), field(tag, "value"))).collect();
        }
    }
    for (key, value) in RESERVED.into_iter().zip([requester, &store.name, &store.kind]) {
        tags.insert(key.to_owned(), value.to_owned());
    }
    tags.into_iter().collect()
}

/// The texts of a list.
pub(crate) fn list(config: &Value, at: &str) -> Vec<String> {
    let items = config.pointer(at).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn store() -> StoreRef {
        StoreRef {
            kind: "ClusterSecretStore".to_owned(),
            name: "central".to_owned(),
            namespace: None,
            uid: "u".to_owned(),
            generation: 1,
        }
    }

    #[test]
    fn external_id_and_tags_are_the_last_role_s() {
        let config = json!({"role": "r", "additionalRoles": ["a", "b"], "externalID": "x",
            "sessionTags": [{"key": "team", "value": "pay"}], "transitiveTagKeys": ["team"]});
        let (roles, named) = parse(&config, "", &store(), "shop").unwrap();
        let chain: Vec<_> = roles.iter().map(|role| (role.arn.as_str(), role.at.as_str())).collect();
        assert_eq!(chain, [("a", "/additionalRoles/0"), ("b", "/additionalRoles/1"), ("r", "/role")]);
        assert_eq!((&roles[0].external_id, &roles[0].tags), (&None, &vec![]));
        assert_eq!(roles[2].external_id.as_deref(), Some("x"));
        assert_eq!(roles[2].tags, [("team".to_owned(), "pay".to_owned())]);
        assert_eq!(roles[2].transitive_tag_keys, ["team"]);
        assert!(!named);
    }

    /// What ESO 2.9.0 makes of the same fields (`buildSessionTags`), sorted.
    #[test]
    fn policies_of_session_tags() {
        let own = json!([{"key": "own", "value": "1"}]);
        let custom = json!({"a": "1", "": "x", "empty": ""});
        let eso =
            [("esoNamespace", "shop"), ("esoStoreKind", "ClusterSecretStore"), ("esoStoreName", "central")];
        let with_a: Vec<_> = [("a", "1")].into_iter().chain(eso).collect();
        for (policy, expected, named) in [
            (json!(null), &[("own", "1")][..], false),
            (json!("None"), &[("own", "1")], false),
            (json!("Simple"), &eso, true),
            (json!("Custom"), &with_a, true),
        ] {
            let config = json!({"iam": {"role": "r", "sessionTags": own, "customSessionTags": custom,
                "sessionTagsPolicy": policy}});
            let (roles, by_requester) = parse(&config, "/iam", &store(), "shop").unwrap();
            let tags: Vec<_> = roles[0].tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!((&tags[..], by_requester), (expected, named), "{policy}");
        }
    }

    #[test]
    fn nobody_says_by_hand_who_asks() {
        let tag = |key: &str| json!([{"key": "team", "value": "a"}, {"key": key, "value": "forged"}]);
        let map = |key: &str| json!({"team": "a", key: "forged"});
        for (tags, expected) in [
            (json!({"sessionTags": tag("esoNamespace")}), Some("/iam/sessionTags/1/key")),
            (json!({"sessionTags": tag("ESOSTORENAME")}), Some("/iam/sessionTags/1/key")),
            (json!({"sessionTags": tag("esoStoreKind")}), Some("/iam/sessionTags/1/key")),
            (json!({"sessionTags": tag("e\u{17f}oStore\u{212a}ind")}), Some("/iam/sessionTags/1/key")),
            (json!({"customSessionTags": map("esonamespace")}), Some("/iam/customSessionTags/esonamespace")),
            (json!({"sessionTags": tag("esoTeam"), "customSessionTags": map("namespace")}), None),
        ] {
            for policy in ["None", "Simple", "Custom"] {
                let mut config = json!({"iam": tags});
                config["iam"]["role"] = json!("r");
                config["iam"]["sessionTagsPolicy"] = json!(policy);
                let refused = match parse(&config, "/iam", &store(), "shop") {
                    Ok(_) => None,
                    Err(Error::InvalidConfig(error)) => Some(error.path),
                    Err(other) => Some(format!("{other:?}")),
                };
                assert_eq!(refused.as_deref(), expected, "{config}");
            }
        }
    }

    #[test]
    fn tags_without_a_role_are_nobody_s() {
        let (roles, named) = parse(&json!({"sessionTagsPolicy": "Simple"}), "", &store(), "shop").unwrap();
        assert_eq!((roles.len(), named), (0, false));
    }
}
