//! The world of `claviger render`: stores, Secrets and ConfigMaps that stand in the given files.
//!
//! A ServiceAccount's token needs a cluster, so a store that logs in with one fails here and says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::error::Failure;
use claviger_core::generator::{self, Meant};
use claviger_core::provider::NeedError;
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_crds::external_secret::ExternalSecret;
use claviger_crds::plugin::{Plugin, PluginSpec};
use claviger_crds::store::SecretStoreSpec;
use claviger_operator::plugins::{ConfigMapPart, InstallError, Parts, Place};
use claviger_operator::sync::world::{GeneratorView, SourceKind, StoreView, World};
use claviger_operator::sync::{generator_name, store_name};
use claviger_operator::watch::Object;
use claviger_plugins::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};
use serde_json::Value;

type Id = (String, String, String);

/// The objects of the files, by kind, namespace and name. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Files {
    objects: Arc<BTreeMap<Id, Value>>,
}

impl Files {
    /// A later object replaces an earlier one of the same name, as applying both would.
    pub(crate) fn new(objects: Vec<Value>) -> Self {
        let id = |object: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let meta = &object["metadata"];
            (text(&object["kind"]), text(&meta["namespace"]), text(&meta["name"]))
        };
        Self { objects: Arc::new(objects.into_iter().map(|object| (id(&object), object)).collect()) }
    }

    /// An object of that kind and name.
    pub(crate) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    /// Every ExternalSecret: its name, and itself or why it does not parse.
    pub(crate) fn external_secrets(&self) -> Vec<(String, Result<ExternalSecret, String>)> {
        let all = self.objects.iter().filter(|((kind, ..), _)| kind == "ExternalSecret");
        all.map(|((_, namespace, name), object)| {
            (
                format!("{namespace}/{name}"),
                serde_json::from_value(object.clone()).map_err(|error| error.to_string()),
            )
        })
        .collect()
    }

    /// Every Plugin: its name, and what it says or that it does not parse.
    pub(crate) fn plugins(&self) -> Vec<(String, Result<PluginSpec, String>)> {
        let all = self.objects.iter().filter(|((kind, ..), _)| kind == "Plugin");
        let parsed = |object: &Value| match serde_json::from_value::<Plugin>(object.clone()) {
            Ok(plugin) => Ok(plugin.spec),
            Err(_) => {
                let invalid = InstallError::ManifestInvalid;
                Err(format!("{}: {invalid}", invalid.reason()))
            }
        };
        all.map(|((_, _, name), object)| (name.clone(), parsed(object))).collect()
    }

    fn values(&self, kind: &str, namespace: &str, name: &str) -> Option<BTreeMap<String, SecretBytes>> {
        let object = self.find(kind, namespace, name)?;
        let mut values = BTreeMap::new();
        let entries = |field: &str| object[field].as_object().into_iter().flatten();
        let (encoded, plain) = if kind == "Secret" { ("data", "stringData") } else { ("binaryData", "data") };
        for (key, value) in entries(encoded) {
            if let Some(bytes) = value.as_str().and_then(|text| STANDARD.decode(text.trim()).ok()) {
                values.insert(key.clone(), SecretBytes::new(bytes));
            }
        }
        for (key, value) in entries(plain) {
            if let Some(text) = value.as_str() {
                values.insert(key.clone(), SecretBytes::copied_from(text.as_bytes()));
            }
        }
        Some(values)
    }
}

/// In files there is no operator's namespace: a ConfigMap of that name in any will do.
impl Parts for Files {
    async fn read(&self, name: &str) -> Result<Option<ConfigMapPart>, String> {
        let found = self.objects.iter().find(|((kind, _, found), _)| kind == "ConfigMap" && found == name);
        let Some((_, object)) = found else { return Ok(None) };
        let annotations =
            serde_json::from_value(object["metadata"]["annotations"].clone()).unwrap_or_default();
        let mut data = BTreeMap::new();
        for (key, text) in object["binaryData"].as_object().into_iter().flatten() {
            let text = text.as_str().unwrap_or_default().split_whitespace().collect::<String>();
            let bytes = STANDARD.decode(text).map_err(|_| format!("binaryData.{key} is not base64"))?;
            data.insert(key.clone(), bytes);
        }
        Ok(Some(ConfigMapPart { annotations, data }))
    }

    fn describe(&self, name: &str) -> String {
        format!("ConfigMap {name} in the given files")
    }

    async fn value(&self, at: &Place<'_>) -> Result<Option<SecretBytes>, String> {
        let named = |namespace: &str| at.namespace.is_none_or(|named| named == namespace);
        let found = { self.objects.keys() }
            .find(|(kind, namespace, name)| kind == at.kind.as_str() && name == at.name && named(namespace));
        let values = found.and_then(|(kind, namespace, name)| self.values(kind, namespace, name));
        Ok(values.and_then(|mut values| values.remove(at.key)))
    }

