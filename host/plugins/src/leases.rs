//! Renewing and revoking what a provider leased. When, and what becomes of it, is decided elsewhere
//! (`core::lease`).

use std::time::Duration;

use claviger_core::provider::{CallError, Fault, Lease, ProviderError};
use claviger_core::secret::Untrusted;

use crate::convert;
use crate::session::Session;

impl Session {
    /// Renews a lease, and its holder where that must be, for `increment` from now; both as they are afterwards.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] if it is not there any more, [`ProviderError::Denied`] without the right to; else as
    /// every call.
    pub async fn renew(&self, lease: &Lease, increment: Duration) -> Result<Lease, CallError> {
        let (input, lease) = (self.input.to_guest(), convert::lease_to_guest(lease));
        let increment = u64::try_from(increment.as_millis()).unwrap_or(u64::MAX);
        let answer = self
            .plugin
            .provider(
                "renew",
                self.plugin.setup(self),
                &self.room,
                self.plugin.grants().wall,
                async |guest, store| guest.renew(store, &input, &lease, increment).await,
                |_, _| {},
            )
            .await;
        let renewed = convert::lease(self.answer(answer)?);
        if renewed.id != lease.id {
            return Err(Fault::BadAnswer("a renewal of another lease than was asked for".to_owned()).into());
        }
        Ok(renewed)
    }

    /// Takes a lease back.
    ///
    /// # Errors
    /// As [`Session::renew`]; that it is not there any more is none.
    pub async fn revoke(&self, lease: &Lease) -> Result<(), CallError> {
        let (input, lease) = (self.input.to_guest(), convert::lease_to_guest(lease));
        let answer = self
            .plugin
            .provider(
                "revoke",
                self.plugin.setup(self),
                &self.room,
                self.plugin.grants().wall,
                async |guest, store| guest.revoke(store, &input, &lease).await,
                |(), _| {},
            )
            .await;
        match self.answer(answer) {
            Err(CallError::Provider(ProviderError::NotFound(_))) => Ok(()),
            other => other,
        }
    }

    /// Whether a key may name something that is made for who reads it.
    pub fn is_dynamic(&self) -> bool {
        self.plugin.description().is_some_and(|it| it.can("dynamic"))
    }

    /// Whether the provider is told the property that is asked for, and answers with it.
    pub fn has_own_properties(&self) -> bool {
        self.plugin.description().is_some_and(|it| it.can("own-properties"))
    }
}

/// Without an interface there is nothing to call.
pub(crate) fn unsupported(what: &str) -> CallError {
    ProviderError::Unsupported(Untrusted::new(what)).into()
}
