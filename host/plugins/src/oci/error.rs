//! Why an artifact cannot be had from a registry, or not be put there, with what to do.
//!
//! Words of a registry's are shown cleaned and capped, and never where they hold what it was told
//! (`repository::Repository::shown`): it knows the password, and could say it.

use std::time::Duration;

use crate::error::PluginsError;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// No reference.
    #[error("the reference is not one: {why}")]
    Reference {
        /// What is wrong with it.
        why: String,
    },
    /// The login, or where it should be.
    #[error("no login for {registry}: {why}")]
    Login {
        /// `HOST[:PORT]`.
        registry: String,
        /// Why, with the remedy.
        why: String,
    },
    /// 401, 403.
    #[error("{what} is refused by {place} ({status}): {remedy}")]
    Denied {
        /// What was asked for.
        what: String,
        /// Who refuses it.
        place: String,
        /// Status and, where the registry gives one, code.
        status: String,
        /// What to do.
        remedy: &'static str,
    },
    /// 404.
    #[error("{what} does not exist: correct the reference, or push it with `claviger plugin push`")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// 429.
    #[error("{place} limits our requests (429): wait, or have a login of its own with a higher limit")]
    Limited {
        /// Who.
        place: String,
        /// How long it asks us to wait.
        wait: Option<Duration>,
    },
    /// 5xx, unknown host, no connection, TLS, time.
    #[error(
        "{why}: see that the registry runs and that the operator's network, proxy and authorities lead there"
    )]
    Unavailable {
        /// What happened, and with whom.
        why: String,
    },
    /// It leads where no registry is.
    #[error("{place} is not asked: {why}")]
    Address {
        /// Where to.
        place: String,
        /// Which rule.
        why: String,
    },
    /// Something is there, and no plugin.
    #[error("{what} cannot be used: {why}")]
    Artifact {
        /// What.
        what: String,
        /// Why, with the remedy.
        why: String,
    },
    /// Signatures.
    #[error("the signature of {what} does not hold: {why}")]
    Signature {
        /// The artifact, by its manifest's digest.
        what: String,
        /// Why, with the remedy.
        why: String,
    },
    /// Of the component.
    #[error(transparent)]
    Plugin(#[from] PluginsError),
}

impl OciError {
    /// The reason of the Plugin's condition. Every variant is named, so that a new one does not compile before
    /// somebody has decided.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Reference { .. } => "SourceInvalid",
            Self::Login { .. } => "PullSecretInvalid",
            Self::Denied { .. } => "RegistryDenied",
            Self::NotFound { .. } => "SourceNotFound",
            Self::Limited { .. } => "RegistryLimited",
            Self::Unavailable { .. } => "RegistryUnavailable",
            Self::Address { .. } => "RegistryForbidden",
            Self::Artifact { .. } => "ArtifactInvalid",
            Self::Signature { .. } => "SignatureInvalid",
            Self::Plugin(error) => error.reason(),
        }
    }

    /// After how long trying again can help though nothing in the cluster changes; none: it cannot. What a registry
    /// holds may change at any time, and nobody tells.
    pub fn try_again(&self) -> Option<Duration> {
        const SOON: Duration = Duration::from_secs(30);
        const LATER: Duration = Duration::from_secs(300);
        /// Whatever a registry asks for.
        const LONGEST: Duration = Duration::from_secs(3600);
        match self {
            Self::Unavailable { .. } => Some(SOON),
            Self::Limited { wait, .. } => Some(wait.unwrap_or(LATER).clamp(LATER, LONGEST)),
            Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::Address { .. }
            | Self::Artifact { .. }
            | Self::Signature { .. }
            | Self::Plugin(PluginsError::DigestMismatch { .. } | PluginsError::TooLarge { .. }) => {
                Some(LATER)
            }
            Self::Reference { .. } | Self::Login { .. } | Self::Plugin(_) => None,
        }
    }
}
