//! Whether what stands in somebody's files is the cluster's own, and what it may have if it is not. Pure: what the cluster
//! has is told.
//!
//! Whoever compares a pull request does it with his own rights, and who wrote the files chose the servers in them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use claviger_crds::generate::definitions;
use claviger_crds::plugin::{Grants, PluginSpec};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Whether two specs of a kind say the same to an operator: a file leaves out what the API server fills in.
pub(crate) fn is_same<T: DeserializeOwned + PartialEq>(kind: &str, file: &Value, live: &Value) -> bool {
    let read = |spec: &Value| {
        let mut spec = spec.clone();
        if let Some(schema) = SPECS.get(kind) {
            fill_in(&mut spec, schema);
        }
        serde_json::from_value::<T>(spec).ok()
    };
    read(file).is_some_and(|file| read(live) == Some(file))
}

/// The schema of each kind's spec, in its newest version.
static SPECS: LazyLock<BTreeMap<String, JSONSchemaProps>> = LazyLock::new(|| {
    let specs = definitions().into_iter().filter_map(|crd| {
        let newest = crd.spec.versions.into_iter().next()?;
        let spec = newest.schema?.open_api_v3_schema?.properties?.remove("spec")?;
        Some((crd.spec.names.kind, spec))
    });
    specs.collect()
});

/// As the API server does: defaults of fields that are left out in objects that are there.
fn fill_in(value: &mut Value, schema: &JSONSchemaProps) {
    match value {
        Value::Object(fields) => {
            for (name, property) in schema.properties.iter().flatten() {
                if let (false, Some(default)) = (fields.contains_key(name), &property.default) {
                    fields.insert(name.clone(), default.0.clone());
                }
                if let Some(field) = fields.get_mut(name) {
                    fill_in(field, property);
                }
            }
            if let Some(JSONSchemaPropsOrBool::Schema(each)) = &schema.additional_properties {
                fields.values_mut().for_each(|field| fill_in(field, each));
            }
        }
        Value::Array(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(each)) = &schema.items {
                items.iter_mut().for_each(|item| fill_in(item, each));
            }
        }
        _ => {}
    }
}

/// A Plugin of somebody's files without the grants that lead to more than servers on the network; and the names of those that
/// it had.
pub(crate) fn on_the_network_alone(spec: PluginSpec) -> (PluginSpec, Vec<&'static str>) {
    let Some(asked) = spec.grants else { return (spec, Vec::new()) };
    let left_out = [
        ("ambient", !asked.ambient.is_empty()),
        ("apiServer", asked.api_server),
        ("apiServerAudience", asked.api_server_audience),
        ("audiences", !asked.audiences.is_empty()),
        ("linkLocal", asked.link_local),
        ("loopback", asked.loopback),
    ];
    let left_out = left_out.into_iter().filter_map(|(name, had)| had.then_some(name)).collect();
    // What is granted later is left out until somebody has thought about it here.
    let grants = Grants {
        origins: asked.origins,
        memory_mib: asked.memory_mib,
        cpu_milliseconds: asked.cpu_milliseconds,
        wall_seconds: asked.wall_seconds,
        concurrency: asked.concurrency,
        ..Grants::default()
    };
    (PluginSpec { grants: Some(grants), ..spec }, left_out)
}

