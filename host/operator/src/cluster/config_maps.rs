//! ConfigMaps that hold parts of a plugin, and the Secrets and ConfigMaps that a pull from a registry is made with, read
//! one by one from the API server.
//!
//! Each is noted as something the Plugin reads, there or not, so that its change or arrival wakes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_core::secret::SecretBytes;
use claviger_core::template::SourceKind;
use claviger_plugins::ObjectKind;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};

use super::credentials::source_kind;
use super::live::in_words;
use crate::plugins::{ConfigMapPart, Parts, Place};
use crate::state::State;
use crate::watch::{Object, Reference};

/// The ConfigMaps of one namespace, as one Plugin reads them.
pub(crate) struct ConfigMaps<'a> {
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
        let reference = Reference { kind: SourceKind::ConfigMap, namespace, name: name.clone() };
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

    async fn value(&self, at: &Place<'_>) -> Result<Option<SecretBytes>, String> {
        let namespace = at.namespace.unwrap_or(self.namespace).to_owned();
        let kind = source_kind(at.kind);
        let reference = Reference { kind, namespace: namespace.clone(), name: at.name.to_owned() };
        self.state.add_read(&self.reader, reference);
        let client = self.client.clone();
        match at.kind {
            ObjectKind::Secret => {
                let api: Api<Secret> = Api::namespaced(client, &namespace);
                let found = api.get_opt(at.name).await.map_err(|error| unreadable(&error))?;
                let value = found.and_then(|secret| secret.data?.remove(at.key));
                Ok(value.map(|bytes| SecretBytes::new(bytes.0)))
            }
            ObjectKind::ConfigMap => {
                let api: Api<ConfigMap> = Api::namespaced(client, &namespace);
                let found = api.get_opt(at.name).await.map_err(|error| said(&error))?;
                let value = found.and_then(|map| map.data?.remove(at.key));
                Ok(value.map(|text| SecretBytes::new(text.into_bytes())))
            }
        }
    }

    fn at(&self, at: &Place<'_>) -> String {
        let kind = source_kind(at.kind).as_str();
        format!("{kind} {}/{}", at.namespace.unwrap_or(self.namespace), at.name)
    }
}

/// A Secret is one: a library's error may quote what it could not parse.
fn unreadable(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("the API server answered {}", status.code),
        _ => "the API server did not answer with a Secret".to_owned(),
    }
}

/// A ConfigMap is no secret, and neither is why it cannot be read.
fn said(error: &kube::Error) -> String {
    in_words(error).chars().filter(|c| !c.is_control()).take(300).collect()
}
