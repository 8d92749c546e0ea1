//! `spec.syncWindows`: at which times interval refreshes are allowed, and when they are again.
//!
//! Only interval refreshes are held back; a changed spec, a forced sync, a first sync and a repair are not, and that is
//! `refresh`'s to know. Times are UTC, as ESO's.

mod cron;

use std::time::Duration;

use claviger_crds::external_secret::{SyncWindow, SyncWindowKind, SyncWindows};
use jiff::Timestamp;

use self::cron::{CronError, Schedule};
use crate::duration::{DurationError, parse_go};

/// Deny windows that follow one another without a gap are gone through this far: what is still denied then is looked
/// at again at that moment. A window opens at most once a minute, so it is half a day at least.
const FOLLOWED: usize = 720;

/// Why a window is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Its schedule.
    #[error("spec.syncWindows.windows[{index}].schedule {schedule:?}: {error}")]
    Schedule {
        /// Which, from 0.
        index: usize,
        /// As the manifest has it.
        schedule: String,
        /// What is wrong.
        error: CronError,
    },
    /// Its duration.
    #[error("spec.syncWindows.windows[{index}].duration: {error}")]
    Duration {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        error: DurationError,
    },
}

/// The windows of a spec, read.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    /// None: at any time.
    kind: Option<SyncWindowKind>,
    windows: Vec<Window>,
}

#[derive(Clone, Debug)]
struct Window {
    schedule: Schedule,
    open: Duration,
}

impl Window {
    fn parse(index: usize, window: &SyncWindow) -> Result<Self, WindowError> {
        let schedule = Schedule::parse(&window.schedule).map_err(|error| WindowError::Schedule {
            index,
            schedule: window.schedule.clone(),
            error,
        })?;
        let open = parse_go(&window.duration).map_err(|error| WindowError::Duration { index, error })?;
        Ok(Self { schedule, open })
    }

    /// When it closes, if it is open.
    fn closes(&self, at: Timestamp) -> Option<Timestamp> {
        let opened = self.schedule.next(at.checked_sub(self.open).ok()?).filter(|opened| *opened <= at)?;
        opened.checked_add(self.open).ok()
    }
}

impl Windows {
    /// Reads them.
    ///
    /// # Errors
    /// Which window cannot be read, and why.
    pub fn parse(spec: Option<&SyncWindows>) -> Result<Self, WindowError> {
        let Some(spec) = spec.filter(|spec| !spec.windows.is_empty()) else { return Ok(Self::default()) };
        let windows = spec.windows.iter().enumerate().map(|(index, window)| Window::parse(index, window));
        Ok(Self { kind: Some(spec.kind), windows: windows.collect::<Result<_, _>>()? })
    }

