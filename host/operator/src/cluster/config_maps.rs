//! ConfigMaps that hold parts of a plugin, read one by one from the API server.
//!
//! Each is noted as something the Plugin reads, there or not, so that its change or arrival wakes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};

use super::credentials::{Reference, ReferenceKind};
use crate::plugins::{ConfigMapPart, Parts};
use crate::state::State;
use crate::watch::Object;

/// The ConfigMaps of one namespace, as one Plugin reads them.
pub struct ConfigMaps<'a> {
    /// For reading.
    pub client: &'a Client,
    /// The operator's.
    pub namespace: &'a str,
    /// Where it is noted who reads what.
    pub state: &'a Arc<State>,
    /// The Plugin.
    pub reader: Object,
}

impl Parts for ConfigMaps<'_> {
    async fn read(&self, name: &str) -> Result<Option<ConfigMapPart>, String> {
        let (namespace, name) = (self.namespace.to_owned(), name.to_owned());
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &namespace);
        let reference = Reference { kind: ReferenceKind::ConfigMap, namespace, name: name.clone() };
        self.state.add_read(&self.reader, reference);
        let found = api.get_opt(&name).await.map_err(|error| said(&error))?;
        Ok(found.map(|map| ConfigMapPart {
            annotations: map.metadata.annotations.unwrap_or_default(),
            data: map
                .binary_data
                .unwrap_or_default()
                .into_iter()
                .map(|(key, bytes)| (key, bytes.0))
                .collect::<BTreeMap<_, _>>(),
        }))
    }

    fn describe(&self, name: &str) -> String {
        format!("ConfigMap {}/{name}", self.namespace)
    }
}

/// A ConfigMap is no secret, and neither is why it cannot be read.
fn said(error: &kube::Error) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(300).collect()
}
