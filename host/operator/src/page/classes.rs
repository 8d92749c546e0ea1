//! Which objects are this operator's, by the controller classes of the stores that they name. Pure, and as the reconciles
//! have it.

use std::collections::HashMap;

use claviger_core::duration::parse_go;
use claviger_core::push::{StoreView, check_selectors, chosen};
use claviger_crds::external_secret::{ExternalSecret, StoreKind};
use claviger_crds::push_secret::PushSecret;

use crate::state::view::View;
use crate::state::{Store, stores_named};
use crate::watch::Object;

/// Controller classes of the stores that there are, by namespace (of the cluster's: none) and name.
pub(super) struct Classes<'a, S> {
    view: &'a View,
    stores: HashMap<(&'a str, &'a str), Option<&'a str>>,
    serves: S,
}

impl<'a, S: Fn(Option<&str>) -> bool> Classes<'a, S> {
    pub(super) fn of(view: &'a View, serves: S) -> Self {
        let stores = view.stores.iter().chain(&view.cluster_stores).filter_map(|store| {
            let meta = &store.metadata;
            let name = (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref()?);
            Some((name, store.class()))
        });
        Self { view, stores: stores.collect(), serves }
    }

    pub(super) fn has_store(&self, store: &Store) -> bool {
        (self.serves)(store.class())
    }

    /// A store that is not there is nobody else's.
    pub(super) fn has_external_secret(&self, es: &ExternalSecret) -> bool {
        let namespace = es.metadata.namespace.as_deref().unwrap_or_default();
        let class = |store: &Object| self.stores.get(&(store.namespace(), store.name())).copied().flatten();
        stores_named(&es.spec, namespace).all(|store| (self.serves)(class(&store)))
    }

    /// One is another's if all stores that it means are. What cannot be meant, whoever looks at it says.
    pub(super) fn has_push_secret(&self, ps: &PushSecret) -> bool {
        let spec = &ps.spec;
        let refused = check_selectors(spec).is_err() || parse_go(&spec.refresh_interval).is_err();
        if ps.metadata.deletion_timestamp.is_some() || refused {
            return true;
        }
        let namespace = ps.metadata.namespace.as_deref().unwrap_or_default();
        // Labels are looked at where they are asked for.
        let selects = spec.secret_store_refs.iter().any(|reference| reference.label_selector.is_some());
        let views = if selects { self.views(namespace) } else { Vec::new() };
        let meant = spec.secret_store_refs.iter().flat_map(|reference| chosen(reference, &views));
        let mut others = false;
        for (kind, name) in meant {
            match self.find(namespace, kind, &name) {
                Some(class) if !(self.serves)(class) => others = true,
                Some(_) | None => return true,
            }
        }
        !others
    }

    fn find(&self, namespace: &str, kind: StoreKind, name: &str) -> Option<Option<&'a str>> {
        let namespace = if kind == StoreKind::SecretStore { namespace } else { "" };
        self.stores.get(&(namespace, name)).copied()
    }

    fn views(&self, namespace: &str) -> Vec<StoreView> {
        let own = self.view.stores.iter();
        let own = own.filter(|store| store.metadata.namespace.as_deref() == Some(namespace));
        let own = own.map(|store| (StoreKind::SecretStore, store));
        let cluster = self.view.cluster_stores.iter().map(|store| (StoreKind::ClusterSecretStore, store));
        let view = |(kind, store): (StoreKind, &std::sync::Arc<Store>)| StoreView {
            kind,
            name: store.metadata.name.clone().unwrap_or_default(),
            labels: store.metadata.labels.clone().unwrap_or_default(),
        };
        own.chain(cluster).map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn store(namespace: Option<&str>, name: &str, class: Option<&str>, team: &str) -> Arc<Store> {
        let metadata = json!({"namespace": namespace, "name": name, "labels": {"team": team}});
        let spec = json!({"controller": class, "provider": {"fake": {"data": []}}});
        Arc::new(Store {
            metadata: serde_json::from_value(metadata).unwrap(),
            spec: Ok(serde_json::from_value(spec).unwrap()),
            status: None,
        })
    }

    #[test]
    fn a_push_secret_is_another_s_if_all_its_stores_are() {
        let view = View {
            stores: vec![
                store(Some("a"), "ours", None, "x"),
                store(Some("a"), "blue", Some("blue"), "y"),
                store(Some("b"), "blue", None, "z"),
            ],
            cluster_stores: vec![store(None, "shared", Some("blue"), "x")],
            ..View::default()
        };
        let classes = Classes::of(&view, |class: Option<&str>| class.is_none_or(|class| class == "default"));
        let one = |name: &str| json!({"name": name});
        let by =
            |kind: &str, team: &str| json!({"kind": kind, "labelSelector": {"matchLabels": {"team": team}}});
        let (own, cluster) = ("SecretStore", "ClusterSecretStore");
        let cases: [(Value, bool); 11] = [
            (json!([one("ours")]), true),
            (json!([one("blue")]), false),
            (json!([one("blue"), {"name": "shared", "kind": cluster}]), false),
            (json!([one("blue"), one("ours")]), true),
            (json!([one("blue"), one("absent")]), true),
            (json!([{"name": "ours", "kind": cluster}]), true),
            (json!([by(own, "x")]), true),
            (json!([by(own, "y")]), false),
            (json!([by(cluster, "x")]), false),
            // Another namespace's; and none at all.
            (json!([by(own, "z")]), true),
            (json!([{"kind": own}]), true),
        ];
        for (refs, expected) in cases {
            let mut object = json!({
                "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
                "metadata": {"namespace": "a", "name": "ps"},
                "spec": {"secretStoreRefs": refs, "selector": {"secret": {"name": "s"}}},
            });
            let parsed = |object: &Value| serde_json::from_value(object.clone()).unwrap();
            assert_eq!(classes.has_push_secret(&parsed(&object)), expected, "{refs}");
            // What was pushed is to be taken back.
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            assert!(classes.has_push_secret(&parsed(&object)), "{refs}");
        }
    }
}
