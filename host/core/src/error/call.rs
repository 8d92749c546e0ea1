//! From what a plugin's call came to, to what it means for the object that asked.

use super::{Failure, StoreName};
use crate::provider::{CallError, NeedError, PluginId, ProviderError};
use crate::secret::Untrusted;

impl Failure {
    /// A failure of a call, put in context.
    pub fn from_call(
        store: &StoreName,
        key: Option<&str>,
        version: Option<&str>,
        plugin: &PluginId,
        error: CallError,
    ) -> Self {
        let store = store.clone();
        match error {
            CallError::Provider(error) => Self::from_provider(store, key, version, plugin.to_string(), error),
            CallError::Fault(fault) => Self::PluginFault { plugin: plugin.to_string(), fault },
            CallError::Need(need) => Self::from_need(store, need),
            CallError::Held { left } => Self::Held { store, left },
            CallError::Full(full) => Self::ValueNotUsable {
                place: key.map_or_else(|| store.to_string(), |key| format!("{store}, key {key:?}")),
                why: full.to_string(),
            },
        }
    }

    fn from_provider(
        store: StoreName,
        key: Option<&str>,
        version: Option<&str>,
        plugin: String,
        error: ProviderError,
    ) -> Self {
        let key = key.map(ToOwned::to_owned);
        match (error, key) {
            (ProviderError::NotFound(detail), Some(key)) => {
                Self::RemoteKeyNotFound { store, key, version: version.map(ToOwned::to_owned), detail }
            }
            (ProviderError::Unauthenticated(detail), _) => {
                Self::AuthenticationFailed { store, plugin, detail }
            }
            (ProviderError::Denied(detail), key) => Self::AccessDenied { store, plugin, key, detail },
            (ProviderError::RateLimited { retry_after, detail }, _) => {
                Self::RateLimited { store, plugin, retry_after, detail }
            }
            (ProviderError::Unavailable(detail), _) => Self::ProviderUnavailable { store, plugin, detail },
            (ProviderError::InvalidConfig { path, detail }, _) => {
                Self::InvalidProviderConfig { store, plugin, path, detail }
            }
            (ProviderError::NotModified, key) => Self::ProviderFailed {
                store,
                plugin,
                key,
                detail: Untrusted::new("answered not-modified to a question that named no version"),
            },
            (
                ProviderError::NotFound(detail)
                | ProviderError::Conflict(detail)
                | ProviderError::Unsupported(detail)
                | ProviderError::Other(detail),
                key,
            ) => Self::ProviderFailed { store, plugin, key, detail },
        }
    }

    fn from_need(store: StoreName, need: NeedError) -> Self {
        match need {
            NeedError::NotFound { kind, namespace, name, key } => Self::ReferenceNotFound {
                store,
                what: match key {
                    Some(key) => format!("key {key:?} of {kind} {namespace}/{name}"),
                    None => format!("{kind} {namespace}/{name}"),
                },
            },
            NeedError::Unreadable { what, detail, transient } => {
                Self::ReferenceUnreadable { store, what, transient, detail }
            }
            NeedError::NoRequester { .. } => Self::StoreReferent { store },
            other @ (NeedError::ForeignNamespace { .. }
            | NeedError::BadReference { .. }
            | NeedError::AudienceRefused { .. }
            | NeedError::AmbientRefused { .. }
            | NeedError::Withheld { .. }) => Self::ReferenceForbidden { store, why: other.to_string() },
        }
    }
}
