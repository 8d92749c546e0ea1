//! How soon a failing object is tried again: quickly at first, because most failures pass, and after a
//! few tries no more often than a healthy one is refreshed.

use std::time::Duration;

use crate::error::Retry;

const FIRST: Duration = Duration::from_secs(1);

/// ESO's limit, for objects that are not refreshed at intervals.
const LONGEST: Duration = Duration::from_secs(420);

/// Quick tries before an object falls to its interval: 1 + 2 + 4 + … seconds, a minute in all.
const QUICK_TRIES: u32 = 6;

/// A backend's wish to wait is followed up to this: one wrong header must not stop a store for a day.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// How long to wait after the `failures`-th failure in a row (from 1). `interval` is how often the object
/// is looked at when healthy (zero: never); `jitter` in 0..1 spreads those that failed together.
pub fn after_failure(retry: Retry, failures: u32, interval: Duration, jitter: f64) -> Duration {
    let jitter = jitter.clamp(0.0, 1.0);
    let slow = if interval.is_zero() { LONGEST } else { interval };
    // Never shorter: a failing object does not ask more often than a healthy one.
    let slow = slow.mul_f64(1.0 + 0.2 * jitter);
    match retry {
        Retry::After(wish) => {
            let wish = wish.clamp(FIRST, LONGEST_WISH) + FIRST.mul_f64(jitter);
            if failures > QUICK_TRIES { wish.max(slow) } else { wish }
        }
        // All who were held back come again; over half of the pause more, so that it does not begin anew.
        Retry::Held(left) => left.clamp(FIRST, LONGEST_WISH).mul_f64(1.0 + 0.5 * jitter),
        Retry::Interval => slow,
        Retry::Backoff if failures > QUICK_TRIES => slow,
        Retry::Backoff => {
            let doubled = FIRST * 2u32.pow(failures.saturating_sub(1).min(QUICK_TRIES));
            doubled.mul_f64(0.8 + 0.4 * jitter)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_then_as_often_as_a_healthy_one() {
        let wait =
            |failures, interval| after_failure(Retry::Backoff, failures, Duration::from_secs(interval), 0.5);
        let slow = |interval: f64| (interval * 1.1) as u64;
        let seconds: Vec<_> = (1..=8).map(|failures| wait(failures, 3600).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, slow(3600.0), slow(3600.0)]);
        assert_eq!(wait(7, 0).as_secs(), slow(420.0), "ESO's limit where there is no interval");
        assert_eq!(wait(9, 5).as_secs(), slow(5.0));
        assert_eq!(wait(0, 3600), wait(1, 3600), "a count that was not begun");
    }

    #[test]
    fn wishes_are_followed_within_reason() {
        let wait =
            |wish| after_failure(Retry::After(Duration::from_secs(wish)), 1, Duration::from_secs(60), 0.0);
        assert_eq!(wait(30).as_secs(), 30);
        assert_eq!(wait(86_400).as_secs(), 600);
        assert_eq!(wait(0).as_secs(), 1);
        let again = after_failure(Retry::After(Duration::from_secs(5)), 7, Duration::from_secs(60), 0.0);
        assert_eq!(again.as_secs(), 60, "a backend that goes on limiting is asked less often");
    }

    #[test]
    fn who_was_held_back_comes_when_the_pause_is_over() {
        let wait = |failures, jitter| {
            after_failure(Retry::Held(Duration::from_secs(20)), failures, Duration::from_secs(3600), jitter)
        };
        assert_eq!((wait(1, 0.0).as_secs(), wait(99, 1.0).as_secs()), (20, 30));
    }

    #[test]
    fn what_only_a_change_can_mend_waits_for_the_interval() {
        let wait = after_failure(Retry::Interval, 1, Duration::from_secs(300), 0.5);
        assert_eq!(wait.as_secs(), 330);
    }
}
