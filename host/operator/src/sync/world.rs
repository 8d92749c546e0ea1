//! Where the pipeline finds what manifests refer to: a cluster, or a folder of files.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claviger_core::error::Failure;
use claviger_core::lease::Source;
use claviger_core::secret::SecretBytes;
pub use claviger_core::template::SourceKind;
use claviger_crds::store::SecretStoreSpec;
use claviger_plugins::CredentialSource;
use serde_json::Value;

use crate::audit::Access;
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

/// An ExternalSecret that something is left behind for.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
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

    /// What that generator left behind when it last made something for the owner.
    fn left(&self, _owner: &Owner<'_>, _source: &Source) -> Option<Value> {
        None
    }

    /// Records what a generator leaves behind now; the record's name.
    ///
    /// # Errors
    /// If it cannot be: where there is no cluster, or the API server does not take it.
    async fn leave(
        &self,
        _owner: &Owner<'_>,
        source: &Source,
        _view: &GeneratorView,
        _state: Value,
    ) -> Result<String, Failure> {
        Err(Failure::ValueNotUsable {
            place: format!("{} {}", source.kind, source.name),
            why: "it leaves something behind, which needs a cluster to be recorded in".to_owned(),
        })
    }

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

    /// Whether somebody wants to know what providers are asked for.
    fn audits(&self) -> bool {
        false
    }

    /// A provider was asked for something, for whom this is the surroundings of.
    fn audit(&self, _access: &Access<'_>) {}

    /// Labels of a namespace.
    ///
    /// # Errors
    /// If they cannot be read.
    async fn namespace_labels(&self, namespace: &str) -> Result<Arc<BTreeMap<String, String>>, Failure>;

    /// What references are resolved with: those of a store, which looks again when what it refers to changes, or a
    /// generator's, for which nobody does.
    fn credentials(&self, store: Option<&Object>) -> Arc<dyn CredentialSource>;
}
