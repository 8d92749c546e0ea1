//! What follows from a failure: the reason it is reported under, the event, when to try again. Every
//! variant is named, so that a new one does not compile before somebody has decided.

use std::time::Duration;

use super::{Failure, Reason};

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Trying again gives the same until an object in the cluster changes, and that wakes us; looked at
    /// again at the refresh interval all the same.
    Interval,
    /// It may pass: soon, then less and less often.
    Backoff,
    /// The backend said when.
    After(Duration),
    /// It was no try: when the pause is over.
    Held(Duration),
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Reason of the condition and label of the metric: one of [`Reason`].
    pub reason: &'static str,
    /// Reason of the Warning event. ESO has one for all, which `kubectl get events` is filtered by.
    pub event: &'static str,
    /// When to try again.
    pub retry: Retry,
}

/// Reason of a sync that wrote what could be read and lacks the rest.
pub const PARTIALLY_SYNCED: &str = Reason::PartiallySynced.as_str();

/// ESO's event for every failure of an ExternalSecret.
const UPDATE_FAILED: &str = "UpdateFailed";

impl Failure {
    /// Reason, event and retry.
    pub fn class(&self) -> Class {
        let (reason, retry) = match self {
            Self::ManifestInvalid { .. } => (Reason::ManifestInvalid, Retry::Interval),
            Self::PolicyInvalid { .. } => (Reason::PolicyInvalid, Retry::Interval),
            Self::StoreNotFound { .. } => (Reason::StoreNotFound, Retry::Interval),
            Self::OtherController { .. } => (Reason::OtherController, Retry::Interval),
            Self::GeneratorNotFound { .. } => (Reason::GeneratorNotFound, Retry::Interval),
            Self::GeneratorUnknown { .. } => (Reason::GeneratorUnknown, Retry::Interval),
            Self::StoreNotReady { .. } => (Reason::StoreNotReady, Retry::Interval),
            Self::StoreForbidden { .. } => (Reason::StoreForbidden, Retry::Interval),
            // The labels of a namespace and the annotations of an account wake nobody, and looking costs no request.
            Self::KeyForbidden { .. } => (Reason::KeyForbidden, Retry::Backoff),
            Self::StoreReferent { .. } => (Reason::ValidationUnknown, Retry::Interval),
            Self::ProviderUnknown { .. } => (Reason::ProviderUnknown, Retry::Interval),
            Self::PluginNotLoaded { .. } => (Reason::PluginNotLoaded, Retry::Backoff),
            Self::PluginLoading { .. } => (Reason::PluginLoading, Retry::Backoff),
            Self::PluginForbidden { .. } => (Reason::PluginForbidden, Retry::Interval),
            Self::InvalidProviderConfig { .. } => (Reason::InvalidProviderConfig, Retry::Interval),
            Self::ReferenceNotFound { .. } => (Reason::ReferenceNotFound, Retry::Interval),
            Self::ReferenceForbidden { .. } => (Reason::ReferenceForbidden, Retry::Interval),
            Self::ReferenceUnreadable { transient: true, .. } => {
                (Reason::ReferenceUnreadable, Retry::Backoff)
            }
            Self::ReferenceUnreadable { transient: false, .. } => {
                (Reason::ReferenceUnreadable, Retry::Interval)
            }
            Self::AuthenticationFailed { .. } => (Reason::AuthenticationFailed, Retry::Backoff),
            Self::AccessDenied { .. } => (Reason::AccessDenied, Retry::Backoff),
            // Often written a minute after the manifest that reads it, and nothing tells us.
            Self::RemoteKeyNotFound { .. } => (Reason::RemoteKeyNotFound, Retry::Backoff),
            Self::PropertyNotFound { .. } => (Reason::PropertyNotFound, Retry::Backoff),
            Self::ValueNotUsable { .. } => (Reason::ValueNotUsable, Retry::Interval),
            Self::PartiallySynced { first, .. } => (Reason::PartiallySynced, first.class().retry),
            Self::Held { left, .. } => (Reason::BackendPaused, Retry::Held(*left)),
            Self::RateLimited { retry_after: Some(after), .. } => (Reason::RateLimited, Retry::After(*after)),
            Self::RateLimited { retry_after: None, .. } => (Reason::RateLimited, Retry::Backoff),
            Self::ProviderUnavailable { .. } => (Reason::ProviderUnavailable, Retry::Backoff),
            Self::ProviderFailed { .. } => (Reason::ProviderFailed, Retry::Backoff),
            Self::PluginFault { .. } => (Reason::PluginFault, Retry::Backoff),
            Self::TemplateFailed { .. } => (Reason::TemplateFailed, Retry::Interval),
            Self::TemplateSourceNotFound { .. } => (Reason::TemplateSourceNotFound, Retry::Interval),
            Self::TargetOwned { .. } => (Reason::TargetOwned, Retry::Interval),
            Self::TargetConflict { .. } => (Reason::TargetConflict, Retry::Interval),
            Self::TargetImmutable { .. } => (Reason::TargetImmutable, Retry::Interval),
            Self::TargetTypeFixed { .. } => (Reason::TargetTypeFixed, Retry::Interval),
            Self::TargetTerminating { .. } => (Reason::TargetTerminating, Retry::Backoff),
            Self::TargetForbidden { .. } => (Reason::TargetForbidden, Retry::Interval),
            Self::SourceNotFound { .. } => (Reason::SourceNotFound, Retry::Interval),
            Self::PlaceTaken { .. } => (Reason::PlaceTaken, Retry::Interval),
            Self::StoreReadOnly { .. } => (Reason::StoreReadOnly, Retry::Interval),
            Self::WriteRefused { .. } => (Reason::WriteRefused, Retry::Backoff),
            Self::ApiServer { code: Some(403), .. } => (Reason::ApiServerDenied, Retry::Backoff),
            Self::ApiServer { .. } => (Reason::ApiServerFailed, Retry::Backoff),
        };
        Class { reason: reason.as_str(), event: UPDATE_FAILED, retry }
    }

