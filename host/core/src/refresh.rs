//! When an ExternalSecret asks its provider: ESO's rules, with its defects mended (a changed spec and a
//! force-sync count also with interval 0), and phases that bring together those who share a key.

use std::time::Duration;

use claviger_crds::external_secret::{ExternalSecretSpec, ExternalSecretStatus, RefreshPolicy};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::duration::{DurationError, parse_go};
use crate::windows::{WindowError, Windows};

/// Whether to ask the provider now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The spec changed, a sync was forced, it never succeeded, or its target is not as it was left:
    /// nothing older than now will do.
    Changed,
    /// Its interval is over: what was fetched for others a moment ago will do.
    Interval,
    /// Somebody said that the provider has something new: nothing older than that will do.
    Asked,
    /// Not before that time.
    At(Timestamp),
    /// Not before something changes.
    OnChange,
}

/// The key that fixes the company in which an object is refreshed: the first that it reads.
pub fn first_key(spec: &ExternalSecretSpec) -> Option<&str> {
    let entry = spec.data.first().map(|entry| entry.remote_ref.key.as_str());
    entry.or_else(|| spec.data_from.first()?.extract.as_ref().map(|extract| extract.key.as_str()))
}

/// By how much an object comes after others that became due at the same moment (an operator's start, a store
/// that works again): under 66 ms, the same for all who begin with the same key of the same store. So they come
/// one after the other, within their namespace, and share the answer however long the whole queue takes.
pub fn company(store: &str, first_key: &str) -> Duration {
    let digest = Sha256::new().chain_update(store).chain_update([0]).chain_update(first_key).finalize();
    Duration::from_micros(digest.iter().take(2).fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// The interval of a spec; zero: only on change.
///
/// # Errors
/// If it is no Go duration.
pub fn interval(spec: &ExternalSecretSpec) -> Result<Duration, DurationError> {
    parse_go(&spec.refresh_interval)
}

/// Why it cannot be said when a spec is to be refreshed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimesError {
    /// The interval.
    #[error("spec.refreshInterval: {0}")]
    Interval(DurationError),
    /// A sync window.
    #[error(transparent)]
    Window(WindowError),
}

/// Everything of a spec that says when it is refreshed. Windows hold back interval refreshes alone: where there are
/// none they are not even read, and nothing in them is wrong.
///
/// # Errors
/// Which field cannot be read, and why.
pub fn times(spec: &ExternalSecretSpec) -> Result<(Duration, Windows), TimesError> {
    let interval = interval(spec).map_err(TimesError::Interval)?;
    let windows = spec.sync_windows.as_ref().filter(|_| spec.refresh_policy == RefreshPolicy::Periodic);
    Ok((interval, Windows::parse(windows).map_err(TimesError::Window)?))
}

/// How long it may take to notice that the clock was set, or that the machine slept: a look costs next to nothing, and
/// a window of half an hour is not missed.
const LOOK: Duration = Duration::from_secs(15 * 60);

/// How long to wait before looking whether what is due at `at` is: timers stand still while the machine sleeps and do
/// not follow a clock that is set, so it is looked at the clock before.
pub fn wait(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO).min(LOOK)
}

/// When a periodic refresh comes: once in each interval, at a phase that the store and the first key fix.
/// So those who share a key come together and share the answer, the rest spread, and a restart changes
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    interval: Duration,
    /// Milliseconds into each interval, counted from 1970.
    phase: u64,
}

impl Rhythm {
    /// The rhythm of whoever reads `first_key` of the store with that uid at that interval; zero: never.
    pub fn new(interval: Duration, store_uid: &str, first_key: &str) -> Self {
        let digest =
            Sha256::new().chain_update(store_uid).chain_update([0]).chain_update(first_key).finalize();
        let hash = digest.iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        Self { interval, phase: hash % millis(interval) }
    }

