//! A session with a store, and what may be asked of it on behalf of a namespace: whatever names a remote key is held to the
//! store's access policy here, before anybody is asked and whatever others were answered.

use std::sync::Arc;

use claviger_core::access::{Reach, Refusal, Use};
use claviger_core::admission::policy;
use claviger_core::error::{Asked, Failure, StoreName};
use claviger_plugins::Session;

use super::Pipeline;
use super::connect::store_name;
use crate::sync::world::World;
use crate::watch::Object;

/// A store that was opened for a namespace.
pub(super) struct Opened {
    pub(super) session: Arc<Session>,
    store: StoreName,
    namespace: String,
    /// None: the store has no policy.
    reach: Option<Reach>,
}

impl Pipeline {
    /// A session with a store that is there and not known to be broken, and what that namespace may ask of it.
    ///
    /// # Errors
    /// Whatever is wrong with the store, its access policy too: then nothing is reached.
    pub(super) async fn open(
        &self,
        store: &Object,
        namespace: &str,
        world: &dyn World,
    ) -> Result<Opened, Failure> {
        let view = world.store(store, namespace).await?;
        let name = store_name(store);
        let policy = policy(&name, &view.spec)?;
        let session = self.session(store, &view, namespace, world).await?;
        let reach = match policy {
            None => None,
            Some(policy) => {
                let labels = match policy.needs_labels() {
                    true => world.namespace_labels(namespace).await?,
                    false => Arc::default(),
                };
                Some(policy.reach(namespace, &labels, session.tenants()))
            }
        };
        Ok(Opened { session, store: name, namespace: namespace.to_owned(), reach })
    }
}

impl Opened {
    /// Of a generator: it has no keys.
    pub(super) fn generator(session: Arc<Session>, name: StoreName) -> Self {
        Self { session, store: name, namespace: String::new(), reach: None }
    }

    /// Whether a key may be asked for.
    ///
    /// # Errors
    /// [`Failure::KeyForbidden`].
    pub(super) fn check(&self, key: &str, what_for: Use) -> Result<(), Failure> {
        let checked = self.reach.as_ref().map_or(Ok(()), |reach| reach.check(key, what_for));
        checked.map_err(|why| self.refused(Asked::Key(key.to_owned()), why))
    }

    /// Whether a search may be made.
    ///
    /// # Errors
    /// [`Failure::KeyForbidden`].
    pub(super) fn check_search(&self, path: Option<&str>) -> Result<(), Failure> {
        let checked = self.reach.as_ref().map_or(Ok(()), |reach| reach.check_search(path));
        checked.map_err(|why| self.refused(Asked::Search(path.map(ToOwned::to_owned)), why))
    }

    /// Whether what a search lists is to be looked at key by key.
    pub(super) fn is_limited(&self) -> bool {
        self.reach.is_some()
    }

    /// A search that has nothing to show. Under a policy that is a failure, whether or not there is something that may
    /// not be seen: nothing is deleted for it, and nobody learns what there is.
    ///
    /// # Errors
    /// [`Failure::KeyForbidden`].
    pub(super) fn nothing_found(&self, path: Option<&str>) -> Result<(), Failure> {
        match &self.reach {
            None => Ok(()),
            Some(reach) => {
                Err(self.refused(Asked::Search(path.map(ToOwned::to_owned)), reach.nothing_found()))
            }
        }
    }

    fn refused(&self, asked: Asked, why: Refusal) -> Failure {
        Failure::KeyForbidden {
            store: self.store.clone(),
            namespace: self.namespace.clone(),
            asked,
            why: Box::new(why),
        }
    }
}
