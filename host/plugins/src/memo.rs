//! `claviger:plugin/memo`: what a plugin wants to keep between calls, normally a login token.
//!
//! Kept by the host: bounded, wiped when dropped, with a time to live, and scoped by (plugin, store,
//! identity of the credential, partition), which the plugin cannot name. Who finds a key empty gets a
//! ticket to fill it; others wait for the ticket, so a thousand calls log in once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use claviger_core::secret::SecretBytes;
use tokio::sync::watch;
use wasmtime::component::Resource;

use crate::bindings::provider::claviger::plugin::memo::{Entry, Host, HostTicket, Lookup};
use crate::call::CallState;
use crate::session::Scope;

/// Keys of one scope: a token, a second for another region. More is a plugin that leaks.
const KEYS_PER_SCOPE: usize = 16;
/// Scopes at once: one per store and identity.
const MAX_SCOPES: usize = 10_000;
/// A token is under 4 KiB, a GCP key set under 16.
const MAX_VALUE: usize = 64 * 1024;
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

type Keys = HashMap<String, Slot>;

/// The memos of all plugins.
#[derive(Default)]
pub(crate) struct Memo {
    scopes: Mutex<HashMap<Scope, Keys>>,
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
    _filling: watch::Sender<()>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut scopes = self.memo.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = scopes.get_mut(&self.scope)
            && matches!(keys.get(&self.key), Some(Slot::Filling(_)))
        {
            keys.remove(&self.key);
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
        let now = Instant::now();
        let mut scopes = self.memo.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if scopes.len() >= MAX_SCOPES && !scopes.contains_key(&self.scope) {
            for keys in scopes.values_mut() {
                keys.retain(|_, slot| !matches!(slot, Slot::Filled { until, .. } if *until <= now));
            }
            scopes.retain(|_, keys| !keys.is_empty());
            if scopes.len() >= MAX_SCOPES {
                return Found::Full;
            }
        }
        let keys = scopes.entry(self.scope.clone()).or_default();
        match keys.get(key) {
            Some(Slot::Filled { value, until }) if *until > now => {
                return Found::Hit(value.clone(), *until - now);
            }
            Some(Slot::Filling(waiting)) => return Found::Wait(waiting.clone()),
            _ => {}
        }
        keys.retain(|_, slot| !matches!(slot, Slot::Filled { until, .. } if *until <= now));
        if keys.len() >= KEYS_PER_SCOPE || key.len() > MAX_KEY {
            return Found::Full;
        }
        let (filling, waiting) = watch::channel(());
        keys.insert(key.to_owned(), Slot::Filling(waiting));
        Found::Miss(Ticket {
            memo: self.memo.clone(),
            scope: self.scope.clone(),
            key: key.to_owned(),
            _filling: filling,
        })
    }

    async fn begin(&self, key: &str) -> Option<Result<(Arc<SecretBytes>, Duration), Ticket>> {
        let deadline = tokio::time::Instant::now() + self.patience;
        loop {
            match self.find(key) {
                Found::Hit(value, left) => return Some(Ok((value, left))),
                Found::Miss(ticket) => return Some(Err(ticket)),
                Found::Full => return None,
                Found::Wait(mut waiting) => {
                    // It only ever closes.
                    if tokio::time::timeout_at(deadline, waiting.changed()).await.is_err() {
                        return None;
                    }
                }
            }
        }
    }

    fn evict(&self, key: &str, value: &SecretBytes) {
        let mut scopes = self.memo.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = scopes.get_mut(&self.scope)
            && matches!(keys.get(key), Some(Slot::Filled { value: held, .. }) if held.same(value))
        {
            keys.remove(key);
        }
    }
}

impl Ticket {
    fn put(&self, value: SecretBytes, ttl: Duration) {
        if value.len() > MAX_VALUE || ttl.is_zero() {
            return;
        }
        let slot = Slot::Filled { value: Arc::new(value), until: Instant::now() + ttl.min(MAX_TTL) };
        let mut scopes = self.memo.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = scopes.get_mut(&self.scope) {
            keys.insert(self.key.clone(), slot);
        }
    }
}

impl Host for CallState {
    async fn begin(&mut self, key: String) -> wasmtime::Result<Lookup> {
        let Some(scope) = self.memo.clone() else { return Ok(Lookup::Busy) };
        Ok(match scope.begin(&key).await {
            Some(Ok((value, left))) => Lookup::Hit(Entry {
                value: value.expose().to_vec(),
                ttl_left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            }),
            Some(Err(ticket)) => Lookup::Miss(self.table.push(ticket)?),
            None => Lookup::Busy,
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
        self.table.get(&ticket)?.put(SecretBytes::new(value), Duration::from_millis(ttl_ms));
        Ok(())
    }

    async fn drop(&mut self, ticket: Resource<Ticket>) -> wasmtime::Result<()> {
        self.table.delete(ticket)?;
        Ok(())
    }
}
