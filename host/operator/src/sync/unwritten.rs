//! Credentials that were made and are not written yet. A write that fails is tried again with them: a backend that
//! makes one more at each try would soon have thousands. What will not be written any more is lost: it is never handed out
//! again, and is told at each try until it is taken back. Kept in memory only; what a crash loses runs out. Of one whose value
//! has no room it is only kept how it ends: the next try takes it back, and has another made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claviger_core::lease::{Held, Source};
use claviger_core::provider::{Generated, Value};
use jiff::Timestamp;

/// One that nothing is known to end of is written within so long, or made again.
const PATIENCE: Duration = Duration::from_secs(300);

/// Bytes of what one ExternalSecret has made: a Secret takes 1 MiB.
const MAX_OF_OWNER: usize = 2 << 20;

/// Bytes of all. Credentials have some hundred: those of a hundred thousand that wait to be written.
const MAX_OF_ALL: usize = 32 << 20;

/// Of one ExternalSecret that wait to be taken back; older ones run out by themselves.
const MAX_LOST: usize = 32;

/// What was made.
#[derive(Clone)]
pub(super) enum Made {
    /// By reading a key.
    Value(Arc<Value>),
    /// By a generator: uid and generation that it had, and what it made.
    Generated((String, i64), Arc<Generated>),
    /// There was no room for it.
    Dropped,
}

impl Made {
    fn bytes(&self) -> usize {
        match self {
            Self::Value(value) => value.bytes(),
            Self::Generated(_, made) => made.bytes(),
            Self::Dropped => 0,
        }
    }
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
        if matches!(self.made, Made::Dropped) {
            return false;
        }
        let issued = self.held.issued.as_millisecond();
        let age = u64::try_from(now.as_millisecond().saturating_sub(issued)).unwrap_or(u64::MAX);
        let life = self.held.end().map(|end| end.as_millisecond().saturating_sub(issued));
        let life = life.and_then(|life| u64::try_from(life).ok());
        age < life.map_or(u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX), |life| life / 3)
    }
}

/// Of one ExternalSecret.
#[derive(Default)]
struct Kept {
    waiting: BTreeMap<Source, Unwritten>,
    lost: Vec<Held>,
}

impl Kept {
    /// What can neither be revoked nor flagged is only forgotten.
    fn lose(&mut self, held: Held) {
        if held.lease.is_none() && held.state.is_none() || self.lost.iter().any(|known| known.is(&held)) {
            return;
        }
        if self.lost.len() >= MAX_LOST {
            self.lost.remove(0);
        }
        self.lost.push(held);
    }

    fn bytes(&self) -> usize {
        self.waiting.values().map(|one| one.made.bytes()).sum()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.lost.is_empty()
    }
}

/// By the uid of the ExternalSecret that they were made for. As many as ExternalSecrets that wait to be written, or
/// whose backend takes nothing back.
#[derive(Default)]
pub(super) struct UnwrittenByOwner(Mutex<BTreeMap<String, Kept>>);

impl UnwrittenByOwner {
    /// Something is done with what is there for it, if anything is.
    fn with<T: Default>(&self, uid: &str, act: impl FnOnce(&mut Kept) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = all.get_mut(uid) else { return T::default() };
        let outcome = act(kept);
        if kept.is_empty() {
            all.remove(uid);
        }
        outcome
    }

    /// What is there for it and still good; what is not good any more is lost.
    pub(super) fn of(&self, uid: &str, now: Timestamp) -> BTreeMap<Source, Unwritten> {
        self.with(uid, |kept| {
            let waiting = std::mem::take(&mut kept.waiting).into_iter();
            let (fresh, old): (BTreeMap<_, _>, BTreeMap<_, _>) =
                waiting.partition(|(_, one)| one.is_fresh(now));
            kept.waiting = fresh;
            old.into_values().for_each(|one| kept.lose(one.held));
            kept.waiting.clone()
        })
    }

