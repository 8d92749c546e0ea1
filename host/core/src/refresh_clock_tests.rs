//! A clock that is set, back and forth, by seconds and by days: refreshes go on as often as they should, and no more often.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::status::worth_writing;

/// How often the operator writes `refreshTime`.
const PERSIST: Duration = Duration::from_secs(60);

/// At that time, in milliseconds of a clock that nobody sets, the time of day is moved by so much.
type Jump = (i64, i64);

/// Times of refreshes by the clock that nobody sets, within `run`: an object is looked at when its last look says.
fn refreshes(rhythm: Rhythm, jumps: &[Jump], run: i64) -> Vec<i64> {
    let (spec, windows) = (ExternalSecretSpec::default(), Windows::default());
    let moved = |at: i64| jumps.iter().filter(|(when, _)| *when <= at).map(|(_, by)| by).sum::<i64>();
    let day = |at: i64| Timestamp::from_millisecond(1_700_000_000_000 + at + moved(at)).unwrap();
    let status = |at: Timestamp| ExternalSecretStatus {
        synced_resource_version: Some("v".to_owned()),
        refresh_time: Some(at.to_string()),
        ..ExternalSecretStatus::default()
    };
    let (mut at, mut last, mut written) = (0, day(0), status(day(0)));
    let mut found = vec![0];
    while at <= run {
        let now = day(at);
        let next = match due(&spec, Some(&written), Some(last), "v", true, (rhythm, &windows), now) {
            Due::At(next) => next,
            Due::Interval => {
                if at > 0 {
                    found.push(at);
                }
                last = now;
                if worth_writing(Some(&written), &status(now), PERSIST) {
                    written = status(now);
                }
                next(rhythm, &windows, now).unwrap()
            }
            other => panic!("{other:?}"),
        };
        at += i64::try_from(wait(next, now).as_millis()).unwrap().max(1);
    }
    found
}

proptest! {
    #[test]
    fn a_clock_that_is_set_neither_stops_refreshes_nor_multiplies_them(
        seconds in 10u64..100_000,
        phase in 0.0..1.0f64,
        jumps in proptest::collection::vec((0.0..1.0f64, prop_oneof![-90i64..90, -100_000i64..100_000]), 0..5),
    ) {
        let interval = Duration::from_secs(seconds);
        let rhythm = Rhythm::at_phase(interval, interval.mul_f64(phase));
        let period = i64::try_from(interval.as_millis()).unwrap();
        let run = 20 * period;
        let jumps: Vec<Jump> = jumps.iter().map(|(when, by)| ((run as f64 * when) as i64, by * 1000)).collect();
        let found = refreshes(rhythm, &jumps, run);
        let most = 2 * 20 + 2 * jumps.len() + 2;
        prop_assert!(found.len() <= most, "{} in 20 intervals: {found:?}", found.len());
        // An interval and a half, as ever, and what it takes to look at the clock; longer only by what the clock lost.
        let slack = i64::try_from((LOOK + PERSIST).as_millis()).unwrap();
        for gap in found.windows(2).map(|two| (two[0], two[1])).chain(found.last().map(|last| (*last, run))) {
            let lost: Vec<i64> =
                jumps.iter().filter(|(when, by)| *by < 0 && gap.0 <= *when && *when <= gap.1).map(|(_, by)| -by).collect();
            let longest = period * 3 / 2 + slack + lost.iter().sum::<i64>();
            prop_assert!(gap.1 - gap.0 <= longest, "{gap:?} of {period}: {jumps:?}");
            if lost.len() == 1 {
                // However much that is: a time in the future is not believed.
                prop_assert!(gap.1 - gap.0 <= 3 * period + slack, "{gap:?} of {period}: {jumps:?}");
            }
        }
    }
}
