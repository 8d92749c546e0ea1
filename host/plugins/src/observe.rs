//! What the host tells whoever counts: calls and how long they took. It keeps no counts of these itself, so that whoever
//! listens chooses what they become.
//!
//! Every word is one of the host's own (`claviger_core::outcome`), and a plugin's name is what an admin gave it: nothing
//! that a plugin says gets this far.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Who listens. Called in the midst of a call: it must not block.
pub trait Observer: Send + Sync {
    /// A plugin was instantiated and called, and ended. `operation`: the function (`get`, `connect`, `render` …).
    /// `outcome`: `answered`, whatever the answer, or what ended it (`trapped`, `cpuLimit` …).
    fn plugin_called(&self, plugin: &str, operation: &'static str, outcome: &'static str, took: Duration);

    /// A limit, a trap or a refusal ended a call; `cause`: which.
    fn plugin_failed(&self, plugin: &str, cause: &'static str);

    /// A backend was asked through a plugin, in one call, which may be about several keys. `took` has the wait for the
    /// plugin's other calls in it. `outcome`: `ok`, or why nothing was answered
    /// (of a read of several keys none of which was: for the first).
    fn provider_called(&self, plugin: &str, operation: &'static str, outcome: &'static str, took: Duration);

    /// A component was compiled, or was not.
    fn compiled(&self, done: bool, took: Duration);
}

/// The listener, once there is one.
#[derive(Default)]
pub(crate) struct Observing(OnceLock<Arc<dyn Observer>>);

impl Observing {
    /// The first one stays.
    pub(crate) fn set(&self, observer: Arc<dyn Observer>) {
        let _ = self.0.set(observer);
    }

    pub(crate) fn tell(&self, say: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = self.0.get() {
            say(observer.as_ref());
        }
    }
}
