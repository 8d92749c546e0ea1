//! The moment of a refresh that sync windows move: earlier if that keeps the interval, else at the next opening, and
//! apart from the others that wait for the same opening.
//!
//! It knows nothing of changes and repairs, which no window holds back.

use std::time::Duration;

use jiff::Timestamp;

use super::Windows;
use crate::refresh::Rhythm;

/// How far before a moment that is not allowed an allowed one is looked for: first a 32nd of the interval, then twice
/// as far each time, up to all of it. So what is found is at most twice as far as the nearest.
const HALVINGS: u32 = 5;

impl Windows {
    /// When the interval refresh after one at `last` comes; `None`: never, or not within five years.
    ///
    /// Where the rhythm's own moment is not allowed, one before it is taken that is half an interval after `last` at
    /// least: waiting for the next opening instead would double the interval of who is refreshed daily in a daily
    /// window. Never earlier than half an interval after `last`.
    pub fn slot(&self, rhythm: Rhythm, last: Timestamp) -> Option<Timestamp> {
        let own = rhythm.next(last)?;
        let allowed = self.allowed_from(own)?;
        if allowed == own {
            return Some(own);
        }
        let interval = rhythm.interval();
        let earliest = last.checked_add(interval / 2).ok()?;
        let before = (0..=HALVINGS).rev().find_map(|halvings| {
            let from = own.checked_sub(interval / 2u32.pow(halvings)).ok()?.max(earliest);
            self.allowed_from(from).filter(|at| *at < own)
        });
        Some(self.spread(rhythm, before.unwrap_or(allowed)))
    }

