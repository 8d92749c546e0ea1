//! Schedules, as robfig/cron's standard parser reads them, which ESO uses: five fields or a descriptor. A day that is
//! restricted by month and by week may be either, unless one of the two is `*` or `?`; Sunday is 0 and never 7.
//!
//! No time zones: the definition's pattern lets none through, and all windows are UTC.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::duration::{DurationError, parse_go};

/// As far ahead as robfig/cron looks for a time that matches.
const YEARS: i16 = 5;

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Neither five fields nor a descriptor.
    #[error(
        "a schedule has five fields (minute, hour, day of month, month, day of week), or is @yearly, @monthly, @weekly, @daily, @hourly or @every with a duration"
    )]
    Form,
    /// A field that does not parse, or is out of range.
    #[error(
        "{field} {text:?} is not a number or name from {min} to {max}, a range, a step, or a list of these"
    )]
    Field {
        /// Which.
        field: &'static str,
        /// What stands there.
        text: String,
        /// Smallest value.
        min: u32,
        /// Largest value.
        max: u32,
    },
    /// `@every` without a duration.
    #[error("@every: {0}")]
    Every(DurationError),
    /// A time zone.
    #[error("windows are in UTC: leave the time zone out")]
    Zone,
}

/// When something happens, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    Times(Times),
    /// Whole seconds, counted from 1970.
    Every(Duration),
}

/// Bits by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Times {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the day of the month and that of the week must both match.
    both_days: bool,
}

/// What may stand in a field.
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// Names of the values from `min` on.
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", min: 0, max: 59, names: &[] };
const HOUR: Field = Field { name: "hour", min: 0, max: 23, names: &[] };
const DAY: Field = Field { name: "day of month", min: 1, max: 31, names: &[] };
const MONTH: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAY: Field =
    Field { name: "day of week", min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Field {
    /// The bits of a list of ranges, and whether one of them is a star.
    fn parse(&self, text: &str) -> Result<(u64, bool), CronError> {
        let bad =
            || CronError::Field { field: self.name, text: text.to_owned(), min: self.min, max: self.max };
        let (mut bits, mut star) = (0, false);
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (of_part, is_star) = self.range(part).ok_or_else(bad)?;
            bits |= of_part;
            star |= is_star;
        }
        if bits == 0 { Err(bad()) } else { Ok((bits, star)) }
    }

    fn range(&self, text: &str) -> Option<(u64, bool)> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (text, None),
        };
        let (low, high) = match range.split_once('-') {
            Some((low, high)) => (low, Some(high)),
            None => (range, None),
        };
        let any = matches!(low, "*" | "?");
        let (first, last) = match (any, high) {
            (true, _) => (self.min, self.max),
            (false, Some(high)) => (self.value(low)?, self.value(high)?),
            // A single number with a step goes on to the end.
            (false, None) if step.is_some() => (self.value(low)?, self.max),
            (false, None) => (self.value(low)?, self.value(low)?),
        };
        if first < self.min || last > self.max || first > last {
            return None;
        }
        let step = step.unwrap_or(1);
        let values = (first..=last).step_by(usize::try_from(step).ok()?);
        Some((values.fold(0, |bits, value| bits | 1 << value), any && step == 1))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        match named {
            Some(place) => Some(self.min + u32::try_from(place).ok()?),
            None => text.parse().ok(),
        }
    }
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| bits & 1 << value != 0)
}

impl Schedule {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, CronError> {
        if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            return Err(CronError::Zone);
        }
        let fields = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => match text.strip_prefix("@every ") {
                Some(every) => {
                    let every = parse_go(every).map_err(CronError::Every)?.as_secs().max(1);
                    return Ok(Self::Every(Duration::from_secs(every)));
                }
                None => text,
            },
        };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else { return Err(CronError::Form) };
        let (days, any_day) = DAY.parse(day)?;
        let (weekdays, any_weekday) = WEEKDAY.parse(weekday)?;
        Ok(Self::Times(Times {
            minutes: MINUTE.parse(minute)?.0,
            hours: HOUR.parse(hour)?.0,
            days,
            months: MONTH.parse(month)?.0,
            weekdays,
            both_days: any_day || any_weekday,
        }))
    }

    /// The first time after `at`; `None` if there is none within five years.
    pub(super) fn next(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(every) => {
                let every = i64::try_from(every.as_secs()).ok()?;
                let second = at.as_millisecond().div_euclid(1000);
                Timestamp::from_second((second.div_euclid(every) + 1).checked_mul(every)?).ok()
            }
            Self::Times(times) => times.next(at),
        }
    }
}

