//! The table against what is installed by the example, and by rules of its own. The chart's roles are compared with it
//! in `tests/e2e/doctor`, as Helm renders them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::config::{AuthorityConfig, Election, RefreshConfig, WebhookConfig};

fn account() -> Account {
    Account { namespace: "claviger-system".to_owned(), name: "claviger".to_owned() }
}

/// All of it, with everything on.
fn everything() -> OperatorConfig {
    let election = Election {
        namespace: "claviger-system".to_owned(),
        name: "claviger-controller".to_owned(),
        identity: String::new(),
    };
    let name = || "claviger-webhook".to_owned();
    let authority = AuthorityConfig { secret: name(), service: name(), configuration: name() };
    let webhook = WebhookConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        certificates: CertificateSource::Authority(authority),
        refresh: None,
    };
    OperatorConfig { election: Some(election), webhook: Some(webhook), ..OperatorConfig::default() }
}

fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect()
}

/// Whether one of the roles gives it.
fn gives(roles: &[Value], right: &Right) -> bool {
    let has = |rule: &Value, field: &str, wanted: &str| {
        rule[field].as_array().unwrap().iter().any(|one| one == wanted || one == "*")
    };
    roles.iter().any(|role| {
        let place = match role["kind"].as_str().unwrap() {
            "ClusterRole" => true,
            _ => match &right.place {
                Place::Namespace(namespace) => role["metadata"]["namespace"] == namespace.as_str(),
                Place::Everywhere => false,
            },
        };
        let named = |rule: &Value| match rule.get("resourceNames") {
            Some(names) => names
                .as_array()
                .unwrap()
                .iter()
                .any(|name| Some(name.as_str().unwrap()) == right.name.as_deref()),
            None => true,
        };
        place
            && role["rules"].as_array().unwrap().iter().any(|rule| {
                has(rule, "apiGroups", &right.group)
                    && has(rule, "resources", &right.full_resource())
                    && has(rule, "verbs", right.verb)
                    && named(rule)
            })
    })
}

#[test]
fn the_examples_roles_give_all_of_it() {
    let mut roles = documents(include_str!("../../../../examples/cluster/rbac.yaml"));
    roles.extend(documents(include_str!("../../../../examples/cluster/webhook.yaml")));
    roles.retain(|document| document["kind"].as_str().unwrap().ends_with("Role"));
    for right in rights(&everything(), Some(&account())) {
        assert!(gives(&roles, &right), "{right:?}");
    }
}

#[test]
fn its_own_roles_give_all_of_it_and_say_it_once() {
    for namespace in [None, Some("team".to_owned())] {
        let all = rights(&OperatorConfig { namespace, ..everything() }, Some(&account()));
        let roles = manifests(&all, "x", Some(&account()));
        let (roles, bindings): (Vec<_>, Vec<_>) =
            roles.into_iter().partition(|one| one["kind"].as_str().unwrap().ends_with("Role"));
        assert_eq!(roles.len(), bindings.len());
        assert!(all.iter().all(|right| gives(&roles, right)));
        let count = |rule: &Value| {
            let len = |field: &str| rule[field].as_array().unwrap().len();
            len("resources") * len("verbs")
        };
        let given: usize = roles.iter().flat_map(|role| role["rules"].as_array().unwrap()).map(count).sum();
        assert_eq!(given, all.len(), "nothing more");
    }
}

#[test]
fn rules_are_few() {
    let all = rights(&everything(), None);
    let only: Vec<_> = all.into_iter().filter(|right| right.purpose == Purpose::Election).collect();
    let group = "coordination.k8s.io";
    let expected = json!([{
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "x", "namespace": "claviger-system"},
        "rules": [
            {"apiGroups": [group], "resources": ["leases"], "verbs": ["create"]},
            {"apiGroups": [group], "resources": ["leases"], "verbs": ["get", "update"],
             "resourceNames": ["claviger-controller"]},
        ],
    }]);
    assert_eq!(Value::from(manifests(&only, "x", None)), expected);
}