    /// One more, without its value if there is no room for that. What it stands in place of is lost.
    pub(super) fn keep(&self, uid: &str, mut one: Unwritten) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = one.made.bytes();
        let (own, others) =
            (all.get(uid).map_or(0, Kept::bytes), all.values().map(Kept::bytes).sum::<usize>());
        if own + more > MAX_OF_OWNER || others + more > MAX_OF_ALL {
            one.made = Made::Dropped;
        }
        let (kept, held) = (all.entry(uid.to_owned()).or_default(), one.held.clone());
        let before = kept.waiting.insert(held.source.clone(), one);
        if let Some(before) = before.filter(|before| !before.held.is(&held)) {
            kept.lose(before.held);
        }
    }

    /// One of them will not be written any more.
    pub(super) fn lose(&self, uid: &str, lost: Held) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.entry(uid.to_owned()).or_default();
        kept.waiting.retain(|_, one| !one.held.is(&lost));
        kept.lose(lost);
        if kept.is_empty() {
            all.remove(uid);
        }
    }

    /// What is lost and not taken back yet. What has ended is not among it, unless its generator left something behind.
    pub(super) fn lost(&self, uid: &str, now: Timestamp) -> Vec<Held> {
        self.with(uid, |kept| {
            kept.lost.retain(|held| held.state.is_some() || held.end().is_none_or(|end| end > now));
            kept.lost.clone()
        })
    }

    /// These of what is lost are taken back.
    pub(super) fn taken_back(&self, uid: &str, lost: &[Held]) {
        self.with(uid, |kept| kept.lost.retain(|one| !lost.iter().any(|held| held.is(one))));
    }

    /// What waited is written.
    pub(super) fn written(&self, uid: &str) {
        self.with(uid, |kept| kept.waiting.clear());
    }

    /// Nobody asks for it any more.
    pub(super) fn gone(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Nobody will write any of them: another process works now, or what they were made for is long gone.
    pub(super) fn clear(&self, older_than: Option<Timestamp>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = |held: &Held| older_than.is_some_and(|limit| held.issued > limit);
        all.retain(|_, kept| {
            kept.waiting.retain(|_, one| stays(&one.held));
            kept.lost.retain(stays);
            !kept.is_empty()
        });
    }

    /// These of them are written.
    pub(super) fn forget(&self, uid: &str, written: &[Held]) {
        let known = |one: &Held| written.iter().any(|held| held.is(one));
        self.with(uid, |kept| {
            kept.waiting.retain(|_, one| !known(&one.held));
            kept.lost.retain(|one| !known(one));
        });
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
        let state = (seconds == 0).then(|| key.to_owned());
        Unwritten {
            held: Held { source, issued: at(0), lease: (seconds > 0).then_some(lease), state },
            made: Made::Generated(("uid".to_owned(), 1), Arc::new(made)),
        }
    }

    fn large(key: &str, bytes: usize) -> Unwritten {
        let value = claviger_core::secret::SecretBytes::new(vec![b'x'; bytes]);
        let values = BTreeMap::from([(String::new(), value)]);
        let made = Generated { values, lease: None, state: None };
        Unwritten { made: Made::Generated(("uid".to_owned(), 1), Arc::new(made)), ..one(key, 3600) }
    }

    #[test]
    fn whose_value_has_no_room_is_taken_back_by_the_next_try() {
        let kept = UnwrittenByOwner::default();
        for key in ["first", "second", "third"] {
            kept.keep("uid", large(key, 1 << 20));
        }
        let fresh = kept.of("uid", at(0));
        let keys: Vec<_> = fresh.keys().map(|source| source.key.as_str()).collect();
        let lost = kept.lost("uid", at(0));
        assert_eq!((keys, lost.len(), lost[0].source.key.as_str()), (vec!["first", "second"], 1, "third"));
        // All together have a limit too, and who is written makes room.
        for owner in 0..20 {
            kept.keep(&owner.to_string(), large("first", 2 << 20));
        }
        let fresh = |owner: i32| kept.of(&owner.to_string(), at(0)).len();
        assert_eq!((0..20).map(fresh).sum::<usize>(), 15);
        kept.written("0");
        kept.keep("20", large("first", 2 << 20));
        assert_eq!(fresh(20), 1);
    }

    #[test]
    fn they_wait_for_a_third_of_their_life() {
        let kept = UnwrittenByOwner::default();
        for one in [one("short", 30), one("long", 3600), one("endless", 0)] {
            kept.keep("uid", one);
        }
        let names = |now| -> (Vec<String>, Vec<String>) {
            let fresh = kept.of("uid", at(now)).into_keys().map(|source| source.key).collect();
            (fresh, kept.lost("uid", at(now)).into_iter().map(|held| held.source.key).collect())
        };
        let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(names(9), (text(&["endless", "long", "short"]), vec![]));
        assert_eq!(names(10), (text(&["endless", "long"]), text(&["short"])));
        assert_eq!(names(11), (text(&["endless", "long"]), text(&["short"])), "it is not taken back yet");
        kept.written("other");
        assert_eq!(names(30), (text(&["endless", "long"]), vec![]), "it has ended");
        assert_eq!(names(300), (text(&["long"]), text(&["endless"])));
        kept.taken_back("uid", &[one("endless", 0).held]);
        assert_eq!(names(1200), (vec![], text(&["long"])));
        kept.keep("uid", one("new", 30));
        kept.keep("uid", one("newer", 30));
        assert!(kept.of("other", at(0)).is_empty(), "another object's");
        kept.forget("uid", &[one("new", 30).held, one("long", 3600).held]);
        assert_eq!(names(0), (text(&["newer"]), vec![]));
        kept.written("uid");
        assert_eq!(names(0), (vec![], vec![]));
        kept.keep("uid", one("left", 36_000));
        kept.clear(Some(at(-1)));
        assert_eq!(names(0).0, text(&["left"]));
        kept.clear(Some(at(0)));
        assert_eq!(names(0), (vec![], vec![]));
        assert!(kept.0.lock().unwrap().is_empty(), "nothing of an object is left");
    }

    #[test]
    fn what_is_lost_is_told_until_it_is_taken_back_and_not_handed_out() {
        let kept = UnwrittenByOwner::default();
        let lost = || kept.lost("uid", at(0)).into_iter().map(|held| held.source.key).collect::<Vec<_>>();
        kept.keep("uid", one("a", 3600));
        kept.lose("uid", one("a", 3600).held);
        kept.lose("uid", one("a", 3600).held);
        assert!(kept.of("uid", at(0)).is_empty());
        kept.written("uid");
        assert_eq!(lost(), ["a"], "others were written, and it once");
        kept.taken_back("uid", &[one("a", 3600).held]);
        assert!(lost().is_empty());
        // Another in its place.
        let mut newer = one("b", 3600);
        kept.keep("uid", one("b", 3600));
        kept.keep("uid", one("b", 3600));
        assert!(lost().is_empty(), "the same");
        newer.held.lease.as_mut().unwrap().id = "b2".to_owned();
        kept.keep("uid", newer);
        assert_eq!((lost(), kept.of("uid", at(0)).len()), (vec!["b".to_owned()], 1));
        for n in 0..40 {
            kept.keep("uid", one(&format!("{n:02}"), 3600));
            kept.lose("uid", one(&format!("{n:02}"), 3600).held);
        }
        assert_eq!((lost().len(), lost()[0].as_str()), (MAX_LOST, "08"));
        kept.gone("uid");
        assert!(lost().is_empty());
    }
}
