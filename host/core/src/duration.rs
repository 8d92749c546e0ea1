//! Go durations, as `refreshInterval` and Vault spell them: `1h0m0s`, `300s`, `1.5h`.
//!
//! The grammar is that of Go's `time.ParseDuration`; negative ones are refused, since nothing here can
//! mean one.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing there.
    #[error("a duration is missing (such as 5m or 1h30m)")]
    Empty,
    /// A minus sign.
    #[error("a duration must not be negative")]
    Negative,
    /// No unit, or one that Go does not know.
    #[error("a duration needs units: ns, us, ms, s, m or h (such as 5m or 1h30m)")]
    Unit,
    /// No number where one should be.
    #[error("a duration is a number and a unit, repeated (such as 5m or 1h30m)")]
    Number,
    /// More than fits: Go's limit is some 292 years.
    #[error("the duration is too long")]
    Overflow,
}

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Parses.
///
/// # Errors
/// What is wrong with the text, without the text.
pub fn parse_go(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.starts_with('-') {
        return Err(DurationError::Negative);
    }
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(DurationError::Unit)?;
        let (digits, tail) = rest.split_at(number);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(DurationError::Unit)?;
        nanos = nanos.checked_add(scaled(digits, *scale)?).ok_or(DurationError::Overflow)?;
        rest = tail;
    }
    if i64::try_from(nanos).is_err() {
        return Err(DurationError::Overflow);
    }
    Ok(Duration::from_nanos(nanos))
}

fn scaled(digits: &str, scale: u64) -> Result<u64, DurationError> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(DurationError::Number);
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| DurationError::Overflow)? };
    let mut nanos = whole.checked_mul(scale).ok_or(DurationError::Overflow)?;
    // Go drops digits that are below a nanosecond.
    let mut place = scale;
    let mut rest: u128 = 0;
    let mut divisor: u128 = 1;
    for digit in fraction.bytes().take(18) {
        rest = rest * 10 + u128::from(digit - b'0');
        divisor *= 10;
    }
    place = u64::try_from(rest * u128::from(place) / divisor).map_err(|_| DurationError::Overflow)?;
    nanos = nanos.checked_add(place).ok_or(DurationError::Overflow)?;
    Ok(nanos)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// From the table in Go's `time` package documentation and its grammar.
    #[test]
    fn parses_what_go_parses() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("300s", 300_000),
            ("1h0m0s", 3_600_000),
            ("1h15m30.918s", 4_530_918),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("5.s", 5_000),
            ("+5m", 300_000),
            ("2000us", 2),
            ("3000000ns", 3),
        ] {
            assert_eq!(parse_go(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for (text, error) in [
            ("", DurationError::Empty),
            ("-1s", DurationError::Negative),
            ("3", DurationError::Unit),
            ("3d", DurationError::Unit),
            ("s", DurationError::Number),
            (".s", DurationError::Number),
            ("1.2.3s", DurationError::Number),
            ("every-other-day", DurationError::Unit),
            ("9999999999h", DurationError::Overflow),
            ("99999999999999999999s", DurationError::Overflow),
        ] {
            assert_eq!(parse_go(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,24}") {
            let _ = parse_go(&text);
        }

        #[test]
        fn whole_units_add_up(h in 0u64..1000, m in 0u64..1000, s in 0u64..1000) {
            let parsed = parse_go(&format!("{h}h{m}m{s}s")).unwrap();
            prop_assert_eq!(parsed.as_secs(), h * 3600 + m * 60 + s);
        }
    }
}
