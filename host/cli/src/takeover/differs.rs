//! What Claviger would leave alone of what ESO looks after, beside the Secrets' data: pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::class::{Store, is_of_another_class, stores_of};
use crate::objects::{full_name, text};

/// What was found.
pub(super) struct Seen<'a> {
    /// SecretStores and ClusterSecretStores.
    pub(super) stores: &'a [Value],
    /// ExternalSecrets.
    pub(super) external_secrets: &'a [Value],
    /// Objects of kinds that Claviger does not serve: how many of each.
    pub(super) unserved: &'a BTreeMap<String, usize>,
    /// Kinds that Claviger serves.
    pub(super) served: &'a BTreeSet<String>,
    /// Names that there is a plugin for.
    pub(super) plugins: &'a BTreeSet<String>,
    /// The controller class.
    pub(super) class: &'a str,
}

/// One line for each.
pub(super) fn lines(seen: &Seen<'_>) -> Vec<String> {
    let mut used: BTreeMap<Store, usize> = BTreeMap::new();
    let mut generators: BTreeMap<&str, usize> = BTreeMap::new();
    for es in seen.external_secrets {
        for store in stores_of(es) {
            *used.entry(store).or_default() += 1;
        }
        for entry in es["spec"]["dataFrom"].as_array().into_iter().flatten() {
            let kind = text(entry, "/sourceRef/generatorRef/kind");
            if !kind.is_empty() && !seen.served.contains(kind) {
                *generators.entry(kind).or_default() += 1;
            }
        }
    }
    let mut lines = Vec::new();
    for store in seen.stores {
        let (kind, name) = (text(store, "/kind").to_owned(), full_name(store));
        let users = used.get(&(kind.clone(), name.clone())).copied().unwrap_or_default();
        if is_of_another_class(store, seen.class) {
            let class = text(store, "/spec/controller");
            lines.push(format!(
                "{kind} {name} is of the controller class {class}: it and its {users} ExternalSecrets are left out"
            ));
            continue;
        }
        for provider in store["spec"]["provider"].as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !seen.plugins.contains(provider) {
                lines.push(format!(
                    "{kind} {name}: there is no plugin for the provider {provider}; its {users} ExternalSecrets \
                     would not be refreshed, and their Secrets stay as they are"
                ));
            }
        }
    }
    for (kind, count) in generators {
        lines.push(format!(
            "{count} entries of ExternalSecrets use the generator {kind}, which is not served yet: they would not be \
             refreshed, and their Secrets stay as they are"
        ));
    }
    for (kind, count) in seen.unserved.iter().filter(|(_, count)| **count > 0) {
        lines.push(format!("{count} objects of kind {kind}, which is not served yet, are left as they are"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::class::{is_looked_after, of_another_class};

    #[test]
    fn what_is_left_alone_is_said() {
        let store = |kind: &str, name: &str, class: Value, provider: &str| {
            let mut store = json!({"kind": kind, "metadata": {"name": name}, "spec": {"controller": class, "provider": {provider: {}}}});
            if kind == "SecretStore" {
                store["metadata"]["namespace"] = "a".into();
            }
            store
        };
        let stores = [
            store("SecretStore", "vault", Value::Null, "vault"),
            store("SecretStore", "other", "blue".into(), "vault"),
            store("ClusterSecretStore", "keys", "default".into(), "akeyless"),
        ];
        let external_secrets = [
            json!({"metadata": {"namespace": "a", "name": "1"}, "spec": {"secretStoreRef": {"name": "vault"}, "data": [
                {"sourceRef": {"storeRef": {"kind": "ClusterSecretStore", "name": "keys"}}}]}}),
            json!({"metadata": {"namespace": "a", "name": "2"}, "spec": {"secretStoreRef": {"name": "other"}, "dataFrom": [
                {"sourceRef": {"generatorRef": {"kind": "Grafana"}}},
                {"sourceRef": {"generatorRef": {"kind": "VaultDynamicSecret"}}}]}}),
            json!({"metadata": {"namespace": "b", "name": "3"}, "spec": {"secretStoreRef": {"name": "other"}}}),
        ];
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let left_out = of_another_class(&stores, "default");
        assert_eq!(external_secrets.each_ref().map(|es| is_looked_after(es, &left_out)), [true, false, true]);
        let mut deleting = external_secrets[0].clone();
        deleting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        assert!(!is_looked_after(&deleting, &left_out));
        let found = lines(&Seen {
            stores: &stores,
            external_secrets: &external_secrets,
            unserved: &BTreeMap::from([("PushSecret".to_owned(), 2), ("Grafana".to_owned(), 0)]),
            served: &set(&["VaultDynamicSecret"]),
            plugins: &set(&["vault", "aws"]),
            class: "default",
        });
        let expected = [
            "SecretStore a/other is of the controller class blue: it and its 1 ExternalSecrets",
            "ClusterSecretStore keys: there is no plugin for the provider akeyless; its 1 ExternalSecrets",
            "1 entries of ExternalSecrets use the generator Grafana",
            "2 objects of kind PushSecret",
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
