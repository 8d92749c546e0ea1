//! What a plugin has used so far: peaks of memory and time, origins it spoke to. For the admin who
//! decides what to grant. The one number that decides something is the memory that its calls hold now.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use claviger_core::provider::Fault;

/// Origins that are remembered; a plugin that speaks to more of them is not told apart by the rest.
const MAX_ORIGINS: usize = 32;

const MIB: u64 = 1024 * 1024;

/// Memory that calls which run at once may hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// All of the plugin, MiB.
    pub(crate) all_mib: u64,
    /// Those for one namespace, MiB, whatever others hold.
    pub(crate) each_mib: u64,
    /// What has to be left for who takes more than that, MiB: for others.
    pub(crate) left_mib: u64,
}

/// Memory of the calls that run, bytes.
#[derive(Debug, Default)]
struct Live {
    all: u64,
    /// Of those that hold any: who holds nothing is forgotten.
    namespaces: HashMap<Arc<str>, u64>,
}

/// Of all calls of one plugin, since it was loaded.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    memory: AtomicU64,
    cpu_ms: AtomicU64,
    calls: AtomicU64,
    faults: AtomicU64,
    live: Mutex<Live>,
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

    /// Takes so much more for a running call of `holder`'s namespace, if its calls and those of all stay within their
    /// shares. Where nobody else wants it, a namespace has more than its own.
    ///
    /// # Errors
    /// Whose share it would be beyond. Then nothing is taken.
    pub(crate) fn held(&self, bytes: u64, holder: Option<&Arc<str>>, shares: Shares) -> Result<(), Fault> {
        let more = |held: u64, limit_mib: u64, whose| {
            let sum = held.checked_add(bytes).filter(|sum| *sum <= limit_mib.saturating_mul(MIB));
            sum.ok_or(Fault::MemoryShare { limit_mib, whose })
        };
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let free_mib = shares.all_mib.saturating_sub(shares.left_mib);
        let own = holder.map(|holder| (holder, live.namespaces.get(holder).copied().unwrap_or_default()));
        if let Some((_, held)) = own
            && live.all.saturating_add(bytes) > free_mib.saturating_mul(MIB)
        {
            more(held, shares.each_mib, "its calls for one namespace, beside those for others,")?;
        }
        live.all = more(live.all, shares.all_mib, "all its calls")?;
        if let Some((holder, held)) = own {
            live.namespaces.insert(holder.clone(), held.saturating_add(bytes));
        }
        Ok(())
    }

    /// A call gives back what it held.
    pub(crate) fn released(&self, bytes: u64, holder: Option<&Arc<str>>) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.all = live.all.saturating_sub(bytes);
        if let Some(holder) = holder
            && let Some(held) = live.namespaces.get_mut(holder)
        {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                live.namespaces.remove(holder);
            }
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_namespace_holds_its_share_and_no_other_s() {
        let usage = Usage::default();
        let shares = Shares { all_mib: 12, each_mib: 2, left_mib: 4 };
        let whose = |outcome: Result<(), Fault>| match outcome {
            Err(Fault::MemoryShare { limit_mib, whose }) => Some((limit_mib, whose)),
            other => other.map(|()| None).unwrap(),
        };
        let [greedy, modest, third] = ["greedy", "modest", "third"].map(Arc::<str>::from);
        let held = |bytes, holder| whose(usage.held(bytes, Some(holder), shares));
        assert_eq!(held(8 * MIB, &greedy), None, "more than its own, while a third is left");
        let of_one = Some((2, "its calls for one namespace, beside those for others,"));
        assert_eq!(held(1, &greedy), of_one);
        assert_eq!(held(u64::MAX, &greedy), of_one);
        assert_eq!(held(2 * MIB, &modest), None, "another's is not touched, nor by what was refused");
        assert_eq!(held(1, &modest), of_one);

        // What is nobody's, and all together, have the plugin's.
        let of_all = Some((12, "all its calls"));
        assert_eq!(whose(usage.held(MIB, None, shares)), None);
        assert_eq!(whose(usage.held(MIB + 1, None, shares)), of_all);
        assert_eq!(held(MIB + 1, &third), of_all);
        assert_eq!(held(MIB, &third), None, "nothing was taken for it before");

        usage.released(7 * MIB, Some(&greedy));
        assert_eq!(held(MIB, &greedy), None);
        usage.released(2 * MIB, Some(&greedy));
        usage.released(2 * MIB, Some(&modest));
        usage.released(MIB, Some(&third));
        usage.released(MIB, None);
        let live = usage.live.lock().unwrap();
        assert_eq!((live.all, live.namespaces.len()), (0, 0), "who holds nothing is forgotten");
    }
}
