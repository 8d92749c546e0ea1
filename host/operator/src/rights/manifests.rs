//! Rights as the Roles and ClusterRoles that give them: as few rules as they fit in. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Account, Place, Right};

/// The order that people write verbs in.
const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// A ClusterRole for what has to hold everywhere and a Role for each namespace, all of that name; with bindings, if it
/// is known to whom.
pub fn manifests(rights: &[Right], name: &str, account: Option<&Account>) -> Vec<Value> {
    let mut places: BTreeMap<&Place, Vec<&Right>> = BTreeMap::new();
    for right in rights {
        places.entry(&right.place).or_default().push(right);
    }
    let role = |(place, rights): (&Place, Vec<&Right>)| {
        let (prefix, namespace) = match place {
            Place::Everywhere => ("Cluster", None),
            Place::Namespace(namespace) => ("", Some(namespace)),
        };
        let mut metadata = json!({"name": name});
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        let api = "rbac.authorization.k8s.io";
        let (role, version) = (format!("{prefix}Role"), format!("{api}/v1"));
        let binding = account.map(|account| {
            json!({
                "apiVersion": version, "kind": format!("{prefix}RoleBinding"), "metadata": metadata,
                "roleRef": {"apiGroup": api, "kind": role, "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}],
            })
        });
        let role =
            json!({"apiVersion": version, "kind": role, "metadata": metadata, "rules": rules(&rights)});
        [Some(role), binding].into_iter().flatten().collect::<Vec<_>>()
    };
    places.into_iter().flat_map(role).collect()
}

/// Resources that have all their verbs in common are one rule.
fn rules(rights: &[&Right]) -> Vec<Value> {
    type Key<'a> = (&'a str, Option<&'a str>);
    let mut verbs: BTreeMap<(Key<'_>, String), BTreeSet<&str>> = BTreeMap::new();
    for right in rights {
        let key = (right.group.as_str(), right.name.as_deref());
        verbs.entry((key, right.full_resource())).or_default().insert(right.verb);
    }
    let mut rules: BTreeMap<(Key<'_>, BTreeSet<&str>), Vec<String>> = BTreeMap::new();
    for ((key, resource), verbs) in verbs {
        rules.entry((key, verbs)).or_default().push(resource);
    }
    let rule = |(((group, name), verbs), resources): ((Key<'_>, BTreeSet<&str>), Vec<String>)| {
        let verbs: Vec<&str> = VERBS.into_iter().filter(|verb| verbs.contains(verb)).collect();
        let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        if let Some(name) = name {
            rule["resourceNames"] = json!([name]);
        }
        rule
    };
    rules.into_iter().map(rule).collect()
}