    /// A moment after `opening` by the rhythm's phase, so that not all that waited come at once: within half of what is
    /// left of the allowed time, so that a short window serves the last of them too, and within half an interval,
    /// which is what falling into step may cost anybody.
    pub fn spread(&self, rhythm: Rhythm, opening: Timestamp) -> Timestamp {
        let left = self.allowed_until(opening).map(|until| until.duration_since(opening));
        let left = left.map_or(Duration::MAX, |left| Duration::try_from(left).unwrap_or(Duration::ZERO));
        let most = left.min(rhythm.interval()) / 2;
        opening.checked_add(rhythm.share(most)).unwrap_or(opening)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_crds::external_secret::SyncWindowKind::{self, Allow, Deny};

    use super::super::tests::{List, windows};
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// Waits between refreshes, the first after one at `last`.
    fn waits(windows: &Windows, rhythm: Rhythm, last: Timestamp) -> Vec<Duration> {
        let mut last = last;
        let waits = (0..12).map(|_| {
            let next = windows.slot(rhythm, last).unwrap();
            assert_eq!(windows.allowed_from(next), Some(next), "{rhythm:?} {last}");
            let wait = next.duration_since(last).unsigned_abs();
            last = next;
            wait
        });
        waits.collect()
    }

    /// Whatever the phase: no window that would do is left out, and none is used twice in a row.
    #[test]
    fn windows_neither_double_nor_halve_the_interval() {
        // 2026-07-12 is a Sunday.
        // (kind, windows, interval, refreshed before, most time between two that are in step)
        #[rustfmt::skip]
        let cases: &[(SyncWindowKind, List, Duration, &str, Duration)] = &[
            (Allow, &[("0 2 * * *", "1h")], DAY, "2026-07-12T02:00:00Z", 25 * HOUR),
            (Allow, &[("0 2 * * *", "1h")], DAY, "2026-07-12T02:59:59Z", 25 * HOUR),
            (Allow, &[("0 2 * * *", "1h")], DAY, "2026-07-12T15:00:00Z", 25 * HOUR),
            (Allow, &[("0 2 * * *", "5m")], DAY, "2026-07-12T02:00:00Z", 25 * HOUR),
            (Allow, &[("0 2 * * *", "1h"), ("0 14 * * *", "1h")], DAY, "2026-07-12T02:00:00Z", 25 * HOUR),
            (Allow, &[("0 2 * * 0", "1h")], 7 * DAY, "2026-07-12T02:00:00Z", 7 * DAY + HOUR),
            (Allow, &[("0 2 * * 0", "4h")], 7 * DAY, "2026-07-15T09:00:00Z", 7 * DAY + 4 * HOUR),
            // An opening comes only every seventh interval.
            (Allow, &[("0 2 * * 0", "1h")], DAY, "2026-07-12T02:00:00Z", 7 * DAY + HOUR),
            // Two days: every second window.
            (Allow, &[("0 2 * * *", "1h")], 2 * DAY, "2026-07-12T02:00:00Z", 2 * DAY + HOUR),
            (Deny, &[("0 3 * * *", "22h")], DAY, "2026-07-12T02:00:00Z", 26 * HOUR),
            (Deny, &[("0 9 * * *", "8h")], DAY, "2026-07-12T02:00:00Z", 26 * HOUR),
            (Deny, &[("0 0 * * 1", "144h")], 7 * DAY, "2026-07-12T02:00:00Z", 8 * DAY),
            // Eight hours are denied to who is refreshed each hour.
            (Deny, &[("0 9 * * *", "8h")], HOUR, "2026-07-12T02:00:00Z", 10 * HOUR),
        ];
        for (kind, list, interval, last, most) in cases {
            let windows = windows(*kind, list);
            for part in 0..288 {
                let rhythm = Rhythm::at_phase(*interval, *interval * part / 288);
                let waits = waits(&windows, rhythm, last.parse().unwrap());
                let shortest = waits.iter().min().unwrap();
                assert!(*shortest >= *interval / 2, "{list:?} {rhythm:?}: {waits:?}");
                let first = waits[0];
                assert!(first <= (*most).max(*interval * 3 / 2), "{list:?} {rhythm:?}: {waits:?}");
                let longest = waits[1..].iter().max().unwrap();
                assert!(longest <= most, "{list:?} {rhythm:?}: {waits:?}");
            }
        }
    }

    #[test]
    fn a_refresh_that_is_allowed_stays_where_it_is() {
        let windows = windows(Allow, &[("0 2 * * *", "4h")]);
        let rhythm = Rhythm::at_phase(DAY, 5 * HOUR);
        let next = windows.slot(rhythm, "2026-07-12T02:00:00Z".parse().unwrap());
        assert_eq!(next, Some("2026-07-13T05:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_waited_for_an_opening_comes_apart_and_in_time() {
        // (kind, windows, interval, opening, all of it within, and over more than)
        #[rustfmt::skip]
        let cases: &[(SyncWindowKind, List, Duration, &str, Duration, Duration)] = &[
            (Allow, &[("0 2 * * *", "1h")], DAY, "2026-07-12T02:00:00Z", 30 * MINUTE, 29 * MINUTE),
            (Allow, &[("0 2 * * *", "2m")], DAY, "2026-07-12T02:00:00Z", MINUTE, MINUTE / 2),
            (Allow, &[("0 2 * * *", "8h")], HOUR, "2026-07-12T02:00:00Z", 30 * MINUTE, 29 * MINUTE),
            (Deny, &[("0 9 * * *", "8h")], HOUR, "2026-07-12T17:00:00Z", 30 * MINUTE, 29 * MINUTE),
            (Deny, &[("0 9 * * *", "23h")], DAY, "2026-07-12T08:00:00Z", 30 * MINUTE, 29 * MINUTE),
            // It never shuts.
            (Deny, &[("0 0 30 2 *", "1h")], HOUR, "2026-07-12T17:00:00Z", 30 * MINUTE, 29 * MINUTE),
        ];
        for (kind, list, interval, opening, within, over) in cases {
            let windows = windows(*kind, list);
            let opening: Timestamp = opening.parse().unwrap();
            let after = (0..100).map(|part| {
                let at = windows.spread(Rhythm::at_phase(*interval, *interval * part / 100), opening);
                assert_eq!(windows.allowed_from(at), Some(at), "{list:?}");
                at.duration_since(opening).unsigned_abs()
            });
            let after: Vec<_> = after.collect();
            assert!(after.is_sorted() && after[0].is_zero(), "{list:?}: {after:?}");
            assert!(after[99] < *within && after[99] > *over, "{list:?}: {after:?}");
        }
    }
}
