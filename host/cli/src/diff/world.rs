//! The world of `claviger diff`: the given files, and the cluster for what is not in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claviger_core::error::Failure;
use claviger_core::provider::NeedError;
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_core::tenancy::store_allows;
use claviger_crds::external_secret::ExternalSecretStatus;
use claviger_crds::store::SecretStoreSpec;
use claviger_operator::cluster::credentials::Credentials;
use claviger_operator::cluster::live;
use claviger_operator::sync::store_name;
use claviger_operator::sync::world::{GeneratorView, SourceKind, StoreView, World};
use claviger_operator::watch::Object;
use claviger_plugins::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};

use crate::render::Files;

/// What API servers accept by default, so that no store gets a token that is one of theirs. The operator asks its API
/// server; asking is a request of a kind that a person may lack the right to.
const API_SERVER_AUDIENCES: [&str; 3] = [
    "https://kubernetes.default.svc.cluster.local",
    "https://kubernetes.default.svc",
    "kubernetes.default.svc",
];

/// Both.
pub(crate) struct Mixed {
    files: Files,
    pub(super) client: Client,
    credentials: Arc<Credentials>,
}

impl Mixed {
    /// Of these files and that cluster.
    pub(crate) fn new(files: Files, client: Client) -> Self {
        let audiences = API_SERVER_AUDIENCES.map(str::to_owned).to_vec();
        let credentials = Arc::new(Credentials::new(client.clone(), audiences, None));
        Self { files, client, credentials }
    }

    /// What the cluster knows of an ExternalSecret: its uid, empty if there is none of that name, and its status.
    pub(super) async fn known(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<(String, ExternalSecretStatus), Failure> {
        let found = self.live("ExternalSecret", Some(namespace), name).await?;
        let status = |object: &DynamicObject| serde_json::from_value(object.data["status"].clone()).ok();
        let known =
            found.map(|object| (object.uid().unwrap_or_default(), status(&object).unwrap_or_default()));
        Ok(known.unwrap_or_default())
    }

    /// An object of the operator's in the cluster.
    async fn live(
        &self,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<DynamicObject>, Failure> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("external-secrets.io", "v1", kind));
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        api.get_opt(name)
            .await
            .map_err(|error| live::api_failure("reading", kind, namespace.unwrap_or_default(), name, &error))
    }
}

#[async_trait]
impl World for Mixed {
    async fn store(&self, store: &Object, namespace: &str) -> Result<StoreView, Failure> {
        let name = store_name(store);
        let invalid =
            |why: String| Failure::ManifestInvalid { object: name.to_string(), detail: Untrusted::new(why) };
        let in_files = self.files.find(&name.kind, name.namespace.as_deref().unwrap_or_default(), &name.name);
        let view = match in_files {
            Some(_) => self.files.store(store, namespace).await?,
            None => {
                let found = self.live(&name.kind, name.namespace.as_deref(), &name.name).await?;
                let found = found.ok_or_else(|| Failure::StoreNotFound { store: name.clone() })?;
                let spec: SecretStoreSpec = serde_json::from_value(found.data["spec"].clone())
                    .map_err(|error| invalid(error.to_string()))?;
                StoreView {
                    uid: found.metadata.uid.unwrap_or_default(),
                    generation: found.metadata.generation.unwrap_or_default(),
                    spec,
                }
            }
        };
        if matches!(store, Object::ClusterSecretStore(_)) && !view.spec.conditions.is_empty() {
            let labels = self.namespace_labels(namespace).await?;
            let allowed = store_allows(&view.spec.conditions, namespace, &labels);
            if !allowed.map_err(|error| invalid(error.to_string()))? {
                return Err(Failure::StoreForbidden { store: name, namespace: namespace.to_owned() });
            }
        }
        Ok(view)
    }

    /// Nothing is made to be compared, so no generator is asked.
    async fn generator(&self, kind: &str, namespace: &str, name: &str) -> Result<GeneratorView, Failure> {
        self.files.generator(kind, namespace, name).await
    }

    async fn source(
        &self,
        kind: SourceKind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<BTreeMap<String, SecretBytes>>, Failure> {
        if let Some(found) = self.files.source(kind, namespace, name).await? {
            return Ok(Some(found));
        }
        live::template_source(&self.client, kind, namespace, name).await
    }

    async fn namespace_labels(&self, namespace: &str) -> Result<Arc<BTreeMap<String, String>>, Failure> {
        if self.files.find("Namespace", "", namespace).is_some() {
            return self.files.namespace_labels(namespace).await;
        }
        let api: Api<Namespace> = Api::all(self.client.clone());
        let found = api.get_metadata_opt(namespace).await;
        let found =
            found.map_err(|error| live::api_failure("reading", "Namespace", "", namespace, &error))?;
        Ok(Arc::new(found.map(|found| found.labels().clone()).unwrap_or_default()))
    }

    fn credentials(&self, _store: Option<&Object>) -> Arc<dyn CredentialSource> {
        let cluster = self.credentials.reporting(|_| {});
        Arc::new(MixedCredentials { files: self.files.clone(), cluster })
    }
}

/// References of stores: to the files first.
struct MixedCredentials {
    files: Files,
    cluster: Arc<dyn CredentialSource>,
}

#[async_trait]
impl CredentialSource for MixedCredentials {
    async fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        match self.files.object(kind, namespace, name, key).await {
            Err(NeedError::NotFound { .. }) => self.cluster.object(kind, namespace, name, key).await,
            found => found,
        }
    }

    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        self.cluster.account(namespace, name).await
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
        expiration: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        self.cluster.token(namespace, name, audiences, expiration).await
    }

    /// A person's own machine is nobody's pod.
    async fn ambient(&self, kind: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        self.files.ambient(kind, name).await
    }

    fn api_server_audiences(&self) -> Vec<String> {
        self.cluster.api_server_audiences()
    }
}
