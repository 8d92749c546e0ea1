//! What an operator of a controller class looks after: neither stores of another class, nor ExternalSecrets that use one. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::objects::{full_name, text};

/// A store: its kind, and its name with the namespace.
pub(crate) type Store = (String, String);

/// Whether another controller looks after a store.
pub(crate) fn is_of_another_class(store: &Value, class: &str) -> bool {
    let own = text(store, "/spec/controller");
    !own.is_empty() && own != class
}

/// The stores that another controller looks after.
pub(crate) fn of_another_class(stores: &[Value], class: &str) -> BTreeSet<Store> {
    let others = stores.iter().filter(|store| is_of_another_class(store, class));
    others.map(|store| (text(store, "/kind").to_owned(), full_name(store))).collect()
}

/// Whether an operator would look after it: one that is being deleted, or uses a store of another class, is left alone.
pub(crate) fn is_looked_after(es: &Value, others: &BTreeSet<Store>) -> bool {
    !es["metadata"]["deletionTimestamp"].is_string() && stores_of(es).is_disjoint(others)
}

/// Every store that an ExternalSecret refers to.
pub(crate) fn stores_of(es: &Value) -> BTreeSet<Store> {
    let namespace = text(es, "/metadata/namespace");
    let spec = &es["spec"];
    let entries = |field: &str| spec[field].as_array().into_iter().flatten();
    let refs = std::iter::once(&spec["secretStoreRef"])
        .chain(entries("data").map(|entry| &entry["sourceRef"]["storeRef"]))
        .chain(entries("dataFrom").map(|entry| &entry["sourceRef"]["storeRef"]));
    refs.filter_map(|store| {
        let name = store["name"].as_str()?;
        Some(match store["kind"].as_str() {
            Some("ClusterSecretStore") => ("ClusterSecretStore".to_owned(), name.to_owned()),
            _ => ("SecretStore".to_owned(), format!("{namespace}/{name}")),
        })
    })
    .collect()
}
