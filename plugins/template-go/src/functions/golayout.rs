//! Go's time layouts: a layout is how the reference time, Mon Jan 2 15:04:05 2006 -0700, would look. UTC
//! only. After the documentation of Go's package `time`.

/// A moment in UTC.
pub(super) struct Civil {
    year: i64,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nanos: u32,
    /// 0 is Sunday.
    weekday: u8,
    /// From 1.
    day_of_year: u16,
}

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
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Civil {
    /// Howard Hinnant's days-to-civil algorithm.
    pub(super) fn from_unix(seconds: i64, nanos: u32) -> Self {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        let divides = |by: i64| year.rem_euclid(by) == 0;
        let leap = (divides(4) && !divides(100)) || divides(400);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let day = doy - (153 * mp + 2) / 5 + 1;
        let small = |n: i64| u8::try_from(n).unwrap_or(0);
        let month_index = usize::from(small(month)).saturating_sub(1);
        let day_of_year = before[month_index] + day + i64::from(leap && month > 2);
        Self {
            year,
            month: small(month),
            day: small(day),
            hour: small(rest / 3600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
            nanos,
            weekday: small((days + 4).rem_euclid(7)),
            day_of_year: u16::try_from(day_of_year).unwrap_or(0),
        }
    }
}

/// The elements, longest first where one begins another.
const ELEMENTS: &[&str] = &[
    "January",
    "Monday",
    "MST",
    "Jan",
    "Mon",
    "2006",
    "__2",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "_2",
    "PM",
    "pm",
    "-07:00:00",
    "-070000",
    "-07:00",
    "-0700",
    "-07",
    "Z07:00:00",
    "Z070000",
    "Z07:00",
    "Z0700",
    "Z07",
    "1",
    "2",
    "3",
    "4",
    "5",
];

/// Formats a moment.
pub(super) fn format(layout: &str, time: &Civil) -> String {
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = fraction(rest, &mut out, time) {
            rest = &rest[length..];
        } else if let Some(found) =
            ELEMENTS.iter().find(|found| rest.starts_with(**found) && stands(rest, found))
        {
            element(found, time, &mut out);
            rest = &rest[found.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// "Jan" in "January" is taken by the longer one; before a small letter it is no element at all.
fn stands(rest: &str, found: &str) -> bool {
    !matches!(found, "Jan" | "Mon") || !rest[found.len()..].starts_with(|c: char| c.is_ascii_lowercase())
}

/// `.000`, `,999`: digits of the second, where no digit follows.
fn fraction(rest: &str, out: &mut String, time: &Civil) -> Option<usize> {
    let mut chars = rest.chars();
    let separator = chars.next().filter(|c| matches!(c, '.' | ','))?;
    let digit = chars.next().filter(|c| matches!(c, '0' | '9'))?;
    let count = rest[1..].chars().take_while(|c| *c == digit).count();
    if rest[1 + count..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{:09}", time.nanos);
    let shown = &digits[..count.min(9)];
    if digit == '0' {
        out.push(separator);
        out.push_str(shown);
    } else {
        let shown = shown.trim_end_matches('0');
        if !shown.is_empty() {
            out.push(separator);
            out.push_str(shown);
        }
    }
    Some(1 + count)
}

fn element(found: &str, time: &Civil, out: &mut String) {
    let month = MONTHS[usize::from(time.month).saturating_sub(1)];
    let day = DAYS[usize::from(time.weekday)];
    let twelve = match time.hour % 12 {
        0 => 12,
        hour => hour,
    };
    let text = match found {
        "January" => month.to_owned(),
        "Jan" => month[..3].to_owned(),
        "Monday" => day.to_owned(),
        "Mon" => day[..3].to_owned(),
        "MST" => "UTC".to_owned(),
        "2006" => format!("{:04}", time.year),
        "06" => format!("{:02}", time.year.rem_euclid(100)),
        "01" => format!("{:02}", time.month),
        "1" => time.month.to_string(),
        "02" => format!("{:02}", time.day),
        "_2" => format!("{:2}", time.day),
        "2" => time.day.to_string(),
        "002" => format!("{:03}", time.day_of_year),
        "__2" => format!("{:3}", time.day_of_year),
        "15" => format!("{:02}", time.hour),
        "03" => format!("{twelve:02}"),
        "3" => twelve.to_string(),
        "04" => format!("{:02}", time.minute),
        "4" => time.minute.to_string(),
        "05" => format!("{:02}", time.second),
        "5" => time.second.to_string(),
        "PM" => if time.hour < 12 { "AM" } else { "PM" }.to_owned(),
        "pm" => if time.hour < 12 { "am" } else { "pm" }.to_owned(),
        zulu if zulu.starts_with('Z') => "Z".to_owned(),
        offset => offset.replace('7', "0").replace("-", "+"),
    };
    out.push_str(&text);
}
