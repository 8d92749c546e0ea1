//! `claviger:plugin/memo`: what a plugin wants to keep between calls, normally a login token.
//!
//! Kept by the host: bounded, wiped when dropped, with a time to live, and scoped by (plugin, store,
//! identity of the credential, partition), which the plugin cannot name. Who finds a key empty gets a
//! ticket to fill it; others wait for the ticket, so a thousand calls log in once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use claviger_core::secret::SecretBytes;
use tokio::sync::watch;
use wasmtime::component::Resource;

use crate::call::CallState;
use crate::guest::memo::{Entry, Host, HostTicket, Lookup};
use crate::session::Scope;

/// Keys of one scope: a token, a second for another region. More is a plugin that leaks.
const KEYS_PER_SCOPE: usize = 16;
/// A token is under 4 KiB, a GCP key set under 16.
const MAX_VALUE: usize = 64 * 1024;
/// What is larger makes room first. A hundred stores with long tokens would fill a plugin's share, and who may create those
/// has others log in at each call; with usual ones it takes two thousand.
const USUAL: usize = 4 * 1024;
/// Bytes that one plugin keeps, of keys and values: tokens for some thousands of stores. A plugin chooses
/// its partitions, so the number of its scopes is no limit.
const BYTES_PER_PLUGIN: usize = 8 * 1024 * 1024;
/// What an entry costs besides its value.
const ENTRY: usize = 512;
/// Nothing is kept longer: a credential that is never used again should not stay in memory.
const MAX_TTL: Duration = Duration::from_secs(24 * 3600);
const MAX_KEY: usize = 256;

enum Slot {
    Filled {
        value: Arc<SecretBytes>,
        until: Instant,
    },
    /// Somebody fills it; the channel closes when they are done, one way or the other.
    Filling(watch::Receiver<()>),
}

impl Slot {
    fn bytes(&self) -> usize {
        match self {
            Self::Filled { value, .. } => ENTRY + value.len(),
            Self::Filling(_) => ENTRY,
        }
    }

    /// When it is gone; `None` while somebody fills it.
    fn until(&self) -> Option<Instant> {
        match self {
            Self::Filled { until, .. } => Some(*until),
            Self::Filling(_) => None,
        }
    }
}

type Keys = HashMap<String, Slot>;

/// What one plugin keeps.
#[derive(Default)]
struct Share {
    scopes: HashMap<Scope, Keys>,
    bytes: usize,
}

impl Share {
    fn insert(&mut self, scope: &Scope, key: &str, slot: Slot) {
        self.bytes += slot.bytes();
        let keys = self.scopes.entry(scope.clone()).or_default();
        if let Some(old) = keys.insert(key.to_owned(), slot) {
            self.bytes -= old.bytes();
        }
    }

    fn remove(&mut self, scope: &Scope, key: &str) {
        let Some(keys) = self.scopes.get_mut(scope) else { return };
        if let Some(old) = keys.remove(key) {
            self.bytes -= old.bytes();
        }
        if keys.is_empty() {
            self.scopes.remove(scope);
        }
    }

    /// Drops what is over.
    fn sweep(&mut self, now: Instant) {
        for keys in self.scopes.values_mut() {
            keys.retain(|_, slot| slot.until().is_none_or(|until| until > now));
        }
        self.scopes.retain(|_, keys| !keys.is_empty());
        self.bytes = self.scopes.values().flat_map(HashMap::values).map(Slot::bytes).sum();
    }

    /// Makes room for so much by dropping what is over, then what is large, then the rest, each by what is over soonest.
    /// `false` if it is taken by what is being filled.
    fn room(&mut self, bytes: usize, now: Instant) -> bool {
        let enough = |share: &Self| share.bytes.saturating_add(bytes) <= BYTES_PER_PLUGIN;
        if enough(self) {
            return true;
        }
        self.sweep(now);
        if enough(self) {
            return true;
        }
        let all = self.scopes.iter().flat_map(|(scope, keys)| keys.iter().map(move |slot| (scope, slot)));
        let mut ends: Vec<_> = all
            .filter_map(|(scope, (key, slot))| {
                let usual = slot.bytes() <= ENTRY + USUAL;
                Some(((usual, slot.until()?), scope.clone(), key.clone()))
            })
            .collect();
        ends.sort_by_key(|(order, ..)| *order);
        // A quarter at once, so that the next who comes does not sort again.
        let target = BYTES_PER_PLUGIN / 4 * 3;
        for (_, scope, key) in ends {
            if self.bytes.saturating_add(bytes) <= target {
                break;
            }
            self.remove(&scope, &key);
        }
        enough(self)
    }
}

/// The memos of all plugins.
#[derive(Default)]
pub(crate) struct Memo {
    /// By the plugin's digest: what one of them does, others do not feel.
    plugins: Mutex<HashMap<Arc<str>, Share>>,
    counts: Counts,
}

