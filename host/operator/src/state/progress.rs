//! How far this process has come with ExternalSecrets, beyond what their statuses say.

use std::sync::Arc;
use std::time::Instant;

use claviger_core::failures::Unread;
use jiff::Timestamp;

use super::State;
use crate::watch::cache::Name;

/// What is known of an ExternalSecret beyond its status.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// When it was last refreshed: the status says that only once a minute.
    pub last: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// When a refresh that brought a part only is tried again.
    pub again: Option<Instant>,
    /// When the object was last seen to change: answers that were fetched since then are new enough for
    /// it, so those who change together share them.
    pub changed: Option<Instant>,
    /// When somebody said that its provider has something new, if it has not been refreshed since.
    pub asked: Option<Instant>,
    /// What events said of missing entries (a hash of it), and when.
    pub(super) absent: Option<(u64, Instant)>,
}

/// Workloads that were restarted for a change of a Secret's data.
#[derive(Clone, Debug)]
pub(crate) struct RolledOut {
    /// The change.
    pub mark: String,
    /// Whether all were restarted; else somebody was told why not.
    pub restarted: bool,
    /// Whether all of them run again.
    pub over: bool,
}

impl State {
    // === progress of ExternalSecrets ===

    /// What is known.
    pub(crate) fn progress(&self, name: &Name) -> Progress {
        self.lock().progress.get(name).copied().unwrap_or_default()
    }

    /// A refresh worked.
    pub(crate) fn refreshed(&self, name: &Name, at: Timestamp) {
        let mut inner = self.lock();
        let progress = inner.progress.entry(name.clone()).or_default();
        progress.last = Some(at);
        progress.failures = 0;
        progress.again = None;
        inner.unread.remove(name);
    }

    /// What could not be read at the last refresh, if this process made it and it brought a part.
    pub(crate) fn unread(&self, name: &Name) -> Option<Arc<Unread>> {
        self.lock().unread.get(name).cloned()
    }

    /// A refresh brought a part, and is to be tried again then.
    pub(crate) fn partly_refreshed(&self, name: &Name, unread: Unread, at: Timestamp, again: Instant) {
        let mut inner = self.lock();
        inner.unread.insert(name.clone(), Arc::new(unread));
        let progress = inner.progress.entry(name.clone()).or_default();
        (progress.last, progress.again) = (Some(at), Some(again));
    }

    /// A refresh failed; how often in a row.
    pub(crate) fn failed(&self, name: &Name) -> u32 {
        let mut inner = self.lock();
        let progress = inner.progress.entry(name.clone()).or_default();
        progress.failures = progress.failures.saturating_add(1);
        progress.failures
    }

    /// It is gone.
    pub(crate) fn forget_progress(&self, name: &Name) {
        let mut inner = self.lock();
        inner.progress.remove(name);
        inner.rollouts.remove(name);
        inner.unread.remove(name);
        inner.unwritten.remove(name);
    }

    /// How far the restarts for an ExternalSecret's last change have come, as far as this process knows.
    pub(crate) fn rollout(&self, name: &Name) -> Option<RolledOut> {
        self.lock().rollouts.get(name).cloned()
    }

    /// So far have they come.
    pub(crate) fn rolled(&self, name: &Name, rollout: RolledOut) {
        self.lock().rollouts.insert(name.clone(), rollout);
    }
}