    /// The first moment from `at` on at which an interval refresh is allowed: `at` itself if it is then. `None`: never,
    /// or not within five years.
    pub fn allowed_from(&self, at: Timestamp) -> Option<Timestamp> {
        let open = |at: Timestamp| self.windows.iter().filter_map(move |window| window.closes(at));
        match self.kind {
            None => Some(at),
            Some(SyncWindowKind::Allow) if open(at).next().is_some() => Some(at),
            Some(SyncWindowKind::Allow) => {
                let opening = |window: &Window| window.schedule.next(at).filter(|_| !window.open.is_zero());
                self.windows.iter().filter_map(opening).min()
            }
            Some(SyncWindowKind::Deny) => {
                let mut at = at;
                for _ in 0..FOLLOWED {
                    match open(at).max() {
                        Some(closes) => at = closes,
                        None => break,
                    }
                }
                Some(at)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Schedules and durations.
    type List = &'static [(&'static str, &'static str)];

    fn windows(kind: SyncWindowKind, windows: List) -> Windows {
        let windows = windows.iter().map(|(schedule, duration)| SyncWindow {
            schedule: (*schedule).to_owned(),
            duration: (*duration).to_owned(),
        });
        Windows::parse(Some(&SyncWindows { kind, windows: windows.collect() })).unwrap()
    }

    #[test]
    fn refreshes_wait_for_a_window_that_lets_them() {
        use SyncWindowKind::{Allow, Deny};
        // 2026-07-15 is a Wednesday.
        // (kind, windows, at, allowed from)
        #[rustfmt::skip]
        let cases: &[(SyncWindowKind, List, &str, Option<&str>)] = &[
            (Allow, &[("0 2 * * *", "1h")], "2026-07-15T01:59:59Z", Some("2026-07-15T02:00:00Z")),
            (Allow, &[("0 2 * * *", "1h")], "2026-07-15T02:00:00Z", Some("2026-07-15T02:00:00Z")),
            (Allow, &[("0 2 * * *", "1h")], "2026-07-15T02:59:59Z", Some("2026-07-15T02:59:59Z")),
            (Allow, &[("0 2 * * *", "1h")], "2026-07-15T03:00:00Z", Some("2026-07-16T02:00:00Z")),
            (Allow, &[("0 2 * * *", "1h"), ("0 14 * * 5", "30m")], "2026-07-17T12:00:00Z", Some("2026-07-17T14:00:00Z")),
            (Allow, &[("0 2 * * *", "26h")], "2026-07-15T01:00:00Z", Some("2026-07-15T01:00:00Z")),
            (Allow, &[("0 0 30 2 *", "1h")], "2026-07-15T01:00:00Z", None),
            (Allow, &[("0 2 * * *", "0s")], "2026-07-15T02:00:00Z", None),
            (Deny, &[("0 2 * * *", "1h")], "2026-07-15T01:59:59Z", Some("2026-07-15T01:59:59Z")),
            (Deny, &[("0 2 * * *", "1h")], "2026-07-15T02:30:00Z", Some("2026-07-15T03:00:00Z")),
            (Deny, &[("0 2 * * *", "1h"), ("0 3 * * *", "1h"), ("30 3 * * *", "1h30m")], "2026-07-15T02:30:00Z", Some("2026-07-15T05:00:00Z")),
            (Deny, &[("0 9 * * mon-fri", "8h")], "2026-07-18T10:00:00Z", Some("2026-07-18T10:00:00Z")),
            (Deny, &[("0 0 30 2 *", "1h")], "2026-07-15T01:00:00Z", Some("2026-07-15T01:00:00Z")),
            // Denied for good: looked at again half a day later.
            (Deny, &[("* * * * *", "1m")], "2026-07-15T00:00:00Z", Some("2026-07-15T12:00:00Z")),
            // Counted from 1970: at each whole hour.
            (Deny, &[("@every 1h", "10m")], "2026-07-15T01:05:00Z", Some("2026-07-15T01:10:00Z")),
            (Allow, &[("@every 1h", "10m")], "2026-07-15T01:15:00Z", Some("2026-07-15T02:00:00Z")),
            (Allow, &[("@every 10m", "1h")], "2026-07-15T01:15:00Z", Some("2026-07-15T01:15:00Z")),
        ];
        for (kind, list, at, expected) in cases {
            let found = windows(*kind, list).allowed_from(at.parse().unwrap());
            assert_eq!(found, expected.map(|at| at.parse().unwrap()), "{kind:?} {list:?} at {at}");
        }
        let now = "2026-07-15T01:00:00Z".parse().unwrap();
        assert_eq!(Windows::parse(None).unwrap().allowed_from(now), Some(now));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let parsed = |schedule: &str, duration: &str| {
            let good = SyncWindow { schedule: "@daily".to_owned(), duration: "1h".to_owned() };
            let bad = SyncWindow { schedule: schedule.to_owned(), duration: duration.to_owned() };
            let spec = SyncWindows { kind: SyncWindowKind::Deny, windows: vec![good, bad] };
            Windows::parse(Some(&spec)).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let error = parsed("0 25 * * *", "1h");
        assert!(error.contains(r#"windows[1].schedule "0 25 * * *": hour"#), "{error}");
        let error = parsed("@daily", "a day");
        assert!(error.contains("windows[1].duration"), "{error}");
    }
}