    fn at(&self, at: &Place<'_>) -> String {
        format!("{} {} in the given files", at.kind.as_str(), at.name)
    }
}

#[async_trait]
impl World for Files {
    async fn store(&self, store: &Object, _namespace: &str) -> Result<StoreView, Failure> {
        let name = store_name(store);
        let namespace = name.namespace.as_deref().unwrap_or_default();
        let object = self
            .find(&name.kind, namespace, &name.name)
            .ok_or_else(|| Failure::StoreNotFound { store: name.clone() })?;
        let spec: SecretStoreSpec = serde_json::from_value(object["spec"].clone()).map_err(|error| {
            Failure::ManifestInvalid { object: name.to_string(), detail: Untrusted::new(error.to_string()) }
        })?;
        Ok(StoreView { uid: name.to_string(), generation: 1, spec })
    }

    async fn generator(&self, kind: &str, namespace: &str, name: &str) -> Result<GeneratorView, Failure> {
        let generator = generator_name(kind, namespace, name);
        let found = self.find(kind, generator.namespace.as_deref().unwrap_or_default(), name);
        let object = found.ok_or_else(|| Failure::GeneratorNotFound { generator: generator.clone() })?;
        let Meant { kind, spec } = generator::meant(kind, &object["spec"]).map_err(|why| {
            Failure::ManifestInvalid { object: generator.to_string(), detail: Untrusted::new(why) }
        })?;
        Ok(GeneratorView { kind, uid: generator.to_string(), generation: 1, spec })
    }

    async fn source(
        &self,
        kind: SourceKind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<BTreeMap<String, SecretBytes>>, Failure> {
        Ok(self.values(kind.as_str(), namespace, name))
    }

    async fn namespace_labels(&self, namespace: &str) -> Result<Arc<BTreeMap<String, String>>, Failure> {
        let labels = self.find("Namespace", "", namespace).map(|object| &object["metadata"]["labels"]);
        let labels = labels.and_then(|labels| serde_json::from_value(labels.clone()).ok());
        Ok(Arc::new(labels.unwrap_or_default()))
    }

    fn credentials(&self, _store: Option<&Object>) -> Arc<dyn CredentialSource> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl CredentialSource for Files {
    async fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        let kind = kind.as_str();
        let missing = |key: Option<&str>| NeedError::NotFound {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            key: key.map(ToOwned::to_owned),
        };
        let mut values = self.values(kind, namespace, name).ok_or_else(|| missing(None))?;
        let value = values.remove(key).ok_or_else(|| missing(Some(key)))?;
        Ok(ObjectAnswer { value, identity: format!("{kind}/{namespace}/{name}") })
    }

    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        let object = self.find("ServiceAccount", namespace, name).ok_or_else(|| NeedError::NotFound {
            kind: "ServiceAccount",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            key: None,
        })?;
        let annotations = object["metadata"]["annotations"].as_object().into_iter().flatten();
        let annotations =
            annotations.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        Ok(AccountAnswer { annotations, identity: format!("{namespace}/{name}") })
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        _audiences: &[String],
        _expiration: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        Err(NeedError::Unreadable {
            what: format!("a token of ServiceAccount {namespace}/{name}"),
            detail: Untrusted::new("tokens come from a cluster, and render works without one"),
            transient: false,
        })
    }

    /// A person's own machine is nobody's pod.
    async fn ambient(&self, kind: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        Err(NeedError::AmbientRefused { profile: format!("{kind} {name}") })
    }

    fn api_server_audiences(&self) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever renders somebody's manifests on his own machine gives away nothing of it.
    #[tokio::test]
    async fn a_machine_has_no_surroundings_and_no_tokens() {
        let files = Files::new(Vec::new());
        assert!(std::env::var_os("PATH").is_some(), "there would be something to give");
        for (kind, name) in [
            (AmbientKind::Env, "PATH"),
            (AmbientKind::FileByEnv, "PATH"),
            (AmbientKind::GcpMetadata, "default"),
            (AmbientKind::AwsMetadata, ""),
            (AmbientKind::AzureMetadata, "https://vault.azure.net"),
            (AmbientKind::PodServiceAccountToken, "vault"),
        ] {
            let answer = files.ambient(kind, name).await;
            assert!(matches!(answer, Err(NeedError::AmbientRefused { .. })), "{kind} {name}");
        }
        let token = files.token("team", "app", &["vault".to_owned()], None).await;
        assert!(matches!(token, Err(NeedError::Unreadable { transient: false, .. })));
        assert!(files.api_server_audiences().is_empty());
    }
}
