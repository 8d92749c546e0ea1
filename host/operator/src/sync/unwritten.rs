//! Credentials that were made and are not written yet. A write that fails is tried again with them: a backend that
//! makes one more at each try would soon have thousands. Kept in memory only; what a crash loses runs out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claviger_core::lease::{Held, Source};
use claviger_core::provider::{Generated, Value};
use jiff::Timestamp;

/// One that nothing is known to end of is written within so long, or made again.
const PATIENCE: Duration = Duration::from_secs(300);

/// What was made.
#[derive(Clone)]
pub(super) enum Made {
    /// By reading a key.
    Value(Arc<Value>),
    /// By a generator: uid and generation that it had, and what it made.
    Generated((String, i64), Arc<Generated>),
}

/// With how it ends.
#[derive(Clone)]
pub(super) struct Unwritten {
    pub(super) held: Held,
    pub(super) made: Made,
}

impl Unwritten {
    /// Whether enough of its life is left for it to be written: two thirds.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let issued = self.held.issued.as_millisecond();
        let age = u64::try_from(now.as_millisecond().saturating_sub(issued)).unwrap_or(u64::MAX);
        let life = self.held.end().map(|end| end.as_millisecond().saturating_sub(issued));
        let life = life.and_then(|life| u64::try_from(life).ok());
        age < life.map_or(u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX), |life| life / 3)
    }
}

/// By the uid of the ExternalSecret that they were made for. As many as ExternalSecrets that wait to be written.
#[derive(Default)]
pub(super) struct UnwrittenByOwner(Mutex<BTreeMap<String, BTreeMap<Source, Unwritten>>>);

impl UnwrittenByOwner {
    /// What is there for it and still good; and what is not good any more, to be taken back.
    pub(super) fn of(&self, uid: &str, now: Timestamp) -> (BTreeMap<Source, Unwritten>, Vec<Held>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = all.remove(uid) else { return (BTreeMap::new(), Vec::new()) };
        let (fresh, old): (BTreeMap<_, _>, BTreeMap<_, _>) =
            kept.into_iter().partition(|(_, one)| one.is_fresh(now));
        if !fresh.is_empty() {
            all.insert(uid.to_owned(), fresh.clone());
        }
        (fresh, old.into_values().map(|one| one.held).collect())
    }

    /// One more.
    pub(super) fn keep(&self, uid: &str, one: Unwritten) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(uid.to_owned()).or_default().insert(one.held.source.clone(), one);
    }

    /// They are written, or nobody will.
    pub(super) fn take(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Nobody will write any of them: another process works now, or what they were made for is long gone.
    pub(super) fn clear(&self, older_than: Option<Timestamp>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, kept| {
            kept.retain(|_, one| older_than.is_some_and(|limit| one.held.issued > limit));
            !kept.is_empty()
        });
    }

    /// These of them are written.
    pub(super) fn forget(&self, uid: &str, written: &[Held]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.get_mut(uid) {
            kept.retain(|_, one| !written.iter().any(|held| held.is(&one.held)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_core::provider::Lease;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn one(key: &str, seconds: u64) -> Unwritten {
        let source = Source { kind: "SecretStore".to_owned(), name: "vault".to_owned(), key: key.to_owned() };
        let lease = Lease {
            id: key.to_owned(),
            duration: Duration::from_secs(seconds),
            renewable: true,
            holder: None,
        };
        let made = Generated { values: BTreeMap::new(), lease: None, state: None };
        Unwritten {
            held: Held { source, issued: at(0), lease: (seconds > 0).then_some(lease), state: None },
            made: Made::Generated(("uid".to_owned(), 1), Arc::new(made)),
        }
    }

    #[test]
    fn they_wait_for_a_third_of_their_life() {
        let kept = UnwrittenByOwner::default();
        for one in [one("short", 30), one("long", 3600), one("endless", 0)] {
            kept.keep("uid", one);
        }
        let names = |now| -> (Vec<String>, Vec<String>) {
            let (fresh, old) = kept.of("uid", at(now));
            let keys = fresh.into_keys().map(|source| source.key).collect();
            (keys, old.into_iter().map(|held| held.source.key).collect())
        };
        let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(names(9), (text(&["endless", "long", "short"]), vec![]));
        assert_eq!(names(10), (text(&["endless", "long"]), text(&["short"])));
        assert_eq!(names(11), (text(&["endless", "long"]), vec![]), "it is handed out once");
        assert_eq!(names(300), (text(&["long"]), text(&["endless"])));
        assert_eq!(names(1200), (vec![], text(&["long"])));
        kept.keep("uid", one("new", 30));
        kept.keep("uid", one("newer", 30));
        assert!(kept.of("other", at(0)).0.is_empty(), "another object's");
        kept.forget("uid", &[one("new", 30).held]);
        assert_eq!(names(0), (text(&["newer"]), vec![]));
        kept.take("uid");
        assert_eq!(names(0), (vec![], vec![]));
        kept.keep("uid", one("left", 36_000));
        kept.clear(Some(at(-1)));
        assert_eq!(names(0).0, text(&["left"]));
        kept.clear(Some(at(0)));
        assert_eq!(names(0), (vec![], vec![]));
    }
}
