//! Which objects are there, and which they are.

use std::sync::Arc;

use kube::Resource;

use super::{Parsed, State, Store, meta_of};
use crate::watch::Object;
use crate::watch::cache::Name;

impl State {
    /// The uid of an object that is there.
    pub(crate) fn uid_of(&self, object: &Object) -> Option<String> {
        fn uid<K: Resource>(parsed: Option<Arc<Parsed<K>>>) -> Option<String> {
            let parsed = parsed?;
            Some(meta_of(&parsed).uid.clone().unwrap_or_default())
        }
        let of_store = |store: Arc<Store>| store.metadata.uid.clone().unwrap_or_default();
        let inner = self.lock();
        let of_cluster = |name: &str| Name::new("", name);
        match object {
            Object::ExternalSecret(name) => uid(inner.external_secrets.get(name)),
            Object::PushSecret(name) => uid(inner.push_secrets.get(name)),
            Object::ClusterExternalSecret(name) => uid(inner.cluster_external_secrets.get(&of_cluster(name))),
            Object::ClusterPushSecret(name) => uid(inner.cluster_push_secrets.get(&of_cluster(name))),
            Object::Plugin(name) => uid(inner.plugins.get(&of_cluster(name))),
            Object::SecretStore(name) => inner.stores.get(name).map(of_store),
            Object::ClusterSecretStore(name) => inner.cluster_stores.get(&of_cluster(name)).map(of_store),
        }
    }
}
