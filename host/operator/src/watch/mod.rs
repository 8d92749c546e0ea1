//! What the operator sees of the cluster: caches of its own kinds, a reduced view of the Secrets it
//! manages, and the index of who depends on what. It decides nothing and writes nothing.

pub(crate) mod api_server;
pub mod cache;
mod few;
pub(crate) mod index;
pub mod managed;
pub(crate) mod marked;
pub(crate) mod others;
pub(crate) mod packed;
pub(crate) mod relist;
pub(crate) mod streams;

use claviger_core::template::SourceKind;
use claviger_crds::external_secret::StoreKind;

use crate::watch::cache::Name;

/// An object that something which is reconciled reads, and so wants to be woken by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Its kind.
    pub kind: SourceKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// An object that is reconciled.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Object {
    /// A cluster-scoped Plugin.
    Plugin(String),
    /// A cluster-scoped maker of ExternalSecrets.
    ClusterExternalSecret(String),
    /// A cluster-scoped store.
    ClusterSecretStore(String),
    /// A namespaced store.
    SecretStore(Name),
    /// An ExternalSecret.
    ExternalSecret(Name),
    /// A cluster-scoped maker of PushSecrets.
    ClusterPushSecret(String),
    /// A PushSecret.
    PushSecret(Name),
}

impl Object {
    /// The store that a reference in `namespace` means.
    pub fn store(kind: StoreKind, namespace: &str, name: &str) -> Self {
        match kind {
            StoreKind::SecretStore => Self::SecretStore(Name::new(namespace, name)),
            StoreKind::ClusterSecretStore => Self::ClusterSecretStore(name.to_owned()),
        }
    }

    /// The kind, as manifests and metrics spell it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Plugin(_) => "Plugin",
            Self::ClusterExternalSecret(_) => "ClusterExternalSecret",
            Self::ClusterSecretStore(_) => "ClusterSecretStore",
            Self::SecretStore(_) => "SecretStore",
            Self::ExternalSecret(_) => "ExternalSecret",
            Self::ClusterPushSecret(_) => "ClusterPushSecret",
            Self::PushSecret(_) => "PushSecret",
        }
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        match self {
            Self::Plugin(name)
            | Self::ClusterExternalSecret(name)
            | Self::ClusterPushSecret(name)
            | Self::ClusterSecretStore(name) => name,
            Self::SecretStore(name) | Self::ExternalSecret(name) | Self::PushSecret(name) => &name.name,
        }
    }

    /// Its namespace; empty for cluster-scoped objects, which so form a class of their own when the
    /// scheduler takes turns among namespaces.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Plugin(_)
            | Self::ClusterExternalSecret(_)
            | Self::ClusterPushSecret(_)
            | Self::ClusterSecretStore(_) => "",
            Self::SecretStore(name) | Self::ExternalSecret(name) | Self::PushSecret(name) => &name.namespace,
        }
    }
}

impl claviger_core::scheduler::Queued for Object {
    fn namespace(&self) -> &str {
        Self::namespace(self)
    }

    /// Plugins are loaded beside the workers.
    fn takes_place(&self) -> bool {
        !matches!(self, Self::Plugin(_))
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace() {
            "" => write!(f, "{} {}", self.kind(), self.name()),
            namespace => write!(f, "{} {namespace}/{}", self.kind(), self.name()),
        }
    }
}
