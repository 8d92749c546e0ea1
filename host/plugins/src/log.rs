//! `claviger:plugin/log`: a plugin's own words, for whoever runs it. Capped in length and number, and
//! cleaned of every secret that the host knows of; never an input to a decision.
//!
//! Lines are kept until the call ends: only then is it known what it read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use claviger_core::redact::Redactor;
use claviger_core::secret::{SecretBytes, Untrusted};

use crate::call::CallState;
use crate::guest::log::{Host, Level};

/// Lines of one call. A plugin that says more is told once that it is not heard.
const MAX_LINES: usize = 20;

/// Lines of all calls of one plugin in [`WINDOW`]: a few calls that say all they may. More drowns what others
/// have to say, and whoever keeps logs pays for it.
const BUDGET: u32 = 200;

const WINDOW: Duration = Duration::from_secs(60);

/// What all calls of one plugin have said lately.
#[derive(Debug, Default)]
pub(crate) struct LogBudget {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    said: u32,
    dropped: u64,
}

/// Whether a line is shown.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// Yes; before it so many were dropped in the window that ended.
    Say {
        dropped: u64,
    },
    /// The first that is not.
    Enough,
    Drop,
}

impl LogBudget {
    fn turn(&self, now: Instant) -> Turn {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dropped = 0;
        if window.began.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            dropped = window.dropped;
            *window = Window { began: Some(now), said: 0, dropped: 0 };
        }
        window.said = window.said.saturating_add(1);
        if window.said <= BUDGET {
            return Turn::Say { dropped };
        }
        window.dropped += 1;
        if window.dropped == 1 { Turn::Enough } else { Turn::Drop }
    }
}

/// What one call says.
pub(crate) struct LogGate {
    plugin: Arc<str>,
    budget: Arc<LogBudget>,
    /// What lines are cleaned of: known when the call begins, and found out while it runs.
    secrets: Vec<Arc<SecretBytes>>,
    redactor: Option<Arc<Redactor>>,
    lines: Vec<(Level, Untrusted)>,
    more: bool,
}

impl LogGate {
    /// `redactor` knows the session's credentials, `secrets` is what else the call is handed.
    pub(crate) fn new(
        plugin: Arc<str>,
        budget: Arc<LogBudget>,
        secrets: Vec<Arc<SecretBytes>>,
        redactor: Option<Arc<Redactor>>,
    ) -> Self {
        Self { plugin, budget, secrets, redactor, lines: Vec::new(), more: false }
    }

    fn write(&mut self, level: Level, message: String) {
        if self.lines.len() < MAX_LINES {
            self.lines.push((level, Untrusted::new(message)));
        } else {
            self.more = true;
        }
    }

    /// A value that the call answers: no line may show it.
    pub(crate) fn hide(&mut self, value: &[u8]) {
        if !self.lines.is_empty() {
            self.secrets.push(Arc::new(SecretBytes::copied_from(value)));
        }
    }

    fn flush(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let mut found = Redactor::default();
        for secret in &self.secrets {
            found.seed(secret);
        }
        let plugin = &*self.plugin;
        for (level, line) in self.lines.drain(..) {
            match self.budget.turn(Instant::now()) {
                Turn::Say { dropped: 0 } => {}
                Turn::Say { dropped } => {
                    tracing::warn!(plugin, "{dropped} lines of the plugin were dropped in the minute before");
                }
                Turn::Enough => {
                    tracing::warn!(
                        plugin,
                        "the plugin logs more than {BUDGET} lines in a minute, the rest is dropped"
                    );
                    continue;
                }
                Turn::Drop => continue,
            }
            let message = match &self.redactor {
                Some(redactor) => found.clean(&redactor.cleaned(&line)),
                None => found.clean(&line),
            };
            match level {
                Level::Debug => tracing::debug!(plugin, message, "plugin says"),
                Level::Info => tracing::info!(plugin, message, "plugin says"),
                Level::Warn => tracing::warn!(plugin, message, "plugin says"),
            }
        }
        if self.more {
            tracing::warn!(
                plugin,
                "the plugin logs more than {MAX_LINES} lines in one call, the rest is dropped"
            );
        }
    }
}

impl Drop for LogGate {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Host for CallState {
    async fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.log.write(level, message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_heard_for_so_long_and_again_later() {
        let (budget, start) = (LogBudget::default(), Instant::now());
        for _ in 0..BUDGET {
            assert_eq!(budget.turn(start), Turn::Say { dropped: 0 });
        }
        assert_eq!(budget.turn(start), Turn::Enough);
        assert_eq!(budget.turn(start), Turn::Drop);
        assert_eq!(budget.turn(start + WINDOW), Turn::Say { dropped: 2 });
        assert_eq!(budget.turn(start + WINDOW), Turn::Say { dropped: 0 });
    }
}
