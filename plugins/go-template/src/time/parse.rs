//! Reading a time by a layout: Go's `time.ParseInLocation` with UTC as the location.

use super::layout::{Element, OffsetForm, element};
use super::{DAYS, MONTHS, Time, days_from_civil, days_in, is_leap};

/// What the elements said so far.
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    offset: Option<i32>,
    zone: Option<String>,
}

/// A moment, or none where text and layout do not fit.
pub(crate) fn parse(layout: &str, text: &str) -> Option<Time> {
    let mut fields = Fields {
        year: 0,
        month: None,
        day: None,
        day_of_year: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        afternoon: None,
        offset: None,
        zone: None,
    };
    let (mut layout, mut text) = (layout, text);
    while let Some(first) = layout.chars().next() {
        let Some((found, length)) = element(layout) else {
            text = literal(first, text)?;
            layout = &layout[first.len_utf8()..];
            // A run of spaces in the layout stands for any run of spaces.
            if first == ' ' {
                layout = layout.trim_start_matches(' ');
            }
            continue;
        };
        layout = &layout[length..];
        text = fields.take(found, layout, text)?;
    }
    if text.is_empty() { fields.time() } else { None }
}

fn literal(expected: char, text: &str) -> Option<&str> {
    if expected == ' ' {
        if !text.is_empty() && !text.starts_with(' ') {
            return None;
        }
        return Some(text.trim_start_matches(' '));
    }
    text.strip_prefix(expected)
}

/// One digit or two; exactly two where `fixed`.
fn number(text: &str, fixed: bool) -> Option<(i64, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if digits == 0 || (fixed && digits < 2) {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

fn exactly(text: &str, count: usize) -> Option<(i64, &str)> {
    let digits = text.get(..count).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    Some((digits.parse().ok()?, &text[count..]))
}

fn name<'a>(names: &[&str], length: usize, text: &'a str) -> Option<(i64, &'a str)> {
    for (index, name) in names.iter().enumerate() {
        let name = name.get(..length).unwrap_or(name);
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Some((i64::try_from(index).ok()?, &text[name.len()..]));
        }
    }
    None
}

fn within((value, rest): (i64, &str), range: std::ops::RangeInclusive<i64>) -> Option<(i64, &str)> {
    range.contains(&value).then_some((value, rest))
}

/// Digits behind a point or comma, as nanoseconds.
fn nanos(text: &str, digits: usize) -> Option<u32> {
    let shown = text.get(1..1 + digits).filter(|shown| shown.bytes().all(|b| b.is_ascii_digit()))?;
    format!("{:0<9}", shown.get(..9).unwrap_or(shown)).parse().ok()
}

fn fraction_length(text: &str) -> usize {
    if text.starts_with(['.', ',']) { text.bytes().skip(1).take_while(u8::is_ascii_digit).count() } else { 0 }
}

