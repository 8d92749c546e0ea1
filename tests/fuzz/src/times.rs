//! Sync windows, durations and when the next refresh is: `allow` or `deny`, the interval, a time in milliseconds and a
//! key in lines, and windows behind them, each `SCHEDULE;DURATION`.
//!
//! Holds: a moment that is allowed is not before the one that was asked for, and is allowed itself; a refresh comes at
//! least half an interval after the last.

use std::time::Duration;

use claviger_core::duration::parse_go;
use claviger_core::refresh::{Rhythm, next};
use claviger_core::windows::Windows;
use claviger_crds::external_secret::SyncWindows;
use jiff::Timestamp;
use serde_json::json;

use crate::input::{lines, text};

/// See the module.
pub fn run(data: &[u8]) {
    let ([kind, interval, at, key], rest) = lines(data);
    let deny = kind == "deny";
    let windows: Vec<_> = text(rest)
        .lines()
        .filter_map(|line| line.split_once(';'))
        .map(|(schedule, duration)| json!({"schedule": schedule, "duration": duration}))
        .collect();
    let spec = json!({"kind": if deny { "deny" } else { "allow" }, "windows": windows});
    let spec: SyncWindows = serde_json::from_value(spec).expect("windows");
    let interval = parse_go(interval).unwrap_or(Duration::from_secs(3600));
    let Ok(windows) = Windows::parse(Some(&spec)) else { return };
    let Some(at) = at.parse().ok().and_then(|at| Timestamp::from_millisecond(at).ok()) else { return };
    if let Some(allowed) = windows.allowed_from(at) {
        assert!(allowed >= at, "{allowed} is before {at}");
        // Where denials follow one another for long it is a moment to look again.
        let again = windows.allowed_from(allowed);
        assert!(deny || again == Some(allowed), "{allowed} is not allowed: {again:?}");
    }
    let rhythm = Rhythm::new(interval, "uid", key);
    if let Some(next) = next(rhythm, &windows, at) {
        let passed = next.as_millisecond().saturating_sub(at.as_millisecond());
        let half = i64::try_from(interval.as_millis() / 2).unwrap_or(i64::MAX);
        // A time before 1970 is taken for its beginning; milliseconds are rounded.
        assert!(at.as_millisecond() < 0 || passed + 1 >= half, "{next} is too soon after {at}");
    }
}
