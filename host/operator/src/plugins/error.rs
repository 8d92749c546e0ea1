//! Why a plugin is not installed, as its `Plugin` object's condition says it.

use std::time::Duration;

use claviger_plugins::PluginsError;
use claviger_plugins::oci::OciError;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The component, its package or its grants.
    #[error(transparent)]
    Plugin(#[from] PluginsError),
    /// The object does not parse.
    #[error("the object does not parse: correct its manifest")]
    ManifestInvalid,
    /// Where the bytes should be is nothing.
    #[error("{what} does not exist: {remedy}")]
    SourceNotFound {
        /// `ConfigMap claviger-system/acme-plugin`.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// Something is there and holds no component.
    #[error("{what} cannot be used: {why}")]
    SourceInvalid {
        /// What.
        what: String,
        /// Why, with the remedy.
        why: String,
    },
    /// Reading failed; it may work later.
    #[error("{what} cannot be read: {why}")]
    SourceUnreadable {
        /// What.
        what: String,
        /// The other side's words.
        why: String,
    },
    /// The registry, or what it holds.
    #[error(transparent)]
    Registry(#[from] OciError),
    /// A ConfigMap or an artifact without a digest: the definition asks for one, and so do we.
    #[error(
        "spec.digest is missing: whoever may edit the ConfigMap, or push to the registry, must not decide what is loaded; name the digest that `claviger plugin inspect` prints"
    )]
    DigestMissing,
    /// The object changed meanwhile.
    #[error("the object changed while its plugin was being loaded")]
    Superseded,
    /// A name that is taken.
    #[error("the name {0:?} is kept for the plugin that comes with the operator: give this one another name")]
    NameReserved(String),
}

impl InstallError {
    /// Reason of the condition. Every variant is named, so that a new one does not compile before somebody
    /// has decided.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Plugin(error) => error.reason(),
            Self::ManifestInvalid => "ManifestInvalid",
            Self::SourceNotFound { .. } => "SourceNotFound",
            Self::SourceInvalid { .. } => "SourceInvalid",
            Self::SourceUnreadable { .. } => "SourceUnreadable",
            Self::Registry(error) => error.reason(),
            Self::DigestMissing => "DigestMissing",
            Self::Superseded => "Superseded",
            Self::NameReserved(_) => "NameReserved",
        }
    }

    /// After how long trying again can help though nothing in the cluster changes; none: it cannot. What has
    /// to be compiled again costs a minute of CPU time, so that is tried seldom.
    pub fn try_again(&self) -> Option<Duration> {
        match self {
            // Whether there is room again is looked at before anything is compiled.
            Self::SourceUnreadable { .. } | Self::Plugin(PluginsError::NoRoom(_)) => Some(Duration::from_secs(30)),
            Self::Registry(error) => error.try_again(),
            // These depend on what else the machine does at the time.
            Self::Plugin(PluginsError::OverBudget { .. } | PluginsError::Compile(_)) => {
                Some(Duration::from_secs(3600))
            }
            Self::Plugin(PluginsError::Describe(_) | PluginsError::Smoke(_)) => Some(Duration::from_secs(600)),
            Self::Plugin(_)
            | Self::ManifestInvalid
            | Self::SourceNotFound { .. }
            | Self::SourceInvalid { .. }
            | Self::DigestMissing
            // The change has queued the object.
            | Self::Superseded
            | Self::NameReserved(_) => None,
        }
    }
}
