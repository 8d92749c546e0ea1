//! From a store to a session with its provider, kept for a while.
//!
//! Connecting asks the plugin in rounds and reads Secrets; a store that a thousand ExternalSecrets use
//! is connected once per [`MAX_AGE`], not a thousand times.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use claviger_core::error::{Failure, StoreName};
use claviger_core::generator::CLUSTER_GENERATOR;
use claviger_core::outcome;
use claviger_core::provider::{CallError, ProviderError};
use claviger_core::secret::Untrusted;
use claviger_plugins::{Plugin, Requester, Session, StoreRef};

use crate::audit::ObjectName;
use crate::sync::noted::Noted;
use crate::sync::permitted;
use crate::sync::told::Call;
use crate::sync::world::{StoreView, World};
use crate::watch::Object;

/// How long a session is used. A referenced Secret that changes ends it at once (its watch says so);
/// this bounds how long a ServiceAccount's token, which no watch shows, stays in use.
const MAX_AGE: Duration = Duration::from_secs(60);

/// Sessions kept at once; each holds a store's config and credentials, a few KiB.
const MAX_SESSIONS: usize = 2_048;

/// What the audit log calls it that a plugin is handed credentials.
pub(super) const CONNECT: &str = "connect";

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    store: Object,
    requester: String,
}

struct Kept {
    session: Arc<Session>,
    uid: String,
    generation: i64,
    until: Instant,
}

/// A store that is being connected: whether it was forgotten since that began. What was read for it may be older then.
struct Underway(Arc<AtomicBool>);

#[derive(Default)]
struct All {
    kept: HashMap<Key, Kept>,
    /// As many as connects that somebody waits for, and a few that have ended since the last one began.
    underway: Vec<(Object, Weak<AtomicBool>)>,
}

/// The sessions in use.
#[derive(Default)]
pub(super) struct Sessions(Mutex<All>);

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before anything is read for a store.
    fn begin(&self, store: &Object) -> Underway {
        let forgotten = Arc::default();
        let mut all = self.lock();
        all.underway.retain(|(_, forgotten)| forgotten.strong_count() > 0);
        all.underway.push((store.clone(), Arc::downgrade(&forgotten)));
        Underway(forgotten)
    }

    /// One that was made with the plugin that is in place now: an upgrade, or other grants, end it.
    fn find(&self, key: &Key, view: &StoreView, plugin: &Arc<Plugin>) -> Option<Arc<Session>> {
        let all = self.lock();
        all.kept
            .get(key)
            .filter(|kept| {
                kept.uid == view.uid
                    && kept.generation == view.generation
                    && kept.until > Instant::now()
                    && Arc::ptr_eq(kept.session.plugin(), plugin)
            })
            .map(|kept| kept.session.clone())
    }

    /// Whoever connected has the session all the same.
    fn keep(&self, key: Key, view: &StoreView, session: &Arc<Session>, underway: &Underway) {
        let now = Instant::now();
        let mut all = self.lock();
        let kept = &mut all.kept;
        if underway.0.load(Ordering::Relaxed) {
            return;
        }
        if kept.len() >= MAX_SESSIONS {
            kept.retain(|_, kept| kept.until > now);
        }
        if kept.len() < MAX_SESSIONS {
            let entry = Kept {
                session: session.clone(),
                uid: view.uid.clone(),
                generation: view.generation,
                until: now + MAX_AGE,
            };
            kept.insert(key, entry);
        }
    }

    /// Drops every session of a store, and has none kept that is being made.
    pub(super) fn forget(&self, store: &Object) {
        let mut all = self.lock();
        all.kept.retain(|key, _| key.store != *store);
        let of_store = all.underway.iter().filter(|(connecting, _)| connecting == store);
        for forgotten in of_store.filter_map(|(_, forgotten)| forgotten.upgrade()) {
            forgotten.store(true, Ordering::Relaxed);
        }
    }
}

/// How messages name a store.
pub fn store_name(store: &Object) -> StoreName {
    let namespace = match store {
        Object::SecretStore(name) => Some(name.namespace.clone()),
        _ => None,
    };
    StoreName { kind: store.kind().into(), namespace, name: store.name().to_owned() }
}

/// How messages name a generator.
pub fn generator_name(kind: &str, namespace: &str, name: &str) -> StoreName {
    StoreName {
        kind: kind.to_owned().into(),
        namespace: (kind != CLUSTER_GENERATOR).then(|| namespace.to_owned()),
        name: name.to_owned(),
    }
}

