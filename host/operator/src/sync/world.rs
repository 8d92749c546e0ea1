//! Where the pipeline finds what manifests refer to: a cluster, or a folder of files.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claviger_core::error::Failure;
use claviger_core::secret::SecretBytes;
pub use claviger_core::template::SourceKind;
use claviger_crds::store::SecretStoreSpec;
use claviger_plugins::CredentialSource;

use crate::watch::Object;

/// A store that was found.
#[derive(Clone, Debug)]
pub struct StoreView {
    /// `metadata.uid`; for files, a stand-in that is unique in the folder.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// Its spec.
    pub spec: SecretStoreSpec,
}

/// A generator that was found; of a ClusterGenerator what is in it.
#[derive(Clone, Debug)]
pub struct GeneratorView {
    /// The kind that a plugin answers to.
    pub kind: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// Its spec: the plugin checks it.
    pub spec: serde_json::Value,
}

/// The objects around an ExternalSecret.
#[async_trait]
pub trait World: Send + Sync {
    /// The store, which must be there and usable from `namespace`.
    ///
    /// # Errors
    /// That it is not there, does not parse, or does not serve that namespace.
    async fn store(&self, store: &Object, namespace: &str) -> Result<StoreView, Failure>;

    /// The generator of that kind, in the namespace of who asks, or a ClusterGenerator.
    ///
    /// # Errors
    /// That it is not there, cannot be read, or stands for nothing.
    async fn generator(&self, kind: &str, namespace: &str, name: &str) -> Result<GeneratorView, Failure>;

    /// The keys of a ConfigMap or Secret in `namespace`, for a template; `None` if it is not there.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn source(
        &self,
        kind: SourceKind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<BTreeMap<String, SecretBytes>>, Failure>;

    /// Labels of a namespace.
    ///
    /// # Errors
    /// If they cannot be read.
    async fn namespace_labels(&self, namespace: &str) -> Result<Arc<BTreeMap<String, String>>, Failure>;

    /// What a store's references are resolved with.
    fn credentials(&self, store: &Object) -> Arc<dyn CredentialSource>;
}
