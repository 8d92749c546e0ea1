//! Which Secrets there are besides the managed ones: not what they are, but whether one of a name is there at all, so that
//! nobody has to ask the API server for what the watches show not to exist.
//!
//! A hash of each name is kept, so that a cluster with a hundred thousand Secrets costs a megabyte or two. Two names of one
//! hash make one that is not there look as if it were, and then the API server is asked. Pure.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use kube::runtime::watcher::Event;

use super::cache::Name;

/// The names.
#[derive(Default)]
pub(crate) struct Others {
    hasher: RandomState,
    names: HashSet<u64>,
    /// Those of a list that is coming in.
    listing: Option<HashSet<u64>>,
    /// Whether the watch has shown a whole list, and has not failed since it last showed something.
    sure: bool,
}

impl Others {
    /// Whether there is no such Secret, as far as the watch shows: it may be a moment behind.
    pub(crate) fn lacks(&self, name: &Name) -> bool {
        self.sure && self.listing.is_none() && !self.names.contains(&self.hasher.hash_one(name))
    }

    /// The watch failed: what it shows may be old, until it shows something again.
    pub(crate) fn failed(&mut self) {
        self.sure = false;
    }

    /// Takes an event's name in.
    pub(crate) fn apply<K: kube::Resource>(&mut self, event: &Event<K>) {
        match event {
            Event::Init => self.listing = Some(HashSet::new()),
            Event::InitApply(object) => {
                let hash = self.hasher.hash_one(Name::of(object));
                self.listing.get_or_insert_default().insert(hash);
            }
            Event::InitDone => {
                self.names = self.listing.take().unwrap_or_default();
                self.sure = true;
            }
            Event::Apply(object) => {
                self.names.insert(self.hasher.hash_one(Name::of(object)));
                self.sure = true;
            }
            Event::Delete(object) => {
                self.names.remove(&self.hasher.hash_one(Name::of(object)));
                self.sure = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Secret;

    use super::*;

    fn secret(name: &str) -> Secret {
        let mut secret = Secret::default();
        secret.metadata.namespace = Some("ns".to_owned());
        secret.metadata.name = Some(name.to_owned());
        secret
    }

    #[test]
    fn what_is_not_sure_is_not_said() {
        let mut others = Others::default();
        let lacks = |others: &Others, name: &str| others.lacks(&Name::new("ns", name));
        assert!(!lacks(&others, "a"), "before the first list");
        for event in [Event::Init, Event::InitApply(secret("a"))] {
            others.apply(&event);
        }
        assert!(!lacks(&others, "b"), "while it comes in");
        others.apply::<Secret>(&Event::InitDone);
        assert_eq!((lacks(&others, "a"), lacks(&others, "b")), (false, true));
        assert!(others.lacks(&Name::new("other", "a")));
        others.apply(&Event::Apply(secret("b")));
        others.apply(&Event::Delete(secret("a")));
        assert_eq!((lacks(&others, "a"), lacks(&others, "b")), (true, false));
        others.failed();
        assert!(!lacks(&others, "a"), "the watch may be behind");
        others.apply(&Event::Apply(secret("c")));
        assert!(lacks(&others, "a"));
        // A new list shows what went meanwhile, and is not believed by half.
        others.apply::<Secret>(&Event::Init);
        assert!(!lacks(&others, "a"));
        others.apply(&Event::InitApply(secret("c")));
        others.apply::<Secret>(&Event::InitDone);
        assert_eq!((lacks(&others, "b"), lacks(&others, "c")), (true, false));
    }
}