    /// ESO's words for the step that failed, which tools that read its conditions look for.
    pub fn umbrella(&self) -> Option<&'static str> {
        match self {
            Self::TargetOwned { owner, .. } if owner.starts_with("ExternalSecret ") => {
                Some("target is owned by another ExternalSecret")
            }
            Self::TargetOwned { .. } => Some("failed to take ownership of target secret"),
            Self::TargetImmutable { .. } => Some("could not update secret, target is immutable"),
            Self::TargetConflict { .. }
            | Self::TargetTypeFixed { .. }
            | Self::TargetTerminating { .. }
            // Rendering is a part of updating there.
            | Self::TemplateFailed { .. }
            | Self::TemplateSourceNotFound { .. }
            | Self::ApiServer { .. } => Some("could not update secret"),
            Self::ManifestInvalid { .. }
            | Self::PolicyInvalid { .. }
            | Self::PartiallySynced { .. }
            | Self::TargetForbidden { .. }
            // Of PushSecrets, which say it otherwise.
            | Self::SourceNotFound { .. }
            | Self::PlaceTaken { .. }
            | Self::StoreReadOnly { .. }
            | Self::WriteRefused { .. } => None,
            Self::StoreNotFound { .. }
            | Self::OtherController { .. }
            | Self::GeneratorNotFound { .. }
            | Self::GeneratorUnknown { .. }
            | Self::StoreNotReady { .. }
            | Self::StoreForbidden { .. }
            | Self::KeyForbidden { .. }
            | Self::StoreReferent { .. }
            | Self::ProviderUnknown { .. }
            | Self::PluginNotLoaded { .. }
            | Self::PluginLoading { .. }
            | Self::PluginForbidden { .. }
            | Self::InvalidProviderConfig { .. }
            | Self::ReferenceNotFound { .. }
            | Self::ReferenceForbidden { .. }
            | Self::ReferenceUnreadable { .. }
            | Self::AuthenticationFailed { .. }
            | Self::AccessDenied { .. }
            | Self::RemoteKeyNotFound { .. }
            | Self::PropertyNotFound { .. }
            | Self::ValueNotUsable { .. }
            | Self::Held { .. }
            | Self::RateLimited { .. }
            | Self::ProviderUnavailable { .. }
            | Self::ProviderFailed { .. }
            | Self::PluginFault { .. } => Some("could not get secret data from provider"),
        }
    }

    /// Whether other entries of the same spec may work all the same: it is a key, its value or its rights that are
    /// wrong, and not the store, its login or the backend.
    pub fn concerns_one_entry(&self) -> bool {
        match self {
            Self::AccessDenied { .. }
            | Self::KeyForbidden { .. }
            | Self::RemoteKeyNotFound { .. }
            | Self::PropertyNotFound { .. }
            | Self::ValueNotUsable { .. }
            | Self::ProviderFailed { .. }
            | Self::PlaceTaken { .. }
            | Self::WriteRefused { .. }
            | Self::TemplateFailed { .. } => true,
            Self::ManifestInvalid { .. }
            | Self::PolicyInvalid { .. }
            | Self::StoreNotFound { .. }
            | Self::OtherController { .. }
            | Self::GeneratorNotFound { .. }
            | Self::GeneratorUnknown { .. }
            | Self::StoreNotReady { .. }
            | Self::StoreForbidden { .. }
            | Self::StoreReferent { .. }
            | Self::ProviderUnknown { .. }
            | Self::PluginNotLoaded { .. }
            | Self::PluginLoading { .. }
            | Self::PluginForbidden { .. }
            | Self::InvalidProviderConfig { .. }
            | Self::ReferenceNotFound { .. }
            | Self::ReferenceForbidden { .. }
            | Self::ReferenceUnreadable { .. }
            | Self::AuthenticationFailed { .. }
            | Self::PartiallySynced { .. }
            | Self::Held { .. }
            | Self::RateLimited { .. }
            | Self::ProviderUnavailable { .. }
            | Self::PluginFault { .. }
            | Self::TemplateSourceNotFound { .. }
            | Self::TargetOwned { .. }
            | Self::TargetConflict { .. }
            | Self::TargetImmutable { .. }
            | Self::TargetTypeFixed { .. }
            | Self::TargetTerminating { .. }
            | Self::TargetForbidden { .. }
            | Self::SourceNotFound { .. }
            | Self::StoreReadOnly { .. }
            | Self::ApiServer { .. } => false,
        }
    }
}
