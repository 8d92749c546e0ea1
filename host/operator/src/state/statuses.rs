//! Statuses of ExternalSecrets that could not be written. What they say holds, and is decided by, so that nothing is
//! read, made or rendered again for want of one write; that is tried again by itself, with growing pauses.

use std::time::{Duration, Instant};

use claviger_core::backoff::after_failure;
use claviger_core::error::Retry;
use claviger_crds::external_secret::{ExternalSecret, ExternalSecretStatus};

use super::State;
use crate::watch::cache::Name;

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct UnwrittenStatus {
    /// Of which object of that name.
    uid: Option<String>,
    /// What it says.
    pub status: ExternalSecretStatus,
    failures: u32,
    /// When to try again.
    pub again: Instant,
}

impl State {
    /// What the status of an ExternalSecret would be by now.
    pub(crate) fn unwritten_status(&self, name: &Name, es: &ExternalSecret) -> Option<UnwrittenStatus> {
        let inner = self.lock();
        inner.unwritten.get(name).filter(|unwritten| unwritten.uid == es.metadata.uid).cloned()
    }

    /// When a status that could not be written is tried again.
    pub(crate) fn status_due(&self, name: &Name) -> Option<Instant> {
        self.lock().unwritten.get(name).map(|unwritten| unwritten.again)
    }

    /// Our own status write, before the watch shows it.
    pub(crate) fn status_written(&self, name: &Name, uid: Option<&str>, status: &ExternalSecretStatus) {
        let mut inner = self.lock();
        inner.unwritten.remove(name);
        let known = inner.external_secrets.get(name);
        if let Some(Ok(es)) = known.as_deref()
            && es.metadata.uid.as_deref() == uid
        {
            let es = ExternalSecret { status: Some(status.clone()), ..es.clone() };
            inner.external_secrets.insert(name.clone(), Ok(es));
        }
    }

    /// One that failed.
    pub(crate) fn status_not_written(&self, name: &Name, uid: Option<&str>, status: &ExternalSecretStatus) {
        let mut inner = self.lock();
        let uid = uid.map(str::to_owned);
        let failures = inner.unwritten.get(name).map_or(0, |unwritten| unwritten.failures).saturating_add(1);
        let wait = after_failure(Retry::Backoff, failures, Duration::ZERO, rand::random());
        let unwritten =
            UnwrittenStatus { uid, status: status.clone(), failures, again: Instant::now() + wait };
        inner.unwritten.insert(name.clone(), unwritten);
    }

    /// It is not ours to write.
    pub(crate) fn forget_unwritten_status(&self, name: &Name) {
        self.lock().unwritten.remove(name);
    }

    /// As if its pause were over.
    #[cfg(test)]
    pub(crate) fn status_is_due(&self, name: &Name) {
        if let Some(unwritten) = self.lock().unwritten.get_mut(name) {
            unwritten.again = Instant::now();
        }
    }
}