impl Times {
    fn next(&self, at: Timestamp) -> Option<Timestamp> {
        let minute =
            Timestamp::from_second((at.as_millisecond().div_euclid(60_000) + 1).checked_mul(60)?).ok()?;
        let start = minute.to_zoned(TimeZone::UTC).datetime();
        let time = |date: Date| {
            let from = if date == start.date() { (start.hour(), start.minute()) } else { (0, 0) };
            Some((date, self.first(from)?))
        };
        let mut dates = self.dates(start.date()).filter(|date| self.matches(*date));
        let (date, (hour, minute)) = dates.find_map(time)?;
        date.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    }

    /// The days from one on, as far as one looks. Months without a day that matches are left out whole, so that a
    /// schedule that never matches costs a look at each month and not at each day.
    fn dates(&self, from: Date) -> impl Iterator<Item = Date> {
        let last = from.year() + YEARS;
        let after = move |date: Date| {
            let skipped = !self.has_days_in(date);
            let next = if skipped { date.last_of_month() } else { date };
            next.checked_add(1.day()).ok().filter(|next| next.year() <= last)
        };
        std::iter::successors(Some(from), move |date| after(*date)).filter(|date| self.has_days_in(*date))
    }

    /// Whether a day of that month may match.
    fn has_days_in(&self, month: Date) -> bool {
        let any = !self.both_days || (1..=month.days_in_month()).any(|day| has(self.days, day));
        has(self.months, month.month()) && any
    }

    fn matches(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        let either = if self.both_days { day && weekday } else { day || weekday };
        has(self.months, date.month()) && either
    }

    /// The first hour and minute of a day, from a time of day on.
    fn first(&self, from: (i8, i8)) -> Option<(i8, i8)> {
        let hours = (from.0..24).filter(|hour| has(self.hours, *hour));
        let times = hours.flat_map(|hour| {
            (0..60).filter(|minute| has(self.minutes, *minute)).map(move |minute| (hour, minute))
        });
        times.into_iter().find(|time| *time >= from)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        schedule: String,
        #[serde(default)]
        refused: bool,
        #[serde(default)]
        next: BTreeMap<String, Vec<String>>,
    }

    /// What robfig/cron says (tests/gocron).
    #[test]
    fn schedules_are_robfigs() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../tests/gocron/expected.json")).unwrap();
        assert!(cases.len() > 70, "{}", cases.len());
        for Case { schedule, refused, next } in cases {
            let parsed = Schedule::parse(&schedule);
            assert_eq!(parsed.is_err(), refused, "{schedule:?}: {parsed:?}");
            for (start, expected) in next {
                let schedule = parsed.as_ref().unwrap();
                let mut at: Timestamp = start.parse().unwrap();
                let mut times = Vec::new();
                while times.len() < 4
                    && let Some(next) = schedule.next(at)
                {
                    times.push(next.to_string());
                    at = next;
                }
                assert_eq!(times, expected, "{schedule:?} from {start}");
            }
        }
    }

    /// Days that are looked at in the five years and a bit after 2026-07-15.
    #[test]
    fn months_without_a_match_are_left_out() {
        // (schedule, at most)
        let cases = [
            ("0 0 30 2 *", 0),
            ("0 0 31 4,6,9,11 *", 0),
            ("0 0 29 2 *", 29),
            ("0 0 1 1 *", 5 * 31),
            ("0 0 30 2 5", 5 * 28 + 1),
        ];
        for (schedule, most) in cases {
            let Schedule::Times(times) = Schedule::parse(schedule).unwrap() else { panic!("{schedule}") };
            let looked_at = times.dates("2026-07-15".parse().unwrap()).count();
            assert!(looked_at <= most, "{schedule}: {looked_at}");
        }
    }

    #[test]
    fn every_counts_from_1970() {
        let schedule = Schedule::parse("@every 90m").unwrap();
        let next = |at: &str| schedule.next(at.parse().unwrap()).unwrap().to_string();
        assert_eq!(next("1970-01-01T00:00:00Z"), "1970-01-01T01:30:00Z");
        assert_eq!(next("2026-07-15T12:00:00.5Z"), "2026-07-15T13:30:00Z");
        assert_eq!(Schedule::parse("@every 10ms"), Ok(Schedule::Every(Duration::from_secs(1))));
    }

    #[test]
    fn zones_are_refused() {
        for text in ["TZ=UTC 0 0 * * *", "CRON_TZ=Europe/Paris @daily"] {
            assert_eq!(Schedule::parse(text), Err(CronError::Zone), "{text}");
        }
    }
}
