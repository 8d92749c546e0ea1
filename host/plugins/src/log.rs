//! `claviger:plugin/log`: a plugin's own words, for whoever runs it. Capped in length and number; never
//! an input to a decision.

use std::sync::Arc;

use claviger_core::redact::Redactor;
use claviger_core::secret::Untrusted;

use crate::bindings::provider::claviger::plugin::log::{Host, Level};
use crate::call::CallState;

/// Lines of one call. A plugin that says more is told once that it is not heard.
const MAX_LINES: u32 = 20;

/// How one call may log.
pub(crate) struct LogGate {
    plugin: Arc<str>,
    redactor: Option<Arc<Redactor>>,
    lines: u32,
}

impl LogGate {
    /// `redactor` knows the session's credentials; a call that has none (`describe`) has nothing to hide.
    pub(crate) fn new(plugin: Arc<str>, redactor: Option<Arc<Redactor>>) -> Self {
        Self { plugin, redactor, lines: 0 }
    }

    fn write(&mut self, level: Level, message: &str) {
        self.lines = self.lines.saturating_add(1);
        if self.lines > MAX_LINES + 1 {
            return;
        }
        let message = Untrusted::new(message);
        let message = match &self.redactor {
            Some(redactor) => redactor.clean(&message),
            None => Redactor::default().clean(&message),
        };
        let plugin = &*self.plugin;
        if self.lines > MAX_LINES {
            tracing::warn!(
                plugin,
                "the plugin logs more than {MAX_LINES} lines in one call, the rest is dropped"
            );
            return;
        }
        match level {
            Level::Debug => tracing::debug!(plugin, message, "plugin says"),
            Level::Info => tracing::info!(plugin, message, "plugin says"),
            Level::Warn => tracing::warn!(plugin, message, "plugin says"),
        }
    }
}

impl Host for CallState {
    async fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.log.write(level, &message);
        Ok(())
    }
}
