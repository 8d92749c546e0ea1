//! Renewing and revoking what a provider leased. When, and what becomes of it, is decided elsewhere
//! (`core::lease`).

use std::time::Duration;

use claviger_core::provider::{CallError, Fault, Lease, ProviderError};

use crate::convert;
use crate::session::Session;

impl Session {
    /// Renews a lease, and its holder where that must be, for `increment` from now; both as they are afterwards.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] if it is not there any more, [`ProviderError::Denied`] without the right to; else as
    /// every call.
    pub async fn renew(&self, lease: &Lease, increment: Duration) -> Result<Lease, CallError> {
        let lease = convert::lease_to_guest(lease);
        let increment = u64::try_from(increment.as_millis()).unwrap_or(u64::MAX);
        let input = self.input.to_guest();
        let renewed = self
            .ask("renew")
            .one(async |guest, store| guest.renew(store, &input, &lease, increment).await)
            .await?;
        let renewed = convert::lease(renewed);
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
        let lease = convert::lease_to_guest(lease);
        let input = self.input.to_guest();
        let answer = self.ask("revoke").one(async |guest, store| guest.revoke(store, &input, &lease).await);
        match answer.await {
            Err(CallError::Provider(ProviderError::NotFound(_))) => Ok(()),
            other => other,
        }
    }
}
