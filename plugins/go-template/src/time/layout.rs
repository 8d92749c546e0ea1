//! Go's time layouts: a layout is how the reference time, Mon Jan 2 15:04:05 2006 -0700, would look. The
//! order in which elements are recognised is that of Go's `nextStdChunk`.

use super::{DAYS, MONTHS, Time};

/// An element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    Offset(OffsetForm),
    /// Digits of the second, all of them.
    FractionZeros(usize),
    /// Digits of the second without trailing zeros.
    FractionNines(usize),
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetForm {
    /// `Z` for UTC.
    pub(crate) zulu: bool,
    pub(crate) colons: bool,
    pub(crate) minutes: bool,
    pub(crate) seconds: bool,
}

const OFFSETS: [(&str, bool, bool, bool); 5] = [
    ("070000", false, true, true),
    ("07:00:00", true, true, true),
    ("0700", false, true, false),
    ("07:00", true, true, false),
    ("07", false, false, false),
];

/// The element that a layout begins with, and its length; none where it begins with literal text.
pub(crate) fn element(layout: &str) -> Option<(Element, usize)> {
    let lower_after = |n: usize| layout.as_bytes().get(n).is_some_and(u8::is_ascii_lowercase);
    let found = match layout.as_bytes().first()? {
        b'J' if layout.starts_with("January") => (Element::LongMonth, 7),
        b'J' if layout.starts_with("Jan") && !lower_after(3) => (Element::Month, 3),
        b'M' if layout.starts_with("Monday") => (Element::LongWeekday, 6),
        b'M' if layout.starts_with("Mon") && !lower_after(3) => (Element::Weekday, 3),
        b'M' if layout.starts_with("MST") => (Element::ZoneName, 3),
        b'0' => match layout.as_bytes().get(1)? {
            b'1' => (Element::ZeroMonth, 2),
            b'2' => (Element::ZeroDay, 2),
            b'3' => (Element::ZeroHour12, 2),
            b'4' => (Element::ZeroMinute, 2),
            b'5' => (Element::ZeroSecond, 2),
            b'6' => (Element::Year, 2),
            b'0' if layout.starts_with("002") => (Element::ZeroYearDay, 3),
            _ => return None,
        },
        b'1' if layout.starts_with("15") => (Element::Hour, 2),
        b'1' => (Element::NumMonth, 1),
        b'2' if layout.starts_with("2006") => (Element::LongYear, 4),
        b'2' => (Element::Day, 1),
        // "_2006" is an underscore and a year.
        b'_' if layout.starts_with("_2") && !layout.starts_with("_2006") => (Element::UnderDay, 2),
        b'_' if layout.starts_with("__2") => (Element::UnderYearDay, 3),
        b'3' => (Element::Hour12, 1),
        b'4' => (Element::Minute, 1),
        b'5' => (Element::Second, 1),
        b'P' if layout.starts_with("PM") => (Element::UpperPm, 2),
        b'p' if layout.starts_with("pm") => (Element::LowerPm, 2),
        sign @ (b'-' | b'Z') => {
            let (form, colons, minutes, seconds) =
                OFFSETS.into_iter().find(|form| layout[1..].starts_with(form.0))?;
            let form_of = OffsetForm { zulu: *sign == b'Z', colons, minutes, seconds };
            (Element::Offset(form_of), 1 + form.len())
        }
        b'.' | b',' => {
            let digit = layout.as_bytes().get(1).filter(|digit| matches!(digit, b'0' | b'9'))?;
            let count = layout.bytes().skip(1).take_while(|byte| byte == digit).count();
            if layout.as_bytes().get(1 + count).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            let kind =
                if *digit == b'0' { Element::FractionZeros(count) } else { Element::FractionNines(count) };
            (kind, 1 + count)
        }
        _ => return None,
    };
    Some(found)
}

/// Formats a moment.
pub(crate) fn format(layout: &str, time: &Time) -> String {
    let civil = time.civil();
    let name = |names: &[&str], index: i64, length: usize| {
        let name =
            usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default();
        name.get(..length).unwrap_or(name).to_owned()
    };
    let twelve = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        let Some((found, length)) = element(rest) else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let text = match found {
            Element::LongMonth => name(&MONTHS, civil.month - 1, usize::MAX),
            Element::Month => name(&MONTHS, civil.month - 1, 3),
            Element::NumMonth => civil.month.to_string(),
            Element::ZeroMonth => format!("{:02}", civil.month),
            Element::LongWeekday => name(&DAYS, civil.weekday, usize::MAX),
            Element::Weekday => name(&DAYS, civil.weekday, 3),
            Element::Day => civil.day.to_string(),
            Element::UnderDay => format!("{:2}", civil.day),
            Element::ZeroDay => format!("{:02}", civil.day),
            Element::UnderYearDay => format!("{:3}", civil.day_of_year),
            Element::ZeroYearDay => format!("{:03}", civil.day_of_year),
            Element::Hour => format!("{:02}", civil.hour),
            Element::Hour12 => twelve.to_string(),
            Element::ZeroHour12 => format!("{twelve:02}"),
            Element::Minute => civil.minute.to_string(),
            Element::ZeroMinute => format!("{:02}", civil.minute),
            Element::Second => civil.second.to_string(),
            Element::ZeroSecond => format!("{:02}", civil.second),
            Element::LongYear if civil.year < 0 => format!("-{:04}", -civil.year),
            Element::LongYear => format!("{:04}", civil.year),
            Element::Year => format!("{:02}", civil.year.rem_euclid(100)),
            Element::UpperPm => if civil.hour < 12 { "AM" } else { "PM" }.to_owned(),
            Element::LowerPm => if civil.hour < 12 { "am" } else { "pm" }.to_owned(),
            Element::ZoneName if !time.zone.is_empty() => time.zone.to_string(),
            // No abbreviation: the offset, as short as it goes.
            Element::ZoneName => {
                let minutes = time.offset % 3600 != 0;
                offset(time.offset, OffsetForm { zulu: false, colons: false, minutes, seconds: false })
            }
            Element::Offset(form) => offset(time.offset, form),
            Element::FractionZeros(count) => format!("{}{}", first, &fraction(time.nanos, count)),
            Element::FractionNines(count) => {
                let digits = fraction(time.nanos, count);
                let digits = digits.trim_end_matches('0');
                if digits.is_empty() { String::new() } else { format!("{first}{digits}") }
            }
        };
        out.push_str(&text);
        rest = &rest[length..];
    }
    out
}

fn fraction(nanos: u32, count: usize) -> String {
    let digits = format!("{nanos:09}");
    digits.get(..count).unwrap_or(&digits).to_owned()
}

fn offset(seconds: i32, form: OffsetForm) -> String {
    if form.zulu && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.unsigned_abs();
    let colon = if form.colons { ":" } else { "" };
    let mut text = format!("{sign}{:02}", total / 3600);
    if form.minutes {
        text.push_str(&format!("{colon}{:02}", total / 60 % 60));
    }
    if form.seconds {
        text.push_str(&format!("{colon}{:02}", total % 60));
    }
    text
}