/// What became of look-ups, since the start.
#[derive(Default)]
struct Counts {
    /// Something was there.
    hit: AtomicU64,
    /// Nothing was, and who asked got a ticket.
    missed: AtomicU64,
    /// Somebody was filling it, and was not done in time.
    busy: AtomicU64,
    /// There was no room.
    full: AtomicU64,
    /// A ticket was used: normally a login.
    filled: AtomicU64,
}

impl Memo {
    pub(crate) fn counts(&self) -> [(&'static str, u64); 5] {
        let Counts { hit, missed, busy, full, filled } = &self.counts;
        [("hit", hit), ("missed", missed), ("busy", busy), ("full", full), ("filled", filled)]
            .map(|(what, count)| (what, count.load(Ordering::Relaxed)))
    }

    fn with<T>(&self, scope: &Scope, work: impl FnOnce(&mut Share) -> T) -> T {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        work(plugins.entry(scope.plugin.clone()).or_default())
    }
}

/// One call's part of it.
#[derive(Clone)]
pub(crate) struct MemoScope {
    memo: Arc<Memo>,
    scope: Scope,
    patience: Duration,
}

/// The right to fill a key. Dropped without having been used, it leaves the key empty.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Ticket {
    memo: Arc<Memo>,
    scope: Scope,
    key: String,
    /// Until it is used: whoever waits is woken when this is dropped.
    filling: Option<watch::Sender<()>>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Unused, the key is still ours.
        if self.filling.is_some() {
            self.memo.with(&self.scope, |share| share.remove(&self.scope, &self.key));
        }
    }
}

enum Found {
    Hit(Arc<SecretBytes>, Duration),
    Miss(Ticket),
    Wait(watch::Receiver<()>),
    Full,
}

impl MemoScope {
    pub(crate) fn new(memo: Arc<Memo>, scope: Scope, patience: Duration) -> Self {
        Self { memo, scope, patience }
    }

    fn find(&self, key: &str) -> Found {
        if key.len() > MAX_KEY {
            return Found::Full;
        }
        let now = Instant::now();
        self.memo.with(&self.scope, |share| {
            match share.scopes.get(&self.scope).and_then(|keys| keys.get(key)) {
                Some(Slot::Filled { value, until }) if *until > now => {
                    return Found::Hit(value.clone(), *until - now);
                }
                Some(Slot::Filling(waiting)) => return Found::Wait(waiting.clone()),
                Some(Slot::Filled { .. }) => share.remove(&self.scope, key),
                None => {}
            }
            if share.scopes.get(&self.scope).is_some_and(|keys| keys.len() >= KEYS_PER_SCOPE) {
                share.sweep(now);
            }
            let full = share.scopes.get(&self.scope).is_some_and(|keys| keys.len() >= KEYS_PER_SCOPE);
            if full || !share.room(ENTRY, now) {
                return Found::Full;
            }
            let (filling, waiting) = watch::channel(());
            share.insert(&self.scope, key, Slot::Filling(waiting));
            Found::Miss(Ticket {
                memo: self.memo.clone(),
                scope: self.scope.clone(),
                key: key.to_owned(),
                filling: Some(filling),
            })
        })
    }

    /// `None`: whoever fills the key has not finished in time.
    async fn begin(&self, key: &str) -> Option<Found> {
        let deadline = tokio::time::Instant::now() + self.patience;
        loop {
            match self.find(key) {
                Found::Wait(mut waiting) => {
                    // It only ever closes.
                    if tokio::time::timeout_at(deadline, waiting.changed()).await.is_err() {
                        return None;
                    }
                }
                found => return Some(found),
            }
        }
    }

    fn evict(&self, key: &str, value: &SecretBytes) {
        self.memo.with(&self.scope, |share| {
            let held = share.scopes.get(&self.scope).and_then(|keys| keys.get(key));
            if matches!(held, Some(Slot::Filled { value: held, .. }) if held.same(value)) {
                share.remove(&self.scope, key);
            }
        });
    }
}

