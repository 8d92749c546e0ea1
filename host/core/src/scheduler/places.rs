//! Who gets the next place among the workers.
//!
//! A provider that takes requests and answers none holds whoever asks it until the call is given up. So places open anew
//! for those that are held so long, to namespaces that have less than a quarter of the workers under way: none ever has
//! more than there are workers, and all together have twice as many at most. What is cluster-scoped is one namespace here.
//! Whom a worker waits for is not known: where the API server is slow, as many wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::ready::BESIDE;

/// After so long a reconcile leaves its place to others. Most take some hundredths; a first login and a page of a list at a
/// provider far away take less than this.
pub(super) const STALLED: Duration = Duration::from_secs(2);

/// Where places open anew a namespace has one part of the workers in so many at most, as of a plugin's calls.
const PARTS: usize = 4;

/// Which namespaces may have the next place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// Whose turn it is.
    All,
    /// All but those that have their part.
    But(BTreeSet<String>),
    /// There is none.
    Full,
}

impl Open {
    /// Whether a namespace may have it.
    pub(super) fn to(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::But(held) => !held.contains(namespace),
            Self::Full => namespace == BESIDE,
        }
    }
}

/// What `workers` may begin with, while these are at work: namespace, and since when.
pub(super) fn open<'a>(
    at_work: impl Iterator<Item = (&'a str, Instant)>,
    now: Instant,
    workers: usize,
) -> Open {
    let (mut all, mut stalled, mut each) = (0_usize, 0_usize, BTreeMap::<&str, usize>::new());
    for (namespace, since) in at_work {
        all += 1;
        stalled += usize::from(now.saturating_duration_since(since) >= STALLED);
        *each.entry(namespace).or_default() += 1;
    }
    if all < workers {
        Open::All
    } else if all - stalled < workers && all < workers.saturating_mul(2) {
        let part = workers.div_ceil(PARTS);
        let held = each.into_iter().filter(|(_, count)| *count >= part);
        Open::But(held.map(|(namespace, _)| namespace.to_owned()).collect())
    } else {
        Open::Full
    }
}
