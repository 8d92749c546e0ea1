//! Numbers from anything, as spf13/cast does for sprig: what is no number is 0. And Go's number texts.

use super::{Value, Width};
use crate::text::lossy;

/// `cast.ToInt64`.
pub(crate) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(n, _) => *n,
        Value::Float(f) => truncate(*f),
        Value::Str(text) => parse_int(&trim_decimal(&lossy(text)), 0).unwrap_or(0),
        Value::Bool(flag) => i64::from(*flag),
        _ => 0,
    }
}

/// Go's int64(f) on amd64: what does not fit is the least integer.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn truncate(f: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&f) { f as i64 } else { i64::MIN }
}

/// `cast.ToFloat64`.
pub(crate) fn to_float(value: &Value) -> f64 {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
        Value::Int(n, Width::Uint64) => n.cast_unsigned() as f64,
        #[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
        Value::Int(n, _) => *n as f64,
        Value::Float(f) => *f,
        Value::Str(text) => parse_float(&lossy(text)).unwrap_or(0.0),
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        _ => 0.0,
    }
}

/// The whole part of a decimal ("12.5" is "12"), as cast has it since 1.8; other texts stay.
fn trim_decimal(text: &str) -> String {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) if digits(whole.trim_start_matches(['-', '+'])) && digits(fraction) => {
            match whole {
                "" | "-" | "+" => format!("{whole}0"),
                _ => whole.to_owned(),
            }
        }
        _ => text.to_owned(),
    }
}

/// `strconv.ParseUint`; base 0 takes 0x, 0o, 0b, a leading 0 and underscores.
pub(crate) fn parse_uint(text: &str, base: u32) -> Option<u64> {
    let (digits, base) = if base == 0 {
        let lower = text.to_ascii_lowercase();
        let (prefix, rest, base) = match lower.as_bytes() {
            [b'0', b'x', ..] => ("0x", &text[2..], 16),
            [b'0', b'o', ..] => ("0o", &text[2..], 8),
            [b'0', b'b', ..] => ("0b", &text[2..], 2),
            [b'0', _, ..] => ("0", &text[1..], 8),
            _ => ("", text, 10),
        };
        if rest.contains('_') {
            // An underscore stands between digits, or between the prefix and a digit.
            let padded = if prefix.is_empty() { rest.to_owned() } else { format!("0{rest}") };
            if padded.starts_with('_') || padded.ends_with('_') || padded.contains("__") {
                return None;
            }
        }
        (rest.replace('_', ""), base)
    } else {
        (text.to_owned(), base)
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&digits, base).ok()
}

/// `strconv.ParseInt`.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = i128::from(parse_uint(digits, base)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// `strconv.ParseFloat`: decimal and hexadecimal, infinities and NaN; underscores only in literals, which
/// the caller has removed.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        let value = hex_float(hex)?;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    match lower.as_str() {
        "inf" | "infinity" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    if !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    // Go refuses what is out of range; Rust answers infinity.
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

fn hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let value = u64::from_str_radix(&digits, 16).ok()?;
    let scale = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(fraction.len()).ok()? * 4)?;
    #[expect(clippy::cast_precision_loss, reason = "a mantissa of more than 53 bits is rounded")]
    Some(value as f64 * 2f64.powi(scale)).filter(|value| value.is_finite())
}
