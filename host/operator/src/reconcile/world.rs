//! The cluster as the pipeline sees it: stores from the cache, sources by single reads, credentials
//! through TokenRequest and Secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claviger_core::error::{Failure, StoreName};
use claviger_core::lease::Source;
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_core::tenancy::store_allows;
use claviger_plugins::CredentialSource;
use serde_json::Value;

use crate::audit::{Access, ObjectName, Who};
use crate::cluster::live;
use crate::reconcile::{Context, left};
use crate::sync::world::{GeneratorView, Owner, SourceKind, StoreView, World};
use crate::sync::{generator_name, store_name};
use crate::watch::{Object, Reference};

/// The cluster, as one object that reads it.
pub(super) struct ClusterWorld {
    /// Everything.
    pub(super) context: Arc<Context>,
    /// Who is woken when a template's source changes.
    pub(super) reader: Object,
}

impl ClusterWorld {
    /// Whose a store or generator is was looked at before, but it may have come, or changed, since: what is used is
    /// judged once more.
    pub(super) fn ours(&self, object: &StoreName, class: Option<&str>) -> Result<(), Failure> {
        if self.context.config.serves(class) {
            return Ok(());
        }
        Err(Failure::OtherController { object: object.clone(), class: class.unwrap_or_default().to_owned() })
    }
}

#[async_trait]
impl World for ClusterWorld {
    async fn store(&self, store: &Object, namespace: &str) -> Result<StoreView, Failure> {
        let name = store_name(store);
        let found =
            self.context.state.store(store).ok_or_else(|| Failure::StoreNotFound { store: name.clone() })?;
        let spec = found.spec.clone().map_err(|text| Failure::ManifestInvalid {
            object: name.to_string(),
            detail: Untrusted::new(text),
        })?;
        self.ours(&name, spec.controller.as_deref())?;
        if matches!(store, Object::ClusterSecretStore(_))
            && !spec.conditions.is_empty()
            && !namespace.is_empty()
        {
            let labels = self.namespace_labels(namespace).await?;
            let allowed = store_allows(&spec.conditions, namespace, &labels).map_err(|error| {
                Failure::ManifestInvalid {
                    object: name.to_string(),
                    detail: Untrusted::new(error.to_string()),
                }
            })?;
            if !allowed {
                return Err(Failure::StoreForbidden { store: name, namespace: namespace.to_owned() });
            }
        }
        Ok(StoreView {
            uid: found.metadata.uid.clone().unwrap_or_default(),
            generation: found.metadata.generation.unwrap_or_default(),
            spec,
        })
    }

    async fn generator(&self, kind: &str, namespace: &str, name: &str) -> Result<GeneratorView, Failure> {
        let found = live::generator(&self.context.client, kind, namespace, name).await?;
        let generator = generator_name(kind, namespace, name);
        let Some(found) = found else { return Err(Failure::GeneratorNotFound { generator }) };
        self.ours(&generator, found.spec["controller"].as_str())?;
        Ok(found)
    }

    fn left(&self, owner: &Owner<'_>, source: &Source) -> Option<Value> {
        left::latest(&self.context, owner, source).map(|object| object.spec.state.clone())
    }

    async fn leave(
        &self,
        owner: &Owner<'_>,
        source: &Source,
        view: &GeneratorView,
        state: Value,
    ) -> Result<String, Failure> {
        left::record(&self.context, owner, source, view, state).await
    }

    async fn source(
        &self,
        kind: SourceKind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<BTreeMap<String, SecretBytes>>, Failure> {
        let reference = Reference { kind, namespace: namespace.to_owned(), name: name.to_owned() };
        self.context.state.add_read(&self.reader, reference);
        live::template_source(&self.context.client, kind, namespace, name).await
    }

    fn audits(&self) -> bool {
        self.context.audit.wants_access()
    }

    fn audit(&self, access: &Access<'_>) {
        if self.audits() {
            let uid = self.context.state.uid_of(&self.reader).unwrap_or_default();
            self.context.audit.access(&Who { object: ObjectName::from(&self.reader), uid: &uid }, access);
        }
    }

    async fn namespace_labels(&self, namespace: &str) -> Result<Arc<BTreeMap<String, String>>, Failure> {
        self.context.namespace_labels.of(&self.context.client, namespace).await
    }

    fn credentials(&self, store: Option<&Object>) -> Arc<dyn CredentialSource> {
        let (state, store) = (self.context.state.clone(), store.cloned());
        self.context.credentials.reporting(move |reference| {
            if let Some(store) = &store {
                state.add_read(store, reference);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_crds::external_secret::StoreKind;
    use claviger_plugins::ObjectKind;
    use serde_json::json;

    use super::*;
    use crate::plugins::frozen;
    use crate::reconcile::sim::Api;
    use crate::watch::cache::Name;

    /// A generator is no store of its name, and no watch shows that it is gone.
    #[tokio::test]
    async fn a_store_is_woken_by_what_it_refers_to_and_nobody_is_by_what_a_generator_does() {
        let api = Api::default();
        let context = api.context();
        frozen::vault(&context.registry).await;
        // "dG9rZW4=": a token.
        api.put(
            "/api/v1/namespaces/ns/secrets/token",
            json!({"metadata": {"name": "token"}, "data": {"token": "dG9rZW4="}}),
        );
        let readers = || {
            let (namespace, name) = ("ns".to_owned(), "token".to_owned());
            context.state.readers(&Reference { kind: SourceKind::Secret, namespace, name })
        };
        let reader = Object::ExternalSecret(Name::new("ns", "es"));
        let world = ClusterWorld { context: context.clone(), reader };
        let auth = json!({"tokenSecretRef": {"name": "token", "key": "token"}});
        let provider = json!({"server": "http://127.0.0.1:9", "auth": auth});
        let view = GeneratorView {
            kind: "VaultDynamicSecret".to_owned(),
            uid: "g".to_owned(),
            generation: 1,
            spec: json!({"path": "database/creds/a", "provider": provider}),
        };
        let source = Source::generator(&view.kind, "same-name");
        // Vault's generator takes nothing back, and is connected for that like for anything else.
        let outcome = context.pipeline.clean_up(&source, &view, "ns", &world, &json!({})).await;
        let asked = api.requests().iter().filter(|request| request.ends_with("/secrets/token")).count();
        assert_eq!((asked, readers()), (1, vec![]), "{:?}", outcome.err());

        let store = Object::store(StoreKind::SecretStore, "ns", "same-name");
        let credentials = world.credentials(Some(&store));
        credentials.object(ObjectKind::Secret, "ns", "token", "token").await.unwrap();
        assert_eq!(readers(), vec![store.clone()]);
        context.state.forget_reads(&store);
        assert_eq!(readers(), vec![]);
    }
}
