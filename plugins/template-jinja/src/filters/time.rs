//! `now()` as unix seconds, and three ways to write a time, all in UTC and in English: ISO 8601, a format
//! behind the pipe (`now() | datetimeformat("%Y")`), and Ansible's format before it
//! (`"%Y" | strftime(now())`). Other zones and reading of times are not here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, State, Value};

use crate::data::refuse_undefined;
use crate::failure::refuse;
use crate::limits::check_size;

const ISO: &str = "%Y-%m-%dT%H:%M:%SZ";
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The host's clock, and whether somebody looked at it.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    now_ms: u64,
    read: Arc<AtomicBool>,
}

impl Clock {
    /// One that stands at unix milliseconds.
    pub(crate) fn new(now_ms: u64) -> Self {
        Self { now_ms, read: Arc::default() }
    }

    /// Unix seconds. Whoever asks makes a text that varies.
    fn seconds(&self) -> u64 {
        self.read.store(true, Ordering::Relaxed);
        self.now_ms / 1000
    }

    /// Was it asked?
    pub(crate) fn was_read(&self) -> bool {
        self.read.load(Ordering::Relaxed)
    }
}

pub(super) fn add(environment: &mut Environment<'_>, clock: &Clock) {
    let clock = clock.clone();
    environment.add_function("now", move |options: Kwargs| {
        // Ansible's `now(utc=true)` means what there is anyway.
        let _ = options.get::<Option<bool>>("utc")?;
        options.assert_all_used()?;
        Ok::<_, Error>(clock.seconds())
    });
    environment.add_filter("isoformat", |state: &State<'_, '_>, time: &Value| format(state, ISO, time));
    environment.add_filter("datetimeformat", datetimeformat);
    environment.add_filter("strftime", |state: &State<'_, '_>, layout: &str, time: &Value| {
        format(state, layout, time)
    });
}

fn datetimeformat(
    state: &State<'_, '_>,
    time: &Value,
    layout: Option<&str>,
    options: Kwargs,
) -> Result<String, Error> {
    let named = options.get::<Option<&str>>("format")?;
    options.assert_all_used()?;
    format(state, layout.or(named).unwrap_or(ISO), time)
}

fn format(state: &State<'_, '_>, layout: &str, time: &Value) -> Result<String, Error> {
    if time.is_undefined() {
        refuse_undefined(state, time)?;
    }
    let seconds = i64::try_from(time.clone())
        .ok()
        .filter(|seconds| (-62_135_596_800..=253_402_300_799).contains(seconds))
        .ok_or_else(|| refuse("a time is a number of seconds since 1970, of the years 1 to 9999"))?;
    let time = Time::new(seconds);
    let mut out = String::new();
    let mut chars = layout.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let directive = chars.next().unwrap_or(' ');
        let written = time.directive(directive).ok_or_else(|| {
            refuse("unknown directive in the format of a time: known are %Y %y %m %d %e %j %H %I %M %S %p %A %a %B %b %h %u %w %s %z %Z %F %T %D %R %n %t %%")
        })?;
        out.push_str(&written);
        check_size("strftime", out.len())?;
    }
    Ok(out)
}

/// A moment, taken apart.
struct Time {
    unix: i64,
    year: i64,
    month: i64,
    day: i64,
    of_day: i64,
    of_year: i64,
    weekday: usize,
}

impl Time {
    /// Civil date from days, in eras of 400 years that begin in March (Howard Hinnant's way).
    fn new(unix: i64) -> Self {
        let days = unix.div_euclid(86_400);
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let index = usize::try_from(month - 1).unwrap_or(0);
        Self {
            unix,
            year,
            month,
            day,
            of_day: unix.rem_euclid(86_400),
            of_year: before[index] + day + i64::from(leap && month > 2),
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0),
        }
    }

    fn directive(&self, directive: char) -> Option<String> {
        let (hour, minute, second) = (self.of_day / 3600, self.of_day / 60 % 60, self.of_day % 60);
        let month = MONTHS[usize::try_from(self.month - 1).unwrap_or(0)];
        let (year, day) = (self.year, self.day);
        Some(match directive {
            'Y' => format!("{year:04}"),
            'y' => format!("{:02}", year % 100),
            'm' => format!("{:02}", self.month),
            'd' => format!("{day:02}"),
            'e' => format!("{day:2}"),
            'j' => format!("{:03}", self.of_year),
            'H' => format!("{hour:02}"),
            'I' => format!("{:02}", (hour + 11) % 12 + 1),
            'M' => format!("{minute:02}"),
            'S' => format!("{second:02}"),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'A' => DAYS[self.weekday].to_owned(),
            'a' => DAYS[self.weekday][..3].to_owned(),
            'B' => month.to_owned(),
            'b' | 'h' => month[..3].to_owned(),
            'u' => (if self.weekday == 0 { 7 } else { self.weekday }).to_string(),
            'w' => self.weekday.to_string(),
            's' => self.unix.to_string(),
            'z' => "+0000".to_owned(),
            'Z' => "UTC".to_owned(),
            'F' => format!("{year:04}-{:02}-{day:02}", self.month),
            'T' => format!("{hour:02}:{minute:02}:{second:02}"),
            'R' => format!("{hour:02}:{minute:02}"),
            'D' => format!("{:02}/{day:02}/{:02}", self.month, year % 100),
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }
}
