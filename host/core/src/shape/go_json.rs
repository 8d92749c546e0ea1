//! JSON as Go's encoding/json reads and writes it, where ESO goes through it and the text does not stay as it was:
//! numbers are float64, keys are in order, and what cannot be Unicode becomes U+FFFD.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::secret::SecretBytes;

/// An object, or none; `null` is an empty one, as for a Go map.
pub(super) fn object(text: &[u8]) -> Option<BTreeMap<String, Value>> {
    let text = String::from_utf8_lossy(text);
    serde_json::from_str::<Option<BTreeMap<String, Value>>>(&paired(&text))
        .ok()
        .map(Option::unwrap_or_default)
}

/// A text of JSON without halves of surrogate pairs, which Go replaces and serde refuses.
pub(crate) fn paired(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains("\\u") {
        return text.into();
    }
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let high = if c == '\\' { unit(at) } else { None };
        let taken = match high {
            Some(0xd800..0xdc00) if matches!(unit(at + 6), Some(0xdc00..0xe000)) => 12,
            Some(0xd800..0xe000) => {
                out.push_str("\\ufffd");
                at += 6;
                continue;
            }
            // Both characters of an escape, so that the second of `\\\\` begins none.
            None if c == '\\' => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            _ => c.len_utf8(),
        };
        out.push_str(&text[at..at + taken]);
        at += taken;
    }
    out.into()
}

/// ESO's `GetByteValue`: texts as they are, numbers in decimals, nothing of a null, the rest as JSON for HTML.
pub(super) fn value_of_secret(value: &Value) -> SecretBytes {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(number) => {
            number.as_f64().map_or_else(|| number.to_string(), |float| float.to_string())
        }
        Value::Bool(flag) => flag.to_string(),
        Value::Array(_) | Value::Object(_) => {
            let mut out = String::new();
            write(value, true, &mut out);
            out
        }
    };
    SecretBytes::new(text.into_bytes())
}

/// A map as one object.
pub(super) fn written(map: &BTreeMap<String, Value>) -> SecretBytes {
    let mut out = String::new();
    write_object(map.iter(), false, &mut out);
    SecretBytes::new(out.into_bytes())
}

/// A map of bytes as one object of texts. Each byte that is no part of UTF-8 becomes an escaped U+FFFD, as Go's encoder
/// has it.
pub(crate) fn texts<V: Borrow<SecretBytes>>(map: &BTreeMap<String, V>) -> SecretBytes {
    let size = map.values().map(|value| value.borrow().len() + 16).sum::<usize>();
    let mut out = Zeroizing::new(String::with_capacity(2 + size));
    out.push('{');
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(key, false, &mut out);
        out.push(':');
        write_bytes(value.borrow().expose(), &mut out);
    }
    out.push('}');
    SecretBytes::copied_from(out.as_bytes())
}

/// Bytes as one text, in quotes; see [`texts`].
pub(crate) fn text_of(value: &[u8]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(6 * value.len() + 2));
    write_bytes(value, &mut out);
    out
}

fn write_bytes(value: &[u8], out: &mut String) {
    out.push('"');
    let mut rest = value;
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        // It is, by what was just asked.
        std::str::from_utf8(&rest[..valid])
            .unwrap_or_default()
            .chars()
            .for_each(|c| write_char(c, false, out));
        rest = &rest[valid..];
        if !rest.is_empty() {
            out.push_str("\\ufffd");
            rest = &rest[1..];
        }
    }
    out.push('"');
}

fn write(value: &Value, html: bool, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(&flag.to_string()),
        Value::Number(number) => out.push_str(&number.as_f64().map_or_else(|| number.to_string(), float)),
        Value::String(text) => write_text(text, html, out),
        Value::Array(list) => {
            out.push('[');
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(value, html, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            write_object(sorted.into_iter(), html, out);
        }
    }
}

fn write_object<'a>(entries: impl Iterator<Item = (&'a String, &'a Value)>, html: bool, out: &mut String) {
    out.push('{');
    for (index, (key, value)) in entries.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(key, html, out);
        out.push(':');
        write(value, html, out);
    }
    out.push('}');
}

/// Decimals, but for what is very small or very large.
fn float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
        _ => text,
    }
}

fn write_text(text: &str, html: bool, out: &mut String) {
    out.push('"');
    text.chars().for_each(|c| write_char(c, html, out));
    out.push('"');
}

fn write_char(c: char, html: bool, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '<' | '>' | '&' if html => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        c => out.push(c),
    }
}
