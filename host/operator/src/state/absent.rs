//! How often it is told that entries of an ExternalSecret do not exist, where that is no failure.
//!
//! ESO tells it at each refresh, and its recorder drops what repeats: after a burst one event in five minutes for an
//! object. Here that is so from the start, and what is new is told at once.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use super::State;
use crate::watch::cache::Name;

/// As long as client-go's recorder lets one object wait.
const AGAIN: Duration = Duration::from_secs(300);

impl State {
    /// Whether to tell that these are missing: they are not those of the last time, or that was long ago. Notes that it is
    /// told.
    pub(crate) fn says_absent(&self, name: &Name, absent: &[String], now: Instant) -> bool {
        let mut inner = self.lock();
        let progress = inner.progress.entry(name.clone()).or_default();
        if absent.is_empty() {
            progress.absent = None;
            return false;
        }
        let mut hasher = DefaultHasher::new();
        absent.hash(&mut hasher);
        let these = hasher.finish();
        let told = progress
            .absent
            .is_some_and(|(those, at)| those == these && now.saturating_duration_since(at) < AGAIN);
        if !told {
            progress.absent = Some((these, now));
        }
        !told
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_is_new_is_told_at_once_and_what_stays_now_and_then() {
        let state = State::new(Arc::new(Metrics::default()));
        let (name, start) = (Name::new("ns", "es"), Instant::now());
        let (one, two) = (vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned()]);
        let none = Vec::new();
        for (seconds, absent, told) in [
            (0, &none, false),
            (1, &one, true),
            (60, &one, false),
            (300, &one, false),
            (301, &one, true),
            (302, &two, true),
            (303, &one, true),
            (304, &none, false),
            (305, &one, true),
            (306, &one, false),
        ] {
            let at = start + Duration::from_secs(seconds);
            assert_eq!(state.says_absent(&name, absent, at), told, "{seconds}: {absent:?}");
        }
        assert!(state.says_absent(&Name::new("ns", "other"), &one, start), "each is told of its own");
    }
}