    /// The interval.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The refresh after one at `last`; `None` if there is none.
    ///
    /// Between half an interval and one and a half later, so that falling into step makes nobody wait long
    /// or ask twice in a row; an interval later for who is in step.
    pub fn next(&self, last: Timestamp) -> Option<Timestamp> {
        if self.interval.is_zero() {
            return None;
        }
        let period = millis(self.interval);
        let last = u64::try_from(last.as_millisecond()).unwrap_or(0);
        let until = period - (last % period + period - self.phase) % period;
        let until = if until < period / 2 { until.saturating_add(period) } else { until };
        let next = i64::try_from(last.saturating_add(until)).ok()?;
        Timestamp::from_millisecond(next).ok()
    }

    /// As much of `whole` as the phase is of the interval.
    pub(crate) fn share(&self, whole: Duration) -> Duration {
        let share = whole.as_millis() * u128::from(self.phase) / u128::from(millis(self.interval));
        Duration::from_millis(u64::try_from(share).unwrap_or(u64::MAX))
    }

    /// How old an answer may be that was fetched for somebody else: a tenth of the interval, at most half
    /// a minute, so that nobody's Secret lags noticeably further behind for the sharing.
    pub fn tolerance(&self) -> Duration {
        (self.interval / 10).min(Duration::from_secs(30))
    }
}

