//! What a plugin has used so far: peaks of memory and time, origins it spoke to. For the admin who
//! decides what to grant. The one number that decides something is the memory that its calls hold now.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Origins that are remembered; a plugin that speaks to more of them is not told apart by the rest.
const MAX_ORIGINS: usize = 32;

/// Of all calls of one plugin, since it was loaded.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    memory: AtomicU64,
    cpu_ms: AtomicU64,
    calls: AtomicU64,
    faults: AtomicU64,
    /// Memory of the calls that run, bytes.
    live: AtomicU64,
    origins: Mutex<BTreeSet<String>>,
}

/// A copy of it, for showing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Most memory of one call, bytes.
    pub memory: u64,
    /// Most CPU time of one call, milliseconds.
    pub cpu_ms: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Calls that a limit, a trap or a refusal ended.
    pub faults: u64,
    /// `scheme://host:port`, in order.
    pub origins: Vec<String>,
}

impl Usage {
    /// A call ended, one way or the other.
    pub(crate) fn ended(&self, memory: u64, cpu_ms: u64) {
        self.memory.fetch_max(memory, Ordering::Relaxed);
        self.cpu_ms.fetch_max(cpu_ms, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes so much more for a running call, if all of them together stay within `limit`.
    pub(crate) fn held(&self, bytes: u64, limit: u64) -> bool {
        let more = |live: u64| live.checked_add(bytes).filter(|live| *live <= limit);
        self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// A call gives back what it held.
    pub(crate) fn released(&self, bytes: u64) {
        self.live.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was sent.
    pub(crate) fn spoke_to(&self, origin: &str) {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if origins.len() < MAX_ORIGINS && !origins.contains(origin) {
            origins.insert(origin.to_owned());
        }
    }

    pub(crate) fn so_far(&self) -> Used {
        Used {
            memory: self.memory.load(Ordering::Relaxed),
            cpu_ms: self.cpu_ms.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
            origins: self.origins.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect(),
        }
    }
}
