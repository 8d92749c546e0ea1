//! Go's literals: quoted strings, characters, numbers.

use super::tree::Number;
use crate::text;
use crate::value::convert::{parse_float, parse_int, parse_uint};

/// `strconv.Unquote` of a "quoted" or `raw` string, quotes included.
pub(crate) fn unquote(literal: &str) -> Option<Vec<u8>> {
    let inner = literal.get(1..literal.len().checked_sub(1)?)?;
    if literal.starts_with('`') {
        // Carriage returns are no part of a raw string.
        return Some(inner.bytes().filter(|b| *b != b'\r').collect());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        rest = unescape(rest, '"', &mut out)?;
    }
    Some(out)
}

/// A character literal's code point.
pub(super) fn character(literal: &str) -> Option<i64> {
    let inner = literal.get(1..literal.len().checked_sub(1)?)?;
    let mut out = Vec::new();
    if !unescape(inner, '\'', &mut out)?.is_empty() {
        return None;
    }
    // '\xff' is 255, although the byte is no character.
    match out.as_slice() {
        [byte] => Some(i64::from(*byte)),
        bytes => Some(i64::from(u32::from(text::decode(bytes).0))),
    }
}

/// One character or escape; what follows it.
fn unescape<'a>(input: &'a str, quote: char, out: &mut Vec<u8>) -> Option<&'a str> {
    let mut chars = input.chars();
    let first = chars.next()?;
    if first != '\\' {
        if first == quote || first == '\n' {
            return None;
        }
        text::push(out, first);
        return Some(chars.as_str());
    }
    let digits = |chars: &std::str::Chars<'a>, count: usize, radix: u32| {
        let digits = chars.as_str().get(..count)?;
        if digits.starts_with(['+', '-']) {
            return None;
        }
        Some((u32::from_str_radix(digits, radix).ok()?, &chars.as_str()[count..]))
    };
    let escape = chars.next()?;
    let simple = match escape {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '"' | '\'' if escape == quote => u8::try_from(escape).ok()?,
        'x' => {
            let (code, rest) = digits(&chars, 2, 16)?;
            out.push(u8::try_from(code).ok()?);
            return Some(rest);
        }
        '0'..='7' => {
            let (code, rest) = (input.get(1..4)?, input.get(4..)?);
            out.push(u8::try_from(u32::from_str_radix(code, 8).ok()?).ok()?);
            return Some(rest);
        }
        'u' | 'U' => {
            let (code, rest) = digits(&chars, if escape == 'u' { 4 } else { 8 }, 16)?;
            text::push(out, char::from_u32(code)?);
            return Some(rest);
        }
        _ => return None,
    };
    out.push(simple);
    Some(chars.as_str())
}

/// A number as Go's `parse.newNumber` reads it; the message says why not.
pub(super) fn number(literal: &str) -> Result<Number, String> {
    let float_like = literal.contains(['.', 'e', 'E', 'p', 'P']);
    let lower = literal.to_ascii_lowercase();
    let hex_int = lower.starts_with("0x") && !lower.contains('p');
    let int = parse_int(literal, 0);
    let uint = parse_uint(literal, 0);
    #[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
    if let Some(n) = int {
        return Ok(Number { int, float: Some(n as f64), float_syntax: float_like && !hex_int });
    } else if let Some(n) = uint {
        return Ok(Number { int: None, float: Some(n as f64), float_syntax: false });
    }
    let float = parse_float(&literal.replace('_', ""))
        .ok_or_else(|| format!("illegal number syntax: {literal:?}"))?;
    if !float_like {
        return Err(format!("integer overflow: {literal:?}"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "whole?"
    )]
    let int = Some(float as i64).filter(|n| *n as f64 == float);
    Ok(Number { int, float: Some(float), float_syntax: true })
}

/// A character as a number.
pub(super) fn character_number(literal: &str) -> Result<Number, String> {
    let code = character(literal).ok_or("malformed character constant")?;
    #[expect(clippy::cast_precision_loss, reason = "a code point has 21 bits")]
    Ok(Number { int: Some(code), float: Some(code as f64), float_syntax: false })
}
