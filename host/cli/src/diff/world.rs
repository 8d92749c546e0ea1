//! The world of `claviger diff`: the given files, and the cluster for what is not in them. What stores are handed of the
//! cluster's is `handed`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claviger_core::error::Failure;
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_core::tenancy::store_allows;
use claviger_crds::external_secret::ExternalSecretStatus;
use claviger_crds::plugin::PluginSpec;
use claviger_crds::store::SecretStoreSpec;
use claviger_operator::cluster::credentials::Credentials;
use claviger_operator::cluster::live;
use claviger_operator::sync::store_name;
use claviger_operator::sync::world::{GeneratorView, SourceKind, StoreView, World};
use claviger_operator::watch::Object;
use claviger_plugins::CredentialSource;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::DynamicObject;
use kube::{Api, Client, ResourceExt};
use tokio::sync::OnceCell;

use super::handed::{Handed, Hands};
use super::known;
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
    hands: Hands,
}

impl Mixed {
    /// Of these files and that cluster, whose Secrets and tokens go to its own stores alone unless the files are `trusted`.
    pub(crate) fn new(files: Files, client: Client, trusted: bool) -> Self {
        Self::of(files, client, if trusted { Hands::ToAll } else { Hands::ToItsOwn })
    }

    /// Of a cluster alone.
    pub(crate) fn of_cluster(client: Client) -> Self {
        Self::of(Files::new(Vec::new()), client, Hands::AsTheOperator)
    }

    fn of(files: Files, client: Client, hands: Hands) -> Self {
        let audiences = API_SERVER_AUDIENCES.map(str::to_owned).to_vec();
        let credentials = Arc::new(Credentials::new(client.clone(), audiences, None));
        Self { files, client, credentials, hands }
    }

    /// The Plugins of the files that may be used: any, if the files are trusted, else those that the cluster has. A plugin
    /// sees what stores are handed, and its grants and settings say where it may send that.
    pub(crate) async fn plugins(&self) -> Vec<(String, Result<PluginSpec, String>)> {
        let mut judged = Vec::new();
        for (name, plugin) in self.files.plugins() {
            let own = match self.files.find("Plugin", "", &name) {
                _ if self.hands != Hands::ToItsOwn => Ok(()),
                Some(file) => {
                    known::is_the_clusters::<PluginSpec>(&self.client, "Plugin", None, &name, file).await
                }
                None => Err("it stands in the files in a namespace, where the cluster has none".to_owned()),
            };
            let remedy = "apply it first; --trust-files uses it as the files have it";
            let own = own.map_err(|why| format!("not used, since {why}: {remedy}"));
            judged.push((name, plugin.and_then(|spec| own.map(|()| spec))));
        }
        judged
    }

    /// What the cluster knows of an ExternalSecret: its uid, empty if there is none of that name, and its status.
    pub(super) async fn known(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<(String, ExternalSecretStatus), Failure> {
        let found = known::object(&self.client, "ExternalSecret", Some(namespace), name).await?;
        let status = |object: &DynamicObject| serde_json::from_value(object.data["status"].clone()).ok();
        let known =
            found.map(|object| (object.uid().unwrap_or_default(), status(&object).unwrap_or_default()));
        Ok(known.unwrap_or_default())
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
                let found =
                    known::object(&self.client, &name.kind, name.namespace.as_deref(), &name.name).await?;
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

    fn credentials(&self, store: Option<&Object>) -> Arc<dyn CredentialSource> {
        // No comparison asks a generator for anything.
        let Some(store) = store else { return Arc::new(self.files.clone()) };
        Arc::new(Handed {
            files: self.files.clone(),
            client: self.client.clone(),
            cluster: self.credentials.reporting(|_| {}),
            store: store_name(store),
            hands: self.hands,
            not_its_own: OnceCell::new(),
        })
    }
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
