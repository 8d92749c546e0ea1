//! The clock of the election: time since the machine started, which no one sets and which goes on while this
//! process is stopped and while the machine sleeps.
//!
//! It says nothing about the time of day, and means nothing to another machine.

use std::ops::Add;
use std::time::Duration;

/// A moment by that clock; nanoseconds, which last for 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    /// Later than every moment.
    pub(super) const NEVER: Self = Self(u64::MAX);

    /// Now.
    #[cfg(target_os = "linux")]
    pub(super) fn now() -> Self {
        // Not `Instant`: that stands still while the machine sleeps, and the other replicas do not.
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
        Self(seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanos.unwrap_or(0)))
    }

    /// Now. What this system has: it may stand still while the machine sleeps.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn now() -> Self {
        static START: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        Self(u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// How long after `earlier`; nothing if it is not.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// As a number, for an atomic.
    pub(super) fn nanos(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }
}
