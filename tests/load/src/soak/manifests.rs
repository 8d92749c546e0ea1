//! The manifests of a soak. One namespace, a store and a ClusterSecretStore with the same login.

use serde_json::{Value, json};

use super::model::{Data, Leased, Secret, leased_name, secret_name, source_name};
use super::plan::{Creation, Deletion, Template};

/// Where everything is.
pub(crate) const NAMESPACE: &str = "soak";

/// The KV engine's path.
pub(crate) const MOUNT: &str = "soak";

/// The database engine's path.
pub(crate) const DATABASE: &str = "soak-db";

/// The operator's login.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) role: String,
    pub(crate) secret: String,
}

/// Namespace, login and stores, in this order.
pub(crate) fn stores(server: &str, login: &Login) -> Vec<Value> {
    let provider = |namespace: Option<&str>| {
        let mut reference = json!({"name": "approle", "key": "id"});
        if let Some(namespace) = namespace {
            reference["namespace"] = json!(namespace);
        }
        json!({"provider": {"vault": {"server": server, "path": MOUNT, "auth": {"appRole": {
            "path": "approle", "roleId": login.role, "secretRef": reference}}}}})
    };
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        secret("approle", &Data::from([("id".to_owned(), login.secret.clone())])),
        json!({"apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
               "metadata": {"name": "vault", "namespace": NAMESPACE}, "spec": provider(None)}),
        json!({"apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore",
               "metadata": {"name": "vault-for-all"}, "spec": provider(Some(NAMESPACE))}),
    ]
}

/// A Secret of somebody's.
pub(crate) fn secret(name: &str, data: &Data) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "stringData": data})
}

pub(crate) fn external_secret(slot: usize, secret: &Secret) -> Value {
    let wish = &secret.wish;
    let data: Vec<Value> = wish
        .data
        .iter()
        .enumerate()
        .map(|(n, (key, property))| {
            json!({"secretKey": format!("d{n}"),
                   "remoteRef": {"key": super::model::key_name(*key), "property": format!("p{property}")}})
        })
        .collect();
    let from: Vec<Value> =
        wish.extract.iter().map(|key| json!({"extract": {"key": super::model::key_name(*key)}})).collect();
    let mut target = json!({
        "name": secret.target,
        "creationPolicy": match wish.creation {
            Creation::Owner => "Owner",
            Creation::Orphan => "Orphan",
            Creation::Merge => "Merge",
        },
        "deletionPolicy": match wish.deletion {
            Deletion::Retain => "Retain",
            Deletion::Delete => "Delete",
            Deletion::Merge => "Merge",
        },
    });
    if wish.template != Template::None {
        let rendered: Data =
            (0..wish.data.len()).map(|n| (format!("t{n}"), format!("<{{{{ .d{n} }}}}>"))).collect();
        let policy = if wish.template == Template::Merge { "Merge" } else { "Replace" };
        target["template"] = json!({"engineVersion": "v2", "mergePolicy": policy, "data": rendered});
    }
    let store = match wish.cluster_store {
        true => json!({"name": "vault-for-all", "kind": "ClusterSecretStore"}),
        false => json!({"name": "vault", "kind": "SecretStore"}),
    };
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": secret_name(slot), "namespace": NAMESPACE},
        "spec": {"refreshInterval": format!("{}s", wish.interval), "secretStoreRef": store, "target": target,
                 "data": data, "dataFrom": from},
    })
}

pub(crate) fn leased(slot: usize, leased: &Leased) -> Value {
    let key = format!("{DATABASE}/creds/{}", leased.role());
    let (user, password) = leased.keys();
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": leased_name(slot), "namespace": NAMESPACE,
                     "annotations": {"claviger.io/revoke-superseded-after": "5s"}},
        "spec": {"refreshInterval": "10s", "secretStoreRef": {"name": "vault", "kind": "SecretStore"},
                 "target": {"name": leased.target},
                 "data": [{"secretKey": user, "remoteRef": {"key": key, "property": "username"}},
                          {"secretKey": password, "remoteRef": {"key": key, "property": "password"}}]},
    })
}

/// A PushSecret of keys to places; each is a property of its own name there.
pub(crate) fn push(slot: usize, name: &str, places: &[(&str, String)]) -> Value {
    let data: Vec<Value> = places
        .iter()
        .map(|(key, place)| {
            json!({"match": {"secretKey": key, "remoteRef": {"remoteKey": place, "property": key}}})
        })
        .collect();
    json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"refreshInterval": "10s", "deletionPolicy": "Delete", "secretStoreRefs": [{"name": "vault"}],
                 "selector": {"secret": {"name": source_name(slot)}}, "data": data},
    })
}