impl Fields {
    /// Reads one element; `layout` is what follows it.
    fn take<'a>(&mut self, found: Element, layout: &str, text: &'a str) -> Option<&'a str> {
        let (target, (value, rest)) = match found {
            Element::LongYear => (&mut self.year, exactly(text, 4)?),
            Element::Year => {
                let (value, rest) = exactly(text, 2)?;
                // Unix time begins with 1969 in some zones, hence Go's border.
                (&mut self.year, (if value >= 69 { value + 1900 } else { value + 2000 }, rest))
            }
            Element::LongMonth | Element::Month => {
                let length = if found == Element::Month { 3 } else { usize::MAX };
                let (index, rest) = name(&MONTHS, length, text)?;
                self.month = Some(index + 1);
                return Some(rest);
            }
            Element::NumMonth | Element::ZeroMonth => {
                let (value, rest) = within(number(text, found == Element::ZeroMonth)?, 1..=12)?;
                self.month = Some(value);
                return Some(rest);
            }
            Element::LongWeekday => return name(&DAYS, usize::MAX, text).map(|(_, rest)| rest),
            Element::Weekday => return name(&DAYS, 3, text).map(|(_, rest)| rest),
            Element::Day | Element::UnderDay | Element::ZeroDay => {
                let text =
                    if found == Element::UnderDay { text.strip_prefix(' ').unwrap_or(text) } else { text };
                let (value, rest) = number(text, found == Element::ZeroDay)?;
                self.day = Some(value);
                return Some(rest);
            }
            Element::UnderYearDay | Element::ZeroYearDay => {
                let fixed = found == Element::ZeroYearDay;
                let blanks = if fixed { 0 } else { text.bytes().take(2).take_while(|b| *b == b' ').count() };
                let text = &text[blanks..];
                let digits = text.bytes().take(3).take_while(u8::is_ascii_digit).count();
                let (value, rest) = exactly(text, if fixed { 3 } else { digits.max(1) })?;
                self.day_of_year = Some(value);
                return Some(rest);
            }
            Element::Hour => (&mut self.hour, within(number(text, false)?, 0..=23)?),
            Element::Hour12 | Element::ZeroHour12 => {
                (&mut self.hour, within(number(text, found == Element::ZeroHour12)?, 0..=12)?)
            }
            Element::Minute | Element::ZeroMinute => {
                (&mut self.minute, within(number(text, found == Element::ZeroMinute)?, 0..=59)?)
            }
            Element::Second | Element::ZeroSecond => {
                let (value, rest) = within(number(text, found == Element::ZeroSecond)?, 0..=59)?;
                self.second = value;
                // Digits of the second are taken even where the layout has none.
                let digits = fraction_length(rest);
                let expected = matches!(
                    element(layout),
                    Some((Element::FractionZeros(_) | Element::FractionNines(_), _))
                );
                if digits == 0 || expected {
                    return Some(rest);
                }
                self.nanos = nanos(rest, digits)?;
                return Some(&rest[1 + digits..]);
            }
            Element::UpperPm | Element::LowerPm => {
                let (am, pm) = if found == Element::UpperPm { ("AM", "PM") } else { ("am", "pm") };
                let afternoon = text.starts_with(pm);
                self.afternoon = Some(afternoon);
                return text.strip_prefix(if afternoon { pm } else { am });
            }
            Element::ZoneName => return self.zone_name(text),
            Element::Offset(form) => return self.offset(form, text),
            Element::FractionZeros(count) => {
                self.nanos = text.starts_with(['.', ',']).then(|| nanos(text, count)).flatten()?;
                return Some(&text[1 + count..]);
            }
            Element::FractionNines(_) => {
                let digits = fraction_length(text);
                if digits == 0 {
                    return Some(text);
                }
                self.nanos = nanos(text, digits)?;
                return Some(&text[1 + digits..]);
            }
        };
        *target = value;
        Some(rest)
    }

    /// An abbreviation of three to five capitals. Only UTC is known; another one is kept with offset 0, as
    /// Go does where it is not the location's.
    fn zone_name<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let length = text.bytes().take_while(u8::is_ascii_uppercase).count();
        let ends_well = match length {
            3 => true,
            4 => text[..4].ends_with('T') || &text[..4] == "WITA",
            5 => text[..5].ends_with('T'),
            _ => false,
        };
        let length = if text.starts_with("UTC") { 3 } else { length };
        if !ends_well && length != 3 {
            return None;
        }
        self.zone = Some(text[..length].to_owned());
        Some(&text[length..])
    }

    fn offset<'a>(&mut self, form: OffsetForm, text: &'a str) -> Option<&'a str> {
        if form.zulu
            && let Some(rest) = text.strip_prefix('Z')
        {
            self.offset = Some(0);
            self.zone = Some("UTC".to_owned());
            return Some(rest);
        }
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, mut rest) = within(exactly(&text[1..], 2)?, 0..=24)?;
        let mut total = hours * 3600;
        for (wanted, unit) in [(form.minutes, 60), (form.seconds, 1)] {
            if wanted {
                rest = if form.colons { rest.strip_prefix(':')? } else { rest };
                let (value, after) = within(exactly(rest, 2)?, 0..=60)?;
                total += value * unit;
                rest = after;
            }
        }
        self.offset = i32::try_from(sign * total).ok();
        Some(rest)
    }

    fn time(mut self) -> Option<Time> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        if let Some(day_of_year) = self.day_of_year {
            if day_of_year < 1 || day_of_year > 365 + i64::from(is_leap(self.year)) {
                return None;
            }
            let (mut month, mut day) = (1, day_of_year);
            while day > days_in(month, self.year) {
                day -= days_in(month, self.year);
                month += 1;
            }
            if self.month.is_some_and(|given| given != month) || self.day.is_some_and(|given| given != day) {
                return None;
            }
            (self.month, self.day) = (Some(month), Some(day));
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if day < 1 || day > days_in(month, self.year) {
            return None;
        }
        let days = days_from_civil(self.year, month, day);
        let local = days * 86_400 + self.hour * 3600 + self.minute * 60 + self.second;
        let offset = self.offset.unwrap_or(0);
        let zone = match (self.zone, self.offset) {
            (Some(zone), _) => zone,
            // The location's own offset: UTC.
            (None, None | Some(0)) => "UTC".to_owned(),
            (None, Some(_)) => String::new(),
        };
        Some(Time { seconds: local - i64::from(offset), nanos: self.nanos, offset, zone: zone.into() })
    }
}