fn millis(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// When the interval refresh after one at `last` comes, as far as the windows let it.
pub fn next(rhythm: Rhythm, windows: &Windows, last: Timestamp) -> Option<Timestamp> {
    windows.slot(rhythm, last)
}

/// Decides.
///
/// `version` is [`crate::hash::synced_resource_version`] of the object as it is; `last` the last
/// successful refresh, which is in memory more exactly than in the status; `target_valid` whether the
/// Secret is as it was left.
pub fn due(
    spec: &ExternalSecretSpec,
    status: Option<&ExternalSecretStatus>,
    last: Option<Timestamp>,
    version: &str,
    target_valid: bool,
    (rhythm, windows): (Rhythm, &Windows),
    now: Timestamp,
) -> Due {
    let synced = status.and_then(|status| status.synced_resource_version.as_deref());
    let recorded =
        status.and_then(|status| status.refresh_time.as_deref()).and_then(|time| time.parse().ok());
    let last = last.max(recorded);
    let (Some(synced), Some(last), true) = (synced, last, target_valid) else {
        return Due::Changed;
    };
    match spec.refresh_policy {
        RefreshPolicy::CreatedOnce => Due::OnChange,
        _ if synced != version => Due::Changed,
        RefreshPolicy::OnChange => Due::OnChange,
        RefreshPolicy::Periodic => {
            let Some(at) = next(rhythm, windows, last) else { return Due::OnChange };
            // A clock that was set back must not stop refreshes until it has caught up.
            if at > now && last <= now {
                return Due::At(at);
            }
            match windows.allowed_from(now) {
                Some(at) if at > now => Due::At(windows.spread(rhythm, at)),
                Some(_) => Due::Interval,
                None => Due::OnChange,
            }
        }
    }
}

/// The same, where somebody said that the provider has something new. Who is refreshed by itself is refreshed now, also where
/// its interval is zero and nothing but such words would do it; a window that is shut holds it back as it does the interval.
/// Who wants to be refreshed on change of its spec, or once, has not asked for it.
pub fn asked(
    due: Due,
    spec: &ExternalSecretSpec,
    (rhythm, windows): (Rhythm, &Windows),
    now: Timestamp,
) -> Due {
    if matches!(due, Due::Changed | Due::Interval) || !heeds(spec) {
        return due;
    }
    match windows.allowed_from(now) {
        Some(at) if at <= now => Due::Asked,
        Some(at) => match (due, windows.spread(rhythm, at)) {
            (Due::At(known), at) => Due::At(known.min(at)),
            (_, at) => Due::At(at),
        },
        None => due,
    }
}

/// The same, of what was read in part only and is to be read again now: before its interval is over, but not where a window
/// is shut.
pub fn resumed(due: Due, windows: &Windows, now: Timestamp) -> Due {
    match due {
        Due::At(_) | Due::OnChange => match windows.allowed_from(now) {
            Some(at) if at > now => Due::At(at),
            Some(_) => Due::Interval,
            None => Due::OnChange,
        },
        Due::Changed | Due::Interval | Due::Asked => due,
    }
}

/// Whether a spec is refreshed when somebody says that the provider has something new.
pub fn heeds(spec: &ExternalSecretSpec) -> bool {
    spec.refresh_policy == RefreshPolicy::Periodic
}

#[cfg(test)]
#[path = "refresh_clock_tests.rs"]
mod clock_tests;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn who_shares_a_key_comes_together() {
        let key = |name: &str| company("SecretStore a/vault", name);
        assert_eq!(key("database/main"), key("database/main"));
        assert_ne!(key("database/main"), key("database/other"));
        assert_ne!(key("database/main"), company("SecretStore b/vault", "database/main"));
        assert!((0..1000).all(|n| key(&n.to_string()) < Duration::from_micros(65_536)));
    }

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn status(version: &str, refreshed: i64) -> ExternalSecretStatus {
        ExternalSecretStatus {
            synced_resource_version: Some(version.to_owned()),
            refresh_time: Some(at(refreshed).to_string()),
            ..ExternalSecretStatus::default()
        }
    }

    impl Rhythm {
        /// A rhythm that comes so long into each interval, counted from 1970.
        pub(crate) fn at_phase(interval: Duration, phase: Duration) -> Self {
            Self { interval, phase: u64::try_from(phase.as_millis()).unwrap() }
        }
    }

    /// In step at `at(0)`.
    fn in_step(interval: Duration) -> Rhythm {
        Rhythm { interval, phase: u64::try_from(at(0).as_millisecond()).unwrap() % millis(interval) }
    }

    #[test]
    fn the_rules() {
        let spec = |policy| ExternalSecretSpec { refresh_policy: policy, ..ExternalSecretSpec::default() };
        let (periodic, once, on_change) =
            (spec(RefreshPolicy::Periodic), spec(RefreshPolicy::CreatedOnce), spec(RefreshPolicy::OnChange));
        let old = status("v1", 0);
        let zero = Duration::ZERO;
        // (what, spec, status, version, target valid, interval, now, expected)
        #[rustfmt::skip]
        let cases = [
            ("new", &periodic, None, "v1", true, HOUR, 10, Due::Changed),
            ("inside the interval", &periodic, Some(&old), "v1", true, HOUR, 10, Due::At(at(3600))),
            ("interval over", &periodic, Some(&old), "v1", true, HOUR, 3600, Due::Interval),
            ("spec changed", &periodic, Some(&old), "v2", true, HOUR, 10, Due::Changed),
            ("target gone", &periodic, Some(&old), "v1", false, HOUR, 10, Due::Changed),
            ("clock set back", &periodic, Some(&old), "v1", true, HOUR, -99, Due::Interval),
            ("interval 0", &periodic, Some(&old), "v1", true, zero, 9999, Due::OnChange),
            ("interval 0, spec changed", &periodic, Some(&old), "v2", true, zero, 10, Due::Changed),
            ("interval 0, clock set back", &periodic, Some(&old), "v1", true, zero, -99, Due::OnChange),
            ("once", &once, Some(&old), "v2", true, HOUR, 9999, Due::OnChange),
            ("once, target gone", &once, Some(&old), "v1", false, HOUR, 10, Due::Changed),
            ("on change, no change", &on_change, Some(&old), "v1", true, HOUR, 9999, Due::OnChange),
            ("on change, change", &on_change, Some(&old), "v2", true, HOUR, 10, Due::Changed),
        ];
        for (what, spec, status, version, valid, interval, now, expected) in cases {
            let found =
                due(spec, status, None, version, valid, (in_step(interval), &Windows::default()), at(now));
            assert_eq!(found, expected, "{what}");
        }
        let always = Windows::default();
        let exact =
            due(&periodic, Some(&old), Some(at(3600)), "v1", true, (in_step(HOUR), &always), at(3660));
        assert_eq!(exact, Due::At(at(7200)), "memory is more exact than the status");
    }

    #[test]
    fn windows_hold_back_what_the_interval_alone_demands() {
        let windows = |kind: &str, schedule: &str| {
            let windows = json!({"kind": kind, "windows": [{"schedule": schedule, "duration": "30m"}]});
            Windows::parse(Some(&serde_json::from_value(windows).unwrap())).unwrap()
        };
        let periodic = ExternalSecretSpec::default();
        let old = status("v1", 0);
        // It is 22:13:20 at `at(0)`.
        let (allow, deny) = (windows("allow", "30 23 * * *"), windows("deny", "0 23 * * *"));
        let never = windows("allow", "0 0 30 2 *");
        let quarter_past = 3700;
        // 800 s into its hour, it comes so much of half the window, or of half an interval, after an opening.
        let (allowed, not_denied) = (at(4600 + 900 * 800 / 3600), at(4600 + 1800 * 800 / 3600));
        // (what, windows, status, version, target valid, now, expected)
        #[rustfmt::skip]
        let cases = [
            ("not allowed yet", &allow, Some(&old), "v1", true, quarter_past, Due::At(allowed)),
            ("known before the interval is over", &allow, Some(&old), "v1", true, 10, Due::At(allowed)),
            ("others go first", &allow, Some(&old), "v1", true, 4600, Due::At(allowed)),
            ("allowed", &allow, Some(&old), "v1", true, 4800, Due::Interval),
            ("too late", &allow, Some(&old), "v1", true, 6400, Due::At(at(86400 + 4600 + 200))),
            ("denied", &deny, Some(&old), "v1", true, quarter_past, Due::At(not_denied)),
            ("not denied any more", &deny, Some(&old), "v1", true, 5000, Due::Interval),
            ("denied, and the clock was set back", &deny, Some(&status("v1", 9999)), "v1", true, quarter_past, Due::At(not_denied)),
            ("never allowed", &never, Some(&old), "v1", true, 9999, Due::OnChange),
            ("a first sync", &deny, None, "v1", true, quarter_past, Due::Changed),
            ("a changed spec or a force-sync", &deny, Some(&old), "v2", true, quarter_past, Due::Changed),
            ("a repair", &never, Some(&old), "v1", false, quarter_past, Due::Changed),
        ];
        for (what, windows, status, version, valid, now, expected) in cases {
            let found = due(&periodic, status, None, version, valid, (in_step(HOUR), windows), at(now));
            assert_eq!(found, expected, "{what}");
        }
        // A quarter of an hour early rather than half an hour late.
        let early = next(in_step(HOUR), &deny, at(0)).unwrap();
        assert!(early >= at(1800) && early < at(2800), "{early}");
        assert_eq!(next(in_step(HOUR), &never, at(0)), None);
    }

    #[test]
    fn who_is_told_of_a_change_is_refreshed_as_it_wishes() {
        let windows = |kind: &str, schedule: &str| {
            let windows = json!({"kind": kind, "windows": [{"schedule": schedule, "duration": "30m"}]});
            Windows::parse(Some(&serde_json::from_value(windows).unwrap())).unwrap()
        };
        let spec = |policy| ExternalSecretSpec { refresh_policy: policy, ..ExternalSecretSpec::default() };
        let (periodic, once, on_change) =
            (spec(RefreshPolicy::Periodic), spec(RefreshPolicy::CreatedOnce), spec(RefreshPolicy::OnChange));
        // It is 22:13:20 at `at(0)`.
        let (always, shut, never) =
            (Windows::default(), windows("deny", "0 22 * * *"), windows("allow", "0 0 30 2 *"));
        let (later, opens) = (Due::At(at(3600)), at(1000));
        // (what, spec, windows, interval, due, expected)
        #[rustfmt::skip]
        let cases = [
            ("inside the interval", &periodic, &always, HOUR, later, Due::Asked),
            ("without an interval", &periodic, &always, Duration::ZERO, Due::OnChange, Due::Asked),
            ("due anyway", &periodic, &always, HOUR, Due::Interval, Due::Interval),
            ("changed anyway", &once, &always, HOUR, Due::Changed, Due::Changed),
            ("once", &once, &always, HOUR, Due::OnChange, Due::OnChange),
            ("on change", &on_change, &always, HOUR, Due::OnChange, Due::OnChange),
            ("a window that never opens", &periodic, &never, HOUR, Due::OnChange, Due::OnChange),
            ("soon anyway", &periodic, &shut, HOUR, Due::At(opens), Due::At(opens)),
        ];
        for (what, spec, windows, interval, due, expected) in cases {
            assert_eq!(asked(due, spec, (in_step(interval), windows), at(0)), expected, "{what}");
        }
        let Due::At(then) = asked(later, &periodic, (in_step(HOUR), &shut), at(0)) else { panic!() };
        assert!(then >= opens && then < at(3600), "when the window lets it: {then}");
    }

    #[test]
    fn windows_are_read_where_they_mean_something() {
        // The definition's pattern lets it through.
        let windows = json!({"kind": "deny", "windows": [{"schedule": "0 7 * * 7", "duration": "1m"}]});
        let mut spec: ExternalSecretSpec = serde_json::from_value(json!({"syncWindows": windows})).unwrap();
        let error = times(&spec).unwrap_err().to_string();
        assert!(error.starts_with("spec.syncWindows.windows[0].schedule"), "{error}");
        for policy in [RefreshPolicy::OnChange, RefreshPolicy::CreatedOnce] {
            spec.refresh_policy = policy;
            assert!(times(&spec).is_ok(), "{policy:?}");
        }
    }

    #[test]
    fn the_clock_is_looked_at_each_quarter_of_an_hour() {
        let wait = |due| wait(at(due), at(0)).as_secs();
        assert_eq!((wait(-5), wait(0), wait(70), wait(900), wait(86_400)), (0, 0, 70, 900, 900));
    }

    #[test]
    fn different_keys_spread_over_the_interval() {
        let tenths: std::collections::BTreeSet<u64> =
            (0..100).map(|key| Rhythm::new(HOUR, "uid", &format!("key{key}")).phase / 360_000).collect();
        assert_eq!(tenths.len(), 10, "{tenths:?}");
        assert_eq!(Rhythm::new(HOUR, "uid", "key"), Rhythm::new(HOUR, "uid", "key"));
    }

    #[test]
    fn sharing_costs_at_most_half_a_minute_of_age() {
        assert_eq!(Rhythm::new(HOUR, "", "").tolerance().as_secs(), 30);
        assert_eq!(Rhythm::new(Duration::from_secs(20), "", "").tolerance().as_secs(), 2);
    }

    proptest! {
        /// Whoever starts when: from the first refresh on all with this key come together, once an
        /// interval, also when one of them is seen a little late.
        #[test]
        fn all_with_a_key_fall_into_step(
            seconds in 2u64..100_000, first in 0i64..1_000_000, second in 0i64..1_000_000, late in 0.0..0.4f64,
        ) {
            let interval = Duration::from_secs(seconds);
            let rhythm = Rhythm::new(interval, "store", "key");
            let wait = |from: Timestamp| rhythm.next(from).unwrap().duration_since(from).unsigned_abs();
            let one = rhythm.next(at(first)).unwrap();
            let two = rhythm.next(at(second)).unwrap();
            prop_assert!(wait(at(first)) >= interval / 2 && wait(at(first)) <= interval * 3 / 2);
            let apart = one.duration_since(two).unsigned_abs().as_millis();
            prop_assert_eq!(apart % interval.as_millis(), 0);
            prop_assert_eq!(wait(one), interval);
            let seen = one.checked_add(interval.mul_f64(late)).unwrap();
            prop_assert_eq!(rhythm.next(seen), rhythm.next(one), "lateness does not add up");
        }
    }
}