impl super::Pipeline {
    /// A session with the provider of `store`, for `requester` (a namespace).
    ///
    /// # Errors
    /// Why not: no such provider, a config that its schema refuses, a reference that cannot be resolved.
    pub async fn session(
        &self,
        store: &Object,
        view: &StoreView,
        requester: &str,
        world: &dyn World,
    ) -> Result<Arc<Session>, Failure> {
        let name = store_name(store);
        let Some((provider, config)) = view.spec.provider.entry() else {
            return Err(Failure::ManifestInvalid {
                object: name.to_string(),
                detail: Untrusted::new("spec.provider must have exactly one entry"),
            });
        };
        let installed = self.registry.provider(provider)?;
        permitted(&installed, provider, requester, world).await?;
        let key = Key { store: store.clone(), requester: requester.to_owned() };
        if let Some(session) = self.sessions.find(&key, view, &installed.plugin) {
            return Ok(session);
        }
        let underway = self.sessions.begin(store);
        let session = connect(&installed.plugin, store, view, config, requester, world).await?;
        self.sessions.keep(key, view, &session, &underway);
        Ok(session)
    }

    /// Forgets what was connected for `store`: it, or something it refers to, changed.
    pub fn forget_sessions(&self, store: &Object) {
        self.sessions.forget(store);
    }
}

async fn connect(
    plugin: &Arc<Plugin>,
    store: &Object,
    view: &StoreView,
    config: &serde_json::Value,
    requester: &str,
    world: &dyn World,
) -> Result<Arc<Session>, Failure> {
    let name = store_name(store);
    let failed = |error: CallError| Failure::from_call(&name, None, None, plugin.id(), error);
    plugin.check_config(config).map_err(|error: ProviderError| failed(error.into()))?;
    let store_ref = StoreRef {
        kind: name.kind.to_string(),
        name: name.name.clone(),
        namespace: name.namespace.clone(),
        uid: view.uid.clone(),
        generation: view.generation,
    };
    let requester = Requester { namespace: requester.to_owned() };
    let (call, credentials) =
        (Call::by(world, CONNECT, &name, plugin.id()), Noted::new(world.credentials(Some(store))));
    let session = plugin.connect(store_ref, requester, config.clone(), credentials.clone()).await;
    connected(&call, &session, &credentials);
    session.map_err(failed)
}

/// Tells what was handed to the plugin, also where that came to nothing.
pub(super) fn connected<T>(call: &Call<'_>, session: &Result<T, CallError>, credentials: &Noted) {
    let taken = credentials.taken();
    let objects =
        taken.iter().map(|(kind, namespace, name)| ObjectName { kind: Cow::Borrowed(kind), namespace, name });
    call.tell(outcome::word(session), |access| access.references = objects.collect());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sync::heard::Heard;
    use crate::sync::vaulted::{Token, Vaulted};
    use crate::watch::cache::Name;

    /// The Secret changes while it is connected with what it was.
    #[tokio::test]
    async fn a_session_is_not_kept_if_its_store_was_forgotten_meanwhile() {
        let vaulted = Vaulted::start().await;
        let pipeline = &vaulted.pipeline;
        let token = Arc::new(Token { held_back: true, ..Token::default() });
        let world = Heard::connecting(vaulted.store(), token.clone());
        let store = |name: &str| Object::SecretStore(Name::new("ns", name));
        let (ours, another) = (store("ours"), store("another"));
        let view = world.store(&ours, "ns").await.unwrap();
        let plugin = pipeline.registry.installed("vault").unwrap().plugin;
        let key = Key { store: ours.clone(), requester: "ns".to_owned() };
        for (forgotten, kept) in [(&ours, false), (&another, true)] {
            let changed = async {
                token.asked.notified().await;
                pipeline.forget_sessions(forgotten);
                token.given.notify_one();
            };
            let (session, ()) = tokio::join!(pipeline.session(&ours, &view, "ns", &world), changed);
            assert!(session.is_ok());
            assert_eq!(pipeline.sessions.find(&key, &view, &plugin).is_some(), kept, "{forgotten}");
        }
        let all = pipeline.sessions.lock();
        assert!(all.underway.iter().all(|(_, forgotten)| forgotten.strong_count() == 0));
    }
}
