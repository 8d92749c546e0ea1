//! When an ExternalSecret asks its provider: ESO's rules, with its defects mended (a changed spec and a
//! force-sync count also with interval 0), and phases that bring together those who share a key.

use std::time::Duration;

use claviger_crds::external_secret::{ExternalSecretSpec, ExternalSecretStatus, RefreshPolicy};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::duration::{DurationError, parse_go};

/// Whether to ask the provider now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The spec changed, a sync was forced, it never succeeded, or its target is not as it was left:
    /// nothing older than now will do.
    Changed,
    /// Its interval is over: what was fetched for others a moment ago will do.
    Interval,
    /// Not before that time.
    At(Timestamp),
    /// Not before something changes.
    OnChange,
}

/// The interval of a spec; zero: only on change.
///
/// # Errors
/// If it is no Go duration.
pub fn interval(spec: &ExternalSecretSpec) -> Result<Duration, DurationError> {
    parse_go(&spec.refresh_interval)
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
    interval: Duration,
    now: Timestamp,
) -> Due {
    let synced = status.and_then(|status| status.synced_resource_version.as_deref());
    let recorded = status.and_then(|status| status.refresh_time.as_deref()).and_then(|time| time.parse().ok());
    let last = last.max(recorded);
    let (Some(synced), Some(last), true) = (synced, last, target_valid) else {
        return Due::Changed;
    };
    match spec.refresh_policy {
        RefreshPolicy::CreatedOnce => Due::OnChange,
        _ if synced != version => Due::Changed,
        RefreshPolicy::OnChange => Due::OnChange,
        RefreshPolicy::Periodic if interval.is_zero() => Due::OnChange,
        // A clock that was set back must not stop refreshes until it has caught up.
        RefreshPolicy::Periodic if last > now => Due::Interval,
        RefreshPolicy::Periodic => match last.checked_add(interval) {
            Ok(at) if at > now => Due::At(at),
            Ok(_) => Due::Interval,
            Err(_) => Due::OnChange,
        },
    }
}

/// How long after `now` the next refresh is, so that all with this store, first key and interval come at
/// the same phase of the interval, and different ones spread over it.
///
/// Between half an interval and one and a half, so that falling into step never makes anybody wait long
/// or ask twice in a row.
pub fn until_phase(store_uid: &str, first_key: &str, interval: Duration, now: Timestamp) -> Duration {
    let period = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let digest = Sha256::new().chain_update(store_uid).chain_update([0]).chain_update(first_key).finalize();
    let hash = digest.iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let offset = hash % period;
    let now = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let since = (now % period + period - offset) % period;
    let until = period - since;
    Duration::from_millis(if until < period / 2 { until + period } else { until })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

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

    #[test]
    fn the_rules() {
        let spec = |policy| ExternalSecretSpec { refresh_policy: policy, ..ExternalSecretSpec::default() };
        let (periodic, once, on_change) =
            (spec(RefreshPolicy::Periodic), spec(RefreshPolicy::CreatedOnce), spec(RefreshPolicy::OnChange));
        let old = status("v1", 0);
        let zero = Duration::ZERO;
        // (what, spec, status, version, target valid, interval, now, expected)
        let cases = [
            ("new", &periodic, None, "v1", true, HOUR, 10, Due::Changed),
            ("inside the interval", &periodic, Some(&old), "v1", true, HOUR, 10, Due::At(at(3600))),
            ("interval over", &periodic, Some(&old), "v1", true, HOUR, 3600, Due::Interval),
            ("spec changed", &periodic, Some(&old), "v2", true, HOUR, 10, Due::Changed),
            ("target gone", &periodic, Some(&old), "v1", false, HOUR, 10, Due::Changed),
            ("clock set back", &periodic, Some(&old), "v1", true, HOUR, -99, Due::Interval),
            ("interval 0", &periodic, Some(&old), "v1", true, zero, 9999, Due::OnChange),
            ("interval 0, spec changed", &periodic, Some(&old), "v2", true, zero, 10, Due::Changed),
            ("once", &once, Some(&old), "v2", true, HOUR, 9999, Due::OnChange),
            ("once, target gone", &once, Some(&old), "v1", false, HOUR, 10, Due::Changed),
            ("on change, no change", &on_change, Some(&old), "v1", true, HOUR, 9999, Due::OnChange),
            ("on change, change", &on_change, Some(&old), "v2", true, HOUR, 10, Due::Changed),
        ];
        for (what, spec, status, version, valid, interval, now, expected) in cases {
            assert_eq!(due(spec, status, None, version, valid, interval, at(now)), expected, "{what}");
        }
        let exact = due(&periodic, Some(&old), Some(at(50)), "v1", true, HOUR, at(60));
        assert_eq!(exact, Due::At(at(3650)), "memory is more exact than the status");
    }

    proptest! {
        #[test]
        fn phases_are_shared_and_near_the_interval(seconds in 1u64..100_000, now in 0i64..1_000_000) {
            let interval = Duration::from_secs(seconds);
            let next = until_phase("store", "key", interval, at(now));
            prop_assert!(next >= interval / 2 && next <= interval * 3 / 2);
            // Somebody who asks at another moment meets the same phase.
            let later = now + i64::try_from(seconds / 3).unwrap();
            let other = until_phase("store", "key", interval, at(later));
            let first = u128::try_from(at(now).as_millisecond()).unwrap() + next.as_millis();
            let second = u128::try_from(at(later).as_millisecond()).unwrap() + other.as_millis();
            prop_assert_eq!(first % interval.as_millis(), second % interval.as_millis());
        }
    }
}
