//! The audit log: who had which secret read, and what was written to Kubernetes. Lines of JSON on standard output; what the
//! operator does besides is logged on standard error. docs/audit.md has the fields.
//!
//! Names, words of closed sets and times; never a value, and no text of a provider's. What is a line is in `line`, how it
//! gets out in `writer`: nobody waits for that, and what gets lost is counted and said.

mod line;
#[cfg(test)]
mod tests;
mod writer;

use jiff::Timestamp;

use crate::config::Audit;
pub(crate) use line::{Access, Keys, ObjectName, Target, Who, Write};
use writer::Queue;
pub(crate) use writer::Writer;

/// Where lines are handed in. A clone is the same log.
#[derive(Clone, Default)]
pub(crate) struct AuditLog {
    wanted: Audit,
    queue: Option<Queue>,
}

impl AuditLog {
    /// One that writes to `out`, and what has to be kept until it is done; without wishes nothing is started.
    pub(crate) fn start(wanted: Audit, out: impl std::io::Write + Send + 'static) -> (Self, Option<Writer>) {
        if wanted == Audit::default() {
            return (Self::default(), None);
        }
        let (queue, writer) = writer::start(out);
        (Self { wanted, queue: Some(queue) }, Some(writer))
    }

    /// Whether accesses are written down.
    pub(crate) fn wants_access(&self) -> bool {
        self.wanted.access
    }

    /// Whether writes are written down.
    pub(crate) fn wants_sync(&self) -> bool {
        self.wanted.sync
    }

    /// A provider was asked for something.
    pub(crate) fn access(&self, who: &Who<'_>, access: &Access<'_>) {
        if self.wanted.access {
            self.hand_in(line::access(Timestamp::now(), who, access));
        }
    }

    /// A target was written or deleted, or was not.
    pub(crate) fn sync(&self, who: &Who<'_>, write: &Write<'_>) {
        if self.wanted.sync {
            self.hand_in(line::sync(Timestamp::now(), who, write));
        }
    }

    /// Lines since the start: written, and lost.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 2] {
        let (written, lost) = self.queue.as_ref().map(Queue::counts).unwrap_or_default();
        [("written", written), ("lost", lost)]
    }

    fn hand_in(&self, line: String) {
        if let Some(queue) = &self.queue {
            queue.hand_in(line);
        }
    }
}