impl Ticket {
    /// Once; what is not kept (too large, no life, no room) leaves the key empty.
    fn put(&mut self, value: SecretBytes, ttl: Duration) {
        let Some(filling) = self.filling.take() else { return };
        let now = Instant::now();
        self.memo.with(&self.scope, |share| {
            if value.len() > MAX_VALUE || ttl.is_zero() || !share.room(value.len(), now) {
                share.remove(&self.scope, &self.key);
                return;
            }
            let slot = Slot::Filled { value: Arc::new(value), until: now + ttl.min(MAX_TTL) };
            share.insert(&self.scope, &self.key, slot);
            count(&self.memo.counts.filled);
        });
        drop(filling);
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Host for CallState {
    async fn begin(&mut self, key: String) -> wasmtime::Result<Lookup> {
        let Some(scope) = self.memo.clone() else { return Ok(Lookup::Busy) };
        let found = scope.begin(&key).await;
        let counts = &scope.memo.counts;
        count(match &found {
            Some(Found::Hit(..)) => &counts.hit,
            Some(Found::Miss(_)) => &counts.missed,
            Some(Found::Full) => &counts.full,
            Some(Found::Wait(_)) | None => &counts.busy,
        });
        Ok(match found {
            Some(Found::Hit(value, left)) => Lookup::Hit(Entry {
                value: value.expose().to_vec(),
                ttl_left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            }),
            Some(Found::Miss(ticket)) => Lookup::Miss(self.table.push(ticket)?),
            Some(Found::Full) => Lookup::Full,
            Some(Found::Wait(_)) | None => Lookup::Busy,
        })
    }

    async fn evict(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<()> {
        if let Some(scope) = &self.memo {
            scope.evict(&key, &SecretBytes::new(value));
        }
        Ok(())
    }
}

impl HostTicket for CallState {
    async fn put(&mut self, ticket: Resource<Ticket>, value: Vec<u8>, ttl_ms: u64) -> wasmtime::Result<()> {
        self.table.get_mut(&ticket)?.put(SecretBytes::new(value), Duration::from_millis(ttl_ms));
        Ok(())
    }

    async fn drop(&mut self, ticket: Resource<Ticket>) -> wasmtime::Result<()> {
        self.table.delete(ticket)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn scope(memo: &Arc<Memo>, plugin: &str, partition: usize) -> MemoScope {
        let scope = Scope {
            plugin: plugin.into(),
            store: "uid".into(),
            identity: "identity".into(),
            partition: Some(partition.to_string().into()),
        };
        MemoScope::new(memo.clone(), scope, Duration::from_millis(20))
    }

    fn fill(scope: &MemoScope, key: &str, bytes: usize, ttl: Duration) {
        let Found::Miss(mut ticket) = scope.find(key) else { panic!("{key} is taken") };
        ticket.put(SecretBytes::new(vec![7; bytes]), ttl);
    }

    fn bytes(memo: &Memo, plugin: &str) -> usize {
        memo.plugins.lock().unwrap().get(plugin).map_or(0, |share| share.bytes)
    }

    #[test]
    fn a_plugin_that_fills_ever_more_scopes_loses_its_oldest_and_nobody_elses() {
        let memo = Arc::new(Memo::default());
        let neighbour = scope(&memo, "neighbour", 0);
        fill(&neighbour, "token", 1000, Duration::from_secs(50));
        let small = scope(&memo, "greedy", usize::MAX);
        fill(&small, "token", USUAL, Duration::from_secs(50));
        for n in 0..5_000 {
            fill(&scope(&memo, "greedy", n), "token", MAX_VALUE, Duration::from_secs(60 + n as u64));
            assert!(bytes(&memo, "greedy") <= BYTES_PER_PLUGIN);
        }
        assert!(matches!(scope(&memo, "greedy", 4_999).find("token"), Found::Hit(..)), "the latest is there");
        assert!(matches!(scope(&memo, "greedy", 0).find("token"), Found::Miss(_)), "the first is not");
        assert!(matches!(neighbour.find("token"), Found::Hit(..)));
        assert!(matches!(small.find("token"), Found::Hit(..)), "it is over first, and long ones made room");
    }

    #[test]
    fn what_is_counted_is_given_back() {
        let memo = Arc::new(Memo::default());
        let scope = scope(&memo, "p", 0);
        for (size, ttl) in [(10, 0), (MAX_VALUE + 1, 60)] {
            fill(&scope, "refused", size, Duration::from_secs(ttl));
        }
        drop(scope.find("dropped"));
        assert!(matches!(scope.find(&"k".repeat(MAX_KEY + 1)), Found::Full));
        assert_eq!(bytes(&memo, "p"), 0);
        for n in 0..KEYS_PER_SCOPE {
            fill(&scope, &n.to_string(), 10, Duration::from_secs(60));
        }
        assert!(matches!(scope.find("one more"), Found::Full));
        scope.evict("0", &SecretBytes::new(vec![8; 10]));
        assert!(matches!(scope.find("0"), Found::Hit(..)), "another value than that is kept");
        scope.evict("0", &SecretBytes::new(vec![7; 10]));
        assert!(matches!(scope.find("one more"), Found::Miss(_)));
    }

    #[tokio::test]
    async fn who_waits_goes_on_when_the_key_is_filled_or_given_up() {
        let memo = Arc::new(Memo::default());
        let scope = scope(&memo, "p", 0);
        let Found::Miss(mut ticket) = scope.find("token") else { panic!() };
        assert!(scope.begin("token").await.is_none(), "it waits for a while");
        ticket.put(SecretBytes::new(vec![7]), Duration::from_secs(60));
        assert!(matches!(scope.begin("token").await, Some(Found::Hit(..))), "before the ticket is dropped");
        drop(ticket);
        assert!(matches!(scope.begin("token").await, Some(Found::Hit(..))));
        drop(scope.find("other"));
        assert!(matches!(scope.begin("other").await, Some(Found::Miss(_))));
    }
}
