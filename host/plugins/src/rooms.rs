//! How many calls of one plugin run at once, and how many of them for one namespace.
//!
//! A backend that accepts everything and answers nothing holds each call until its time is over. Whoever
//! points a store at one fills the room of his namespace, and not the plugin's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use claviger_core::provider::Fault;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A namespace has one part in so many.
const PARTS: usize = 4;

/// The room of one plugin.
pub(crate) struct Rooms {
    all: Arc<Semaphore>,
    each: usize,
    /// As long as somebody uses them.
    namespaces: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// The room of one namespace with one plugin.
#[derive(Clone)]
pub(crate) struct Room {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
}

impl Rooms {
    /// For so many calls at once, and for one at least.
    pub(crate) fn new(calls: usize) -> Self {
        let calls = calls.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(calls)),
            each: calls.div_ceil(PARTS),
            namespaces: Mutex::default(),
        }
    }

    /// The room of those who ask from `namespace`.
    pub(crate) fn of(&self, namespace: &str) -> Room {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        let known = namespaces.get(namespace).and_then(Weak::upgrade);
        let own = known.unwrap_or_else(|| {
            namespaces.retain(|_, room| room.strong_count() > 0);
            let own = Arc::new(Semaphore::new(self.each));
            namespaces.insert(namespace.to_owned(), Arc::downgrade(&own));
            own
        });
        Room { all: self.all.clone(), own }
    }

    /// For calls that belong to no namespace: rendering, which waits for nobody.
    pub(crate) fn whole(&self) -> Room {
        Room { all: self.all.clone(), own: self.all.clone() }
    }
}

impl Room {
    /// Waits for a place; first in the namespace, so that nobody holds one of the plugin's while waiting.
    pub(crate) async fn enter(&self) -> Result<[Option<OwnedSemaphorePermit>; 2], Fault> {
        let unloading = |_| Fault::NotLoaded("it is being unloaded".to_owned());
        let own = self.own.clone().acquire_owned().await.map_err(unloading)?;
        if Arc::ptr_eq(&self.own, &self.all) {
            return Ok([Some(own), None]);
        }
        let all = self.all.clone().acquire_owned().await.map_err(unloading)?;
        Ok([Some(own), Some(all)])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_namespace_fills_its_own_room() {
        let rooms = Rooms::new(8);
        let (greedy, modest) = (rooms.of("greedy"), rooms.of("modest"));
        let held = [greedy.enter().await.unwrap(), rooms.of("greedy").enter().await.unwrap()];
        assert!(greedy.enter().now_or_never().is_none(), "two of eight");
        assert!(modest.enter().now_or_never().is_some());
        drop(held);
        assert!(greedy.enter().now_or_never().is_some());
    }

    #[tokio::test]
    async fn all_together_have_no_more_than_the_plugin() {
        let rooms = Rooms::new(1);
        let held = rooms.of("a").enter().await.unwrap();
        assert!(rooms.of("b").enter().now_or_never().is_none());
        assert!(rooms.whole().enter().now_or_never().is_none());
        drop(held);
        assert!(rooms.whole().enter().now_or_never().is_some());
        drop(rooms.of("c"));
        rooms.of("d");
        assert_eq!(rooms.namespaces.lock().unwrap().len(), 1, "who left is forgotten");
    }
}