/// Whether an API server may take a token for that audience for one of its own: by default, in the clouds' clusters, and at
/// any name of its Service. Which it is, is a question that a person may lack the right to.
pub(crate) fn is_an_api_servers(audience: &str) -> bool {
    let lower = audience.trim().to_ascii_lowercase();
    let rest = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    host.is_empty()
        || host == "kubernetes"
        || host.starts_with("kubernetes.default")
        || host == "container.googleapis.com"
        || host.ends_with(".azmk8s.io")
        || host.ends_with(".eks.amazonaws.com")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_crds::store::SecretStoreSpec;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_store_is_the_clusters_if_it_says_the_same() {
        let file = json!({"provider": {"vault": {
            "server": "https://vault.example", "path": "kv",
            "auth": {"kubernetes": {"role": "shop", "serviceAccountRef": {"name": "app"}}},
        }}});
        // As the API server has it, with what the definition fills in.
        let mut live = file.clone();
        live["provider"]["vault"]["version"] = json!("v2");
        live["provider"]["vault"]["auth"]["kubernetes"]["mountPath"] = json!("kubernetes");
        for kind in ["SecretStore", "ClusterSecretStore"] {
            assert!(is_same::<SecretStoreSpec>(kind, &file, &live), "{kind}");
        }
        for (at, value) in [
            ("/provider/vault/server", json!("https://evil.example")),
            ("/provider/vault/path", json!("other")),
            ("/provider/vault/auth/kubernetes/role", json!("admin")),
            ("/provider/vault/auth/kubernetes/serviceAccountRef/name", json!("admin")),
            ("/provider/vault/auth/kubernetes/serviceAccountRef", json!({"name": "app", "audiences": ["x"]})),
            (
                "/provider/vault/auth/kubernetes",
                json!({"role": "shop", "serviceAccountRef": {"name": "app"}, "mountPath": "x"}),
            ),
            ("/provider", json!({"vault": file["provider"]["vault"], "fake": {"data": []}})),
            ("/provider", json!("vault")),
        ] {
            let mut other = file.clone();
            *other.pointer_mut(at).unwrap() = value;
            assert!(!is_same::<SecretStoreSpec>("SecretStore", &other, &live), "{other}");
        }
        let policy = json!([{"name": "all", "namespaces": ["a"], "keys": ["a/*"]}]);
        let mut held = live.clone();
        held["accessPolicy"] = policy;
        assert!(!is_same::<SecretStoreSpec>("ClusterSecretStore", &file, &held), "{held}");
        assert!(!is_same::<SecretStoreSpec>("SecretStore", &Value::Null, &Value::Null));
    }

    #[test]
    fn a_plugin_of_files_keeps_what_is_on_the_network() {
        let spec = |grants: Value| -> PluginSpec {
            serde_json::from_value(json!({"source": {"builtin": {}}, "grants": grants})).unwrap()
        };
        let network = json!({
            "origins": ["https://api.example"], "memoryMiB": 32, "cpuMilliseconds": 500, "wallSeconds": 5, "concurrency": 2,
        });
        let mut all = network.clone();
        for (name, value) in [
            ("ambient", json!([{"kind": "awsMetadata", "name": "instance"}])),
            ("apiServer", json!(true)),
            ("apiServerAudience", json!(true)),
            ("audiences", json!(["vault"])),
            ("linkLocal", json!(true)),
            ("loopback", json!(true)),
        ] {
            all[name] = value;
        }
        let (kept, left_out) = on_the_network_alone(spec(all));
        assert_eq!(kept, spec(network.clone()));
        let names = ["ambient", "apiServer", "apiServerAudience", "audiences", "linkLocal", "loopback"];
        assert_eq!(left_out, names);
        let plain = spec(network);
        assert_eq!(on_the_network_alone(plain.clone()), (plain, Vec::new()));
        // A built-in's own grants are no words of the file.
        let bare: PluginSpec = serde_json::from_value(json!({"source": {"builtin": {}}})).unwrap();
        assert_eq!(on_the_network_alone(bare.clone()), (bare, Vec::new()));
    }

    #[test]
    fn what_an_api_server_may_take_for_its_own() {
        for own in [
            "",
            "kubernetes",
            "https://kubernetes.default.svc",
            "https://kubernetes.default.svc.cluster.local",
            "kubernetes.default.svc",
            "https://Kubernetes.default.svc.example.internal:443",
            "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c",
            "https://c-dns-1a2b.hcp.westeurope.azmk8s.io",
            "\u{a0}",
        ] {
            assert!(is_an_api_servers(own), "{own:?}");
        }
        for other in [
            "vault",
            "sts.amazonaws.com",
            "https://vault.example",
            "api://AzureADTokenExchange",
            "p.svc.id.goog",
        ] {
            assert!(!is_an_api_servers(other), "{other:?}");
        }
    }
}
