//! `spec.syncWindows`: at which times interval refreshes are allowed, and when they are again.
//!
//! Only interval refreshes are held back; a changed spec, a forced sync, a first sync and a repair are not, and that is
//! `refresh`'s to know. Times are UTC, as ESO's.

mod cron;
mod slot;

use std::time::Duration;

use claviger_crds::external_secret::{SyncWindow, SyncWindowKind, SyncWindows};
use jiff::Timestamp;

use self::cron::{CronError, Schedule};
use crate::duration::{DurationError, parse_go};

/// Windows of one object: more than eight times of day of its own for each weekday. Each costs some microseconds at
/// every look at the object.
const MOST: usize = 64;

/// How many further openings are looked up, of all windows together, where deny windows follow one another without a
/// gap. What is still denied then is looked at again at that moment: after four hours with a window each minute, and
/// with `@every 1s` after four minutes, which is as cheap.
const FOLLOWED: usize = 256;

/// Why a window is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// There are too many.
    #[error(
        "spec.syncWindows.windows: {0} windows, at most {MOST} are read: join schedules by lists (`0 2,14 * * *`)"
    )]
    Many(usize),
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

    /// The first opening whose window is not over by `at`. It may lie ahead; `None`: there is none within five years.
    fn opening(&self, at: Timestamp) -> Option<Timestamp> {
        let after = at.checked_sub(self.open).ok()?;
        self.schedule.next(after).filter(|_| !self.open.is_zero())
    }

    /// When it closes that opened then.
    fn closes(&self, opened: Timestamp) -> Timestamp {
        opened.checked_add(self.open).unwrap_or(Timestamp::MAX)
    }
}

impl Windows {
    /// Reads them.
    ///
    /// # Errors
    /// Which window cannot be read, and why.
    pub fn parse(spec: Option<&SyncWindows>) -> Result<Self, WindowError> {
        let Some(spec) = spec.filter(|spec| !spec.windows.is_empty()) else { return Ok(Self::default()) };
        if spec.windows.len() > MOST {
            return Err(WindowError::Many(spec.windows.len()));
        }
        let windows = spec.windows.iter().enumerate().map(|(index, window)| Window::parse(index, window));
        Ok(Self { kind: Some(spec.kind), windows: windows.collect::<Result<_, _>>()? })
    }

    /// The first moment from `at` on at which an interval refresh is allowed: `at` itself if it is then. `None`: never,
    /// or not within five years. Where denials follow one another for long, it is a moment to look again.
    pub fn allowed_from(&self, at: Timestamp) -> Option<Timestamp> {
        match self.kind {
            None => Some(at),
            Some(SyncWindowKind::Allow) => {
                self.openings(at).map(|(_, opening)| opening).min().map(|opening| opening.max(at))
            }
            Some(SyncWindowKind::Deny) => Some(self.shut_from(at)),
        }
    }

    /// Until when it is allowed that is allowed at `at`, or longer; `None`: nothing ends it.
    fn allowed_until(&self, at: Timestamp) -> Option<Timestamp> {
        let openings = self.openings(at);
        match self.kind? {
            SyncWindowKind::Allow => openings
                .filter(|(_, opening)| *opening <= at)
                .map(|(window, opening)| window.closes(opening))
                .max(),
            SyncWindowKind::Deny => openings.map(|(_, opening)| opening).min(),
        }
    }

    /// Each window's [`Window::opening`]; without those that never open.
    fn openings(&self, at: Timestamp) -> impl Iterator<Item = (&Window, Timestamp)> {
        self.windows.iter().filter_map(move |window| Some((window, window.opening(at)?)))
    }

    /// When all windows are shut, from `at` on, as far as [`FOLLOWED`] lets it be followed.
    fn shut_from(&self, at: Timestamp) -> Timestamp {
        let (mut at, mut left) = (at, FOLLOWED);
        let mut openings: Vec<_> = self.openings(at).collect();
        loop {
            let open = openings.iter().filter(|(_, opening)| *opening <= at);
            let Some(closes) = open.map(|(window, opening)| window.closes(*opening)).max() else { return at };
            at = closes;
            // Only of those that are over another opening can be the first.
            let over = openings.iter().filter(|(window, opening)| window.closes(*opening) <= at).count();
            if over > left {
                return at;
            }
            left -= over;
            openings.retain_mut(|(window, opening)| {
                if window.closes(*opening) <= at {
                    let Some(next) = window.opening(at) else { return false };
                    *opening = next;
                }
                true
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Schedules and durations.
    pub(super) type List = &'static [(&'static str, &'static str)];

    pub(super) fn windows(kind: SyncWindowKind, windows: List) -> Windows {
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

    /// Denied for good, by one window or by as many as there may be: a bounded number of openings is looked up.
    #[test]
    fn denials_without_an_end_are_followed_so_far() {
        let minutes = |count: usize, duration: &str| {
            let window = SyncWindow { schedule: "* * * * *".to_owned(), duration: duration.to_owned() };
            let spec = SyncWindows { kind: SyncWindowKind::Deny, windows: vec![window; count] };
            let start: Timestamp = "2026-07-15T00:00:00Z".parse().unwrap();
            let end = Windows::parse(Some(&spec)).unwrap().allowed_from(start).unwrap();
            usize::try_from(end.duration_since(start).as_secs() / 60).unwrap()
        };
        // The first opening of each costs nothing of what is left.
        assert_eq!(minutes(1, "1m"), FOLLOWED + 1);
        assert_eq!(minutes(MOST, "1m"), FOLLOWED / MOST + 1);
    }

    #[test]
    fn windows_are_counted() {
        let of = |count: usize| {
            let window = SyncWindow { schedule: "@daily".to_owned(), duration: "1h".to_owned() };
            let spec = SyncWindows { kind: SyncWindowKind::Allow, windows: vec![window; count] };
            Windows::parse(Some(&spec)).map_err(|error| error.to_string())
        };
        assert!(of(64).is_ok());
        let error = of(65).unwrap_err();
        assert!(error.starts_with("spec.syncWindows.windows: 65 windows, at most 64"), "{error}");
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