#[test]
fn what_is_off_needs_no_rights() {
    let resources = |config: &OperatorConfig| -> BTreeSet<String> {
        rights(config, None).iter().map(Right::full_resource).collect()
    };
    let all = resources(&everything());
    let without = |config: OperatorConfig| -> Vec<String> {
        let left = resources(&config);
        assert!(left.is_subset(&all));
        all.difference(&left).cloned().collect()
    };
    let spread = without(OperatorConfig { cluster_external_secrets: false, ..everything() });
    let kind = |kind: &str| ["", "/finalizers", "/status"].map(|sub| format!("{kind}{sub}"));
    assert_eq!(spread, kind("clusterexternalsecrets"));
    let push = without(OperatorConfig { push_secrets: false, ..everything() });
    let expected =
        [&kind("clusterpushsecrets")[..], &["pushsecrets", "pushsecrets/status"].map(str::to_owned)].concat();
    assert_eq!(push, expected);
    let restarts = without(OperatorConfig { rollouts: false, ..everything() });
    assert_eq!(restarts, ["daemonsets", "deployments", "statefulsets"]);
    let scoped = without(OperatorConfig { namespace: Some("team".to_owned()), ..everything() });
    assert!(
        scoped.iter().any(|one| one == "plugins") && scoped.iter().any(|one| one == "namespaces"),
        "{scoped:?}"
    );
    let none = OperatorConfig { election: None, webhook: None, ..everything() };
    assert_eq!(without(none), ["leases", "validatingwebhookconfigurations"]);
    let files = CertificateSource::Files("/certs".into());
    let mut config = everything();
    if let Some(webhook) = &mut config.webhook {
        webhook.certificates = files;
    }
    assert_eq!(without(config), ["validatingwebhookconfigurations"]);
}

#[test]
fn who_takes_requests_to_refresh_may_ask_who_calls() {
    let mut config = everything();
    let before = rights(&config, None);
    if let Some(webhook) = &mut config.webhook {
        let listen = webhook.listen;
        webhook.refresh = Some(RefreshConfig { listen, audience: "claviger".to_owned() });
    }
    let more: Vec<_> = rights(&config, None).into_iter().filter(|right| !before.contains(right)).collect();
    let more: Vec<_> =
        more.iter().map(|right| (right.group.as_str(), right.resource.as_str(), right.verb)).collect();
    let expected = [
        ("authentication.k8s.io", "tokenreviews", "create"),
        ("authorization.k8s.io", "subjectaccessreviews", "create"),
    ];
    assert_eq!(more, expected);
}

#[test]
fn one_namespace_is_all_that_a_scoped_operator_has_rights_in() {
    let config =
        OperatorConfig { namespace: Some("team".to_owned()), election: None, webhook: None, ..everything() };
    let places = |account: Option<&Account>| -> BTreeSet<Place> {
        rights(&config, account).into_iter().map(|right| right.place).collect()
    };
    let [default, team, own] =
        ["default", "team", "claviger-system"].map(|one| Place::Namespace(one.to_owned()));
    assert_eq!(places(None), BTreeSet::from([default.clone(), team.clone()]));
    assert_eq!(places(Some(&account())), BTreeSet::from([default.clone(), team.clone(), own]));
    let within = Account { namespace: "team".to_owned(), name: "claviger".to_owned() };
    assert_eq!(places(Some(&within)), BTreeSet::from([default, team]));
}

/// What the table itself may never ask for, whatever is switched on: the roles that are compared with it would follow.
#[test]
fn some_rights_are_never_asked_for() {
    for right in rights(&everything(), Some(&account())) {
        let what = format!("{right:?}");
        let read = matches!(right.verb, "get" | "list" | "watch");
        assert!(
            !matches!(right.verb, "*" | "impersonate" | "escalate" | "bind" | "approve" | "sign"),
            "{what}"
        );
        assert!(right.group != "*" && right.resource != "*", "{what}");
        let foreign = ["rbac.authorization.k8s.io", "apiextensions.k8s.io", "certificates.k8s.io", "policy"];
        assert!(!foreign.contains(&right.group.as_str()), "{what}");
        if right.group.is_empty() {
            assert!(!matches!(right.resource.as_str(), "pods" | "nodes" | "persistentvolumes"), "{what}");
        }
        if right.group == "admissionregistration.k8s.io" {
            assert!(right.name.is_some() || read, "only the one that is its own is written: {what}");
        }
        // A Secret of a name is the webhook's own.
        if right.resource == "secrets" && right.group.is_empty() && right.name.is_none() {
            assert!(read || matches!(right.verb, "create" | "patch" | "delete"), "{what}");
        }
    }
}
