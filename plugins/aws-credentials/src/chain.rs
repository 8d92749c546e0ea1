//! The roles that are assumed one after another, and the session tags of the last.

use std::collections::BTreeMap;

use claviger_plugin_sdk::json::text;
use claviger_plugin_sdk::provider::claviger::plugin::types::StoreRef;
use serde_json::Value;

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
pub fn parse(config: &Value, base: &str, store: &StoreRef, requester: &str) -> (Vec<Role>, bool) {
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
    let Some(arn) = text(config, &at("role")) else { return (roles, false) };
    let policy = text(config, &at("sessionTagsPolicy")).unwrap_or("None");
    roles.push(Role {
        external_id: text(config, &at("externalID")).map(ToOwned::to_owned),
        tags: tags(config, base, policy, store, requester),
        transitive_tag_keys: list(config, &at("transitiveTagKeys")),
        ..plain(arn, at("role"))
    });
    (roles, policy != "None")
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
    tags.insert("esoNamespace".to_owned(), requester.to_owned());
    tags.insert("esoStoreName".to_owned(), store.name.clone());
    tags.insert("esoStoreKind".to_owned(), store.kind.clone());
    tags.into_iter().collect()
}

/// The texts of a list.
pub(crate) fn list(config: &Value, at: &str) -> Vec<String> {
    let items = config.pointer(at).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect()
}

#[cfg(test)]
mod tests {
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
        let (roles, named) = parse(&config, "", &store(), "shop");
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
        let custom = json!({"a": "1", "": "x", "empty": "", "esoNamespace": "forged"});
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
            let (roles, by_requester) = parse(&config, "/iam", &store(), "shop");
            let tags: Vec<_> = roles[0].tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!((&tags[..], by_requester), (expected, named), "{policy}");
        }
    }

    #[test]
    fn tags_without_a_role_are_nobody_s() {
        let (roles, named) = parse(&json!({"sessionTagsPolicy": "Simple"}), "", &store(), "shop");
        assert_eq!((roles.len(), named), (0, false));
    }
}
