//! Places at a provider, and who has them: of two PushSecrets that want one, the one that was made first writes there.
//!
//! A place is taken by who has pushed there, or is about to; wishes alone take none, or one who may not use a store could
//! keep others from it. Two stores that reach the same backend are two: nothing here knows.

use std::collections::{BTreeMap, BTreeSet};

/// A key of a store, or a property of its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// `remoteRef.remoteKey`.
    pub key: String,
    /// `remoteRef.property`; empty: the whole value.
    pub property: String,
}

impl Place {
    /// Whether writing one changes the other: the whole value is all of its properties, and `a` is all of `a.b`.
    pub fn overlaps(&self, other: &Self) -> bool {
        let inside = |inner: &str, outer: &str| {
            outer.is_empty()
                || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.key == other.key
            && (inside(&self.property, &other.property) || inside(&other.property, &self.property))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.property.as_str() {
            "" => write!(f, "key {:?}", self.key),
            property => write!(f, "property {property:?} of key {:?}", self.key),
        }
    }
}

/// A place of a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The store: kind, namespace, name.
    pub store: String,
    /// Where.
    pub place: Place,
}

/// Namespace and name of a PushSecret.
pub type Owner = (String, String);

#[derive(Default)]
struct Claim {
    /// `creationTimestamp`.
    created: String,
    targets: BTreeSet<Target>,
}

/// Who has which place.
#[derive(Default)]
pub struct Claims {
    by_owner: BTreeMap<Owner, Claim>,
    by_key: BTreeMap<(String, String), BTreeSet<Owner>>,
}

impl Claims {
    /// A PushSecret has these places, and no others. Whether it gave one up.
    pub fn set(&mut self, owner: &Owner, created: &str, targets: BTreeSet<Target>) -> bool {
        let before = self.by_owner.get(owner).map(|claim| claim.targets.clone()).unwrap_or_default();
        self.remove(owner);
        for target in &targets {
            self.by_key.entry(key_of(target)).or_default().insert(owner.clone());
        }
        let gave_up = !before.is_subset(&targets);
        self.by_owner.insert(owner.clone(), Claim { created: created.to_owned(), targets });
        gave_up
    }

    /// A PushSecret is gone, and everything it had was taken back or is left to whom it may concern.
    pub fn remove(&mut self, owner: &Owner) {
        let Some(claim) = self.by_owner.remove(owner) else { return };
        for target in &claim.targets {
            let key = key_of(target);
            if let Some(owners) = self.by_key.get_mut(&key) {
                owners.remove(owner);
                if owners.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
    }

    /// Others that have a place which overlaps with that one.
    pub fn others(&self, owner: &Owner, target: &Target) -> Vec<&Owner> {
        let owners = self.by_key.get(&key_of(target)).into_iter().flatten();
        owners
            .filter(|other| *other != owner)
            .filter(|other| {
                self.by_owner.get(*other).is_some_and(|claim| {
                    let of_store = claim.targets.iter().filter(|theirs| theirs.store == target.store);
                    of_store.into_iter().any(|theirs| theirs.place.overlaps(&target.place))
                })
            })
            .collect()
    }

    /// Whether somebody older has one of its places by now.
    pub fn loses(&self, owner: &Owner) -> bool {
        let Some(claim) = self.by_owner.get(owner) else { return false };
        let is_older = |other: &&Owner| {
            let theirs = self.by_owner.get(*other).map(|claim| (claim.created.as_str(), *other));
            theirs.is_some_and(|theirs| theirs < (claim.created.as_str(), owner))
        };
        claim.targets.iter().any(|target| self.others(owner, target).iter().any(is_older))
    }

    /// Takes places besides those that it has. Answers those that somebody older has, and whose; and the younger ones
    /// that lose something by it.
    pub fn claim(&mut self, owner: &Owner, created: &str, wanted: &BTreeSet<Target>) -> Claimed {
        let mut claimed = Claimed::default();
        let age = (created.to_owned(), owner.clone());
        let mut got = self.by_owner.get(owner).map(|claim| claim.targets.clone()).unwrap_or_default();
        for target in wanted {
            let others: Vec<Owner> = self.others(owner, target).into_iter().cloned().collect();
            let older = others.iter().find(|other| {
                self.by_owner.get(*other).is_some_and(|claim| (claim.created.clone(), (*other).clone()) < age)
            });
            match older {
                Some(older) => {
                    if got.remove(target) {
                        claimed.winners.insert(older.clone());
                    }
                    claimed.taken.push((target.clone(), older.clone()));
                }
                None => {
                    claimed.losers.extend(others);
                    got.insert(target.clone());
                }
            }
        }
        self.set(owner, created, got);
        claimed
    }
}

/// What came of claiming.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// Places that an older one has.
    pub taken: Vec<(Target, Owner)>,
    /// Younger ones that had one of the places.
    pub losers: BTreeSet<Owner>,
    /// Older ones that have a place by now which this one had: it may have written there at the same time.
    pub winners: BTreeSet<Owner>,
}

/// Whether a place of one store may be what a place of another, or another spelling of its key, leads to: paths of some
/// backends may begin with a slash, or with what the store says already.
pub fn may_be_one(one: &Target, other: &Target) -> bool {
    let (a, b) = (one.place.key.trim_matches('/'), other.place.key.trim_matches('/'));
    let below = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'));
    one != other && (a == b || below(a, b) || below(b, a))
}

fn key_of(target: &Target) -> (String, String) {
    (target.store.clone(), target.place.key.clone())
}
