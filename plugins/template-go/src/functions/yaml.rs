//! `toYaml` and `fromYaml` as ESO has them: sigs.k8s.io/yaml, which writes by go-yaml v2. Writing goes by
//! way of JSON there, so that 1000000.0 is written 1000000 and times are strings.

use std::cmp::Ordering;

use super::args::{any, bytes, string};
use super::yaml_read::{Plain, is_timestamp, read, resolve};
use super::{Env, Function, Outcome, function};
use crate::error::EngineError;
use crate::format::float;
use crate::text;
use crate::time::layout;
use crate::value::{Map, Value, Width};

pub(super) const TABLE: &[Function] = &[
    function("toYaml", "a", |_, args| {
        let mut out = String::new();
        match block(any(args, 0), 0, Place::Root, &mut out) {
            Ok(()) => string("toYaml", out.strip_suffix('\n').unwrap_or(&out)),
            Err(_) => Ok(Value::str("")),
        }
    }),
    function("fromYaml", "s", from_yaml),
];

fn from_yaml(_: &Env, args: &[Value]) -> Outcome {
    let failed = |why: &str| {
        let map = Map::new(std::collections::BTreeMap::new());
        map.insert(b"Error".as_slice().into(), Value::str(why));
        Value::Map(map)
    };
    Ok(match read(&text::lossy(bytes(args, 0))) {
        Ok(value @ Value::Map(_)) => value,
        Ok(Value::Nil) => Value::Map(Map::new(std::collections::BTreeMap::new())),
        // Without the parser's words, which may quote the document.
        Ok(_) => failed("error unmarshaling JSON: the document is no mapping"),
        Err(why) => failed(&format!("error converting YAML to JSON: {why}")),
    })
}

/// Where a value is written; it decides what goes before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// Behind `key:`.
    Value,
    /// Behind `- `.
    Item,
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn scalar(text: &str, place: Place, out: &mut String) {
    if place == Place::Value {
        out.push(' ');
    }
    out.push_str(text);
    out.push('\n');
}

/// Writes a value and a line end. `indent` is that of the lines of this block.
fn block(value: &Value, indent: usize, place: Place, out: &mut String) -> Result<(), EngineError> {
    crate::limits::check_size("toYaml", out.len())?;
    if indent > 200 {
        return Err(EngineError::function("toYaml: the value is nested deeper than 100"));
    }
    match value {
        Value::Nil => scalar("null", place, out),
        Value::Bool(flag) => scalar(if *flag { "true" } else { "false" }, place, out),
        Value::Int(n, Width::Uint64) => scalar(&n.cast_unsigned().to_string(), place, out),
        Value::Int(n, _) => scalar(&n.to_string(), place, out),
        Value::Float(f) if !f.is_finite() => return Err(EngineError::function("json: unsupported value")),
        Value::Float(f) => scalar(&number(*f), place, out),
        Value::Str(text) => written(&text::lossy(text), indent, place, out),
        Value::Time(time) => {
            written(&layout::format("2006-01-02T15:04:05.999999999Z07:00", time), indent, place, out);
        }
        Value::Version(version) => written(&version.to_string(), indent, place, out),
        Value::List(list) if list.nil => scalar("null", place, out),
        Value::List(list) if list.items.is_empty() => scalar("[]", place, out),
        Value::List(list) => {
            // In a mapping the dashes stand under the key.
            let indent = if place == Place::Value { indent - 2 } else { indent };
            if place == Place::Value {
                out.push('\n');
            }
            for (index, item) in list.items.iter().enumerate() {
                if index > 0 || place != Place::Item {
                    pad(indent, out);
                }
                out.push_str("- ");
                block(item, indent + 2, Place::Item, out)?;
            }
        }
        Value::Map(map) if map.len() == 0 => scalar("{}", place, out),
        Value::Map(map) => {
            if place == Place::Value {
                out.push('\n');
            }
            let entries = map.entries();
            let mut entries: Vec<_> = entries.iter().map(|(key, item)| (text::lossy(key), item)).collect();
            entries.sort_by(|(a, _), (b, _)| natural(a, b));
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 || place != Place::Item {
                    pad(indent, out);
                }
                match style(key) {
                    Style::Plain => out.push_str(key),
                    Style::Single => out.push_str(&single(key)),
                    Style::Double | Style::Literal => out.push_str(&double(key)),
                }
                out.push(':');
                block(item, indent + 2, Place::Value, out)?;
            }
        }
    }
    Ok(())
}

