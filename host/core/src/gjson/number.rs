//! Numbers as Go's strconv reads and writes them.

/// What a text is as a number; 0 if it is none. Decimals, hexadecimals with a binary exponent, `inf`, `nan`; digits
/// may have underscores between them.
pub(super) fn float(text: &[u8]) -> f64 {
    let Ok(text) = std::str::from_utf8(text) else { return 0.0 };
    let (sign, unsigned) = match text.as_bytes() {
        [b'-', ..] => (-1.0, &text[1..]),
        [b'+', ..] => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return sign * f64::INFINITY;
    }
    if text.eq_ignore_ascii_case("nan") {
        return f64::NAN;
    }
    let hex = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
    let digits = hex.unwrap_or(unsigned);
    let without;
    let digits = match digits.contains('_') {
        true if !well_separated(digits, hex.is_some()) => return 0.0,
        true => {
            without = zeroize::Zeroizing::new(digits.replace('_', ""));
            without.as_str()
        }
        false => digits,
    };
    let magnitude = if hex.is_some() { hexadecimal(digits) } else { decimal(digits) };
    magnitude.map_or(0.0, |magnitude| sign * magnitude)
}

/// Whether each underscore has a digit (or the `0x`) before it and a digit behind it.
fn well_separated(text: &str, hex: bool) -> bool {
    let digit = |byte: u8| if hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        before.map_or(hex, |byte| digit(*byte)) && bytes.get(at + 1).is_some_and(|byte| digit(*byte))
    })
}

/// Mantissa and exponent, if these are digits.
fn parts(text: &str, digit: fn(&u8) -> bool, marks: [char; 2]) -> Option<(&str, &str, Option<i64>)> {
    let (mantissa, exponent) = match text.split_once(marks) {
        None => (text, None),
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // More digits than fit are as good as infinitely many.
            let most = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
            (mantissa, Some(exponent.parse().unwrap_or(most).clamp(i64::MIN / 2, i64::MAX / 2)))
        }
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let both = || whole.bytes().chain(fraction.bytes());
    (both().next().is_some() && both().all(|byte| digit(&byte))).then_some((whole, fraction, exponent))
}

fn decimal(text: &str) -> Option<f64> {
    parts(text, u8::is_ascii_digit, ['e', 'E'])?;
    text.parse().ok()
}

/// Rounded to the nearest, and to even between two.
fn hexadecimal(text: &str) -> Option<f64> {
    let (whole, fraction, exponent) = parts(text, u8::is_ascii_hexdigit, ['p', 'P'])?;
    // An exponent it must have.
    let (mut mantissa, mut exponent, mut more) = (0_u64, exponent?, false);
    for (index, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16)?);
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            exponent -= if index < whole.len() { 0 } else { 4 };
        } else {
            more |= digit != 0;
            exponent += if index < whole.len() { 4 } else { 0 };
        }
    }
    let Some(top) = mantissa.checked_ilog2() else { return Some(0.0) };
    let first = exponent + i64::from(top);
    if first > 1023 {
        return Some(f64::INFINITY);
    }
    // The place of the last bit that a float has at this size.
    let last = (first - 52).max(-1074);
    let dropped = last - exponent;
    let kept = match dropped {
        ..=0 => mantissa << -dropped,
        1..=64 => {
            let exact = u128::from(mantissa) << 64 >> dropped;
            let (kept, rest, half) = ((exact >> 64) as u64, exact as u64, 1 << 63);
            kept + u64::from(rest > half || rest == half && (more || kept & 1 == 1))
        }
        _ => 0,
    };
    let last = if last >= -1022 { ((last + 1023) as u64) << 52 } else { 1 << (last + 1074) };
    Some(kept as f64 * f64::from_bits(last))
}

/// In decimals, as short as it can be.
pub(super) fn written(number: f64) -> String {
    match number {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number => number.to_string(),
    }
}

/// Digits, and nothing else, as the index of an element. One that is too large for 64 bits goes round.
pub(super) fn index(text: &[u8]) -> Option<i64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits(text))
}

fn digits(text: &[u8]) -> i64 {
    text.iter().fold(0, |sum: i64, digit| sum.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')))
}

/// A number of an option, as a whole one: what has no place in 64 bits is the least of them.
pub(super) fn whole(number: f64, text: &[u8]) -> i64 {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    if (-EXACT..=EXACT).contains(&number) {
        return number as i64;
    }
    if let Some(whole) = signed(text) {
        return whole;
    }
    let fits = number >= i64::MIN as f64 && number < i64::MAX as f64;
    if fits { number as i64 } else { i64::MIN }
}

/// Digits, with a minus or without.
pub(super) fn signed(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', rest @ ..] => index(rest).map(i64::wrapping_neg),
        rest => index(rest),
    }
}
