//! What follows from a failure: the reason it is reported under, the event, when to try again. Every
//! variant is named, so that a new one does not compile before somebody has decided.

use std::time::Duration;

use super::Failure;

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
    /// Reason of the condition and label of the metric.
    pub reason: &'static str,
    /// Reason of the Warning event. ESO has one for all, which `kubectl get events` is filtered by.
    pub event: &'static str,
    /// When to try again.
    pub retry: Retry,
}

/// Reason of a sync that wrote what could be read and lacks the rest.
pub const PARTIALLY_SYNCED: &str = "PartiallySynced";

/// ESO's event for every failure of an ExternalSecret.
const UPDATE_FAILED: &str = "UpdateFailed";

impl Failure {
    /// Reason, event and retry.
    pub fn class(&self) -> Class {
        let (reason, retry) = match self {
            Self::ManifestInvalid { .. } => ("ManifestInvalid", Retry::Interval),
            Self::PolicyInvalid { .. } => ("PolicyInvalid", Retry::Interval),
            Self::StoreNotFound { .. } => ("StoreNotFound", Retry::Interval),
            Self::OtherController { .. } => ("OtherController", Retry::Interval),
            Self::GeneratorNotFound { .. } => ("GeneratorNotFound", Retry::Interval),
            Self::GeneratorUnknown { .. } => ("GeneratorUnknown", Retry::Interval),
            Self::StoreNotReady { .. } => ("StoreNotReady", Retry::Interval),
            Self::StoreForbidden { .. } => ("StoreForbidden", Retry::Interval),
            // The labels of a namespace and the annotations of an account wake nobody, and looking costs no request.
            Self::KeyForbidden { .. } => ("KeyForbidden", Retry::Backoff),
            Self::StoreReferent { .. } => ("ValidationUnknown", Retry::Interval),
            Self::ProviderUnknown { .. } => ("ProviderUnknown", Retry::Interval),
            Self::PluginNotLoaded { .. } => ("PluginNotLoaded", Retry::Backoff),
            Self::PluginLoading { .. } => ("PluginLoading", Retry::Backoff),
            Self::PluginForbidden { .. } => ("PluginForbidden", Retry::Interval),
            Self::InvalidProviderConfig { .. } => ("InvalidProviderConfig", Retry::Interval),
            Self::ReferenceNotFound { .. } => ("ReferenceNotFound", Retry::Interval),
            Self::ReferenceForbidden { .. } => ("ReferenceForbidden", Retry::Interval),
            Self::ReferenceUnreadable { transient: true, .. } => ("ReferenceUnreadable", Retry::Backoff),
            Self::ReferenceUnreadable { transient: false, .. } => ("ReferenceUnreadable", Retry::Interval),
            Self::AuthenticationFailed { .. } => ("AuthenticationFailed", Retry::Backoff),
            Self::AccessDenied { .. } => ("AccessDenied", Retry::Backoff),
            // Often written a minute after the manifest that reads it, and nothing tells us.
            Self::RemoteKeyNotFound { .. } => ("RemoteKeyNotFound", Retry::Backoff),
            Self::PropertyNotFound { .. } => ("PropertyNotFound", Retry::Backoff),
            Self::ValueNotUsable { .. } => ("ValueNotUsable", Retry::Interval),
            Self::PartiallySynced { first, .. } => (PARTIALLY_SYNCED, first.class().retry),
            Self::Held { left, .. } => ("BackendPaused", Retry::Held(*left)),
            Self::RateLimited { retry_after: Some(after), .. } => ("RateLimited", Retry::After(*after)),
            Self::RateLimited { retry_after: None, .. } => ("RateLimited", Retry::Backoff),
            Self::ProviderUnavailable { .. } => ("ProviderUnavailable", Retry::Backoff),
            Self::ProviderFailed { .. } => ("ProviderFailed", Retry::Backoff),
            Self::PluginFault { .. } => ("PluginFault", Retry::Backoff),
            Self::TemplateFailed { .. } => ("TemplateFailed", Retry::Interval),
            Self::TemplateSourceNotFound { .. } => ("TemplateSourceNotFound", Retry::Interval),
            Self::TargetOwned { .. } => ("TargetOwned", Retry::Interval),
            Self::TargetConflict { .. } => ("TargetConflict", Retry::Interval),
            Self::TargetImmutable { .. } => ("TargetImmutable", Retry::Interval),
            Self::TargetTypeFixed { .. } => ("TargetTypeFixed", Retry::Interval),
            Self::TargetTerminating { .. } => ("TargetTerminating", Retry::Backoff),
            Self::TargetForbidden { .. } => ("TargetForbidden", Retry::Interval),
            Self::SourceNotFound { .. } => ("SourceNotFound", Retry::Interval),
            Self::PlaceTaken { .. } => ("PlaceTaken", Retry::Interval),
            Self::StoreReadOnly { .. } => ("StoreReadOnly", Retry::Interval),
            Self::WriteRefused { .. } => ("WriteRefused", Retry::Backoff),
            Self::ApiServer { code: Some(403), .. } => ("ApiServerDenied", Retry::Backoff),
            Self::ApiServer { .. } => ("ApiServerFailed", Retry::Backoff),
        };
        Class { reason, event: UPDATE_FAILED, retry }
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