/// JSON writes whole floats as integers, and YAML reads them as such.
fn number(f: f64) -> String {
    let json = super::json::number(f);
    if json.contains(['.', 'e']) { float::format(f, 'g', None) } else { json }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

fn written(text: &str, indent: usize, place: Place, out: &mut String) {
    match style(text) {
        Style::Plain => scalar(text, place, out),
        Style::Single => scalar(&single(text), place, out),
        Style::Double => scalar(&double(text), place, out),
        Style::Literal => {
            let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
            let chomp = match text.strip_suffix('\n') {
                None => "-",
                Some(rest) if rest.is_empty() || rest.ends_with('\n') => "+",
                Some(_) => "",
            };
            let indent = if place == Place::Root { 2 } else { indent };
            if place == Place::Value {
                out.push(' ');
            }
            out.push_str(&format!("|{hint}{chomp}\n"));
            for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
                if !line.is_empty() {
                    pad(indent, out);
                    out.push_str(line);
                }
                out.push('\n');
            }
        }
    }
}

/// libyaml's `is_printable`: no tab, and nothing beyond the basic plane.
fn printable(c: char) -> bool {
    matches!(u32::from(c), 0x0a | 0x20..=0x7e | 0xa0..=0xd7ff | 0xe000..=0xfefe | 0xff00..=0xfffd)
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// libyaml's `analyze_scalar` and `select_scalar_style`, for blocks.
fn style(text: &str) -> Style {
    if text.is_empty() {
        return Style::Double;
    }
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (mut special, mut breaks, mut space_break, mut break_space) = (false, false, false, false);
    let mut previous = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let blank_follows = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
        let blank_before = previous.is_none_or(|p| matches!(p, ' ' | '\t' | '\0') || is_break(p));
        indicators |= match c {
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                previous.is_none()
            }
            '#' => blank_before,
            '?' | '-' => previous.is_none() && blank_follows,
            ':' => blank_follows,
            _ => false,
        };
        special |= !printable(c);
        if c == ' ' {
            break_space |= previous.is_some_and(is_break);
        } else if is_break(c) {
            breaks = true;
            space_break |= previous == Some(' ');
        }
        previous = Some(c);
    }
    let edge = |c: char| c == ' ' || is_break(c);
    let multi = text.contains('\n');
    let plain = !(indicators
        || special
        || breaks
        || space_break
        || break_space
        || text.starts_with(edge)
        || text.ends_with(edge));
    let resolved =
        matches!(resolve(text), Plain::Text | Plain::Merge) && !is_base60(text) && !is_timestamp(text);
    if multi {
        if special || space_break || text.ends_with(' ') { Style::Double } else { Style::Literal }
    } else if !resolved || special || space_break || break_space {
        Style::Double
    } else if plain {
        Style::Plain
    } else {
        Style::Single
    }
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`: a number to older parsers.
fn is_base60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if !first.starts_with(|c: char| c.is_ascii_digit()) || !digits(first) {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    !rest.is_empty()
        && rest.iter().enumerate().all(|(index, part)| {
            let part = match part.split_once('.') {
                Some((whole, fraction)) if index + 1 == rest.len() && digits(fraction) => whole,
                _ => part,
            };
            match part.as_bytes() {
                [digit] => digit.is_ascii_digit(),
                [b'0'..=b'5', digit] => digit.is_ascii_digit(),
                _ => false,
            }
        })
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        let short = match c {
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{85}' => "\\N",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            c if printable(c) => {
                out.push(c);
                continue;
            }
            c if u32::from(c) <= 0xff => {
                out.push_str(&format!("\\x{:02X}", u32::from(c)));
                continue;
            }
            c if u32::from(c) <= 0xffff => {
                out.push_str(&format!("\\u{:04X}", u32::from(c)));
                continue;
            }
            c => {
                out.push_str(&format!("\\U{:08X}", u32::from(c)));
                continue;
            }
        };
        out.push_str(short);
    }
    out.push('"');
    out
}

/// go-yaml's order of keys: numbers inside by their value, letters last.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    for at in 0..a.len().min(b.len()) {
        let (x, y) = (a[at], b[at]);
        if x == y {
            continue;
        }
        match (x.is_alphabetic(), y.is_alphabetic()) {
            (true, true) => return x.cmp(&y),
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        let mut start = 0;
        if x == '0' || y == '0' {
            // Inside a number that has begun before, a zero counts.
            let before = a[..at].iter().rev().take_while(|c| c.is_numeric());
            start = i64::from(before.into_iter().any(|c| *c != '0'));
        }
        let run = |text: &[char]| {
            let digits: Vec<char> = text[at..].iter().copied().take_while(|c| c.is_numeric()).collect();
            let value = digits.iter().fold(start, |sum: i64, digit| {
                sum.wrapping_mul(10).wrapping_add(i64::from(u32::from(*digit)) - i64::from(u32::from('0')))
            });
            (value, digits.len())
        };
        let ((left, left_length), (right, right_length)) = (run(&a), run(&b));
        return left.cmp(&right).then(left_length.cmp(&right_length)).then(x.cmp(&y));
    }
    a.len().cmp(&b.len())
}
