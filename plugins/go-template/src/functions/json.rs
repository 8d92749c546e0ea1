//! JSON as Go's encoding/json writes it: keys in order, `<`, `>`, `&` escaped unless raw, floats without
//! needless exponents. Reading gives float64 for every number.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::args::{any, bytes, refuse, string};
use super::{Env, Function, Outcome, function};
use crate::error::EngineError;
use crate::format::float;
use crate::text::{self, chars, is_invalid, push};
use crate::time::layout;
use crate::value::{Map, Value, Width};

pub(super) const TABLE: &[Function] = &[
    function("toJson", "a", |_, args| or_empty(json(any(args, 0), Style::HTML))),
    function("mustToJson", "a", |_, args| string("toJson", json(any(args, 0), Style::HTML)?)),
    function("toPrettyJson", "a", |_, args| or_empty(json(any(args, 0), Style::PRETTY))),
    function("mustToPrettyJson", "a", |_, args| string("toPrettyJson", json(any(args, 0), Style::PRETTY)?)),
    function("toRawJson", "a", |_, args| string("toRawJson", json(any(args, 0), Style::RAW)?)),
    function("mustToRawJson", "a", |_, args| string("toRawJson", json(any(args, 0), Style::RAW)?)),
    function("fromJson", "s", |env, args| from_json(env, args).or(Ok(Value::Nil))),
    function("mustFromJson", "s", from_json),
];

fn or_empty(text: Result<Vec<u8>, EngineError>) -> Outcome {
    string("toJson", text.unwrap_or_default())
}

/// How JSON is written.
#[derive(Clone, Copy)]
pub(super) struct Style {
    escape_html: bool,
    indent: bool,
}

impl Style {
    const HTML: Self = Self { escape_html: true, indent: false };
    const PRETTY: Self = Self { escape_html: true, indent: true };
    const RAW: Self = Self { escape_html: false, indent: false };
}

fn json(value: &Value, style: Style) -> Result<Vec<u8>, EngineError> {
    let mut out = Vec::new();
    write(value, style, 0, &mut out)?;
    Ok(out)
}

fn write(value: &Value, style: Style, depth: usize, out: &mut Vec<u8>) -> Result<(), EngineError> {
    if depth > 100 {
        return refuse("json: the value is nested deeper than 100");
    }
    crate::limits::check_size("json", out.len())?;
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Bool(flag) => out.extend_from_slice(flag.to_string().as_bytes()),
        Value::Int(n, Width::Uint64) => out.extend_from_slice(n.cast_unsigned().to_string().as_bytes()),
        Value::Int(n, _) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Float(f) if f.is_finite() => out.extend_from_slice(number(*f).as_bytes()),
        Value::Float(_) => return refuse("json: unsupported value: not a finite number"),
        Value::Str(text) => quoted(text, style, out),
        Value::Time(time) => {
            let text = layout::format("2006-01-02T15:04:05.999999999Z07:00", time);
            quoted(text.as_bytes(), style, out);
        }
        Value::Version(version) => quoted(version.to_string().as_bytes(), style, out),
        Value::Certificate(issued) => write(&issued.as_map(), style, depth, out)?,
        Value::List(list) if list.nil => out.extend_from_slice(b"null"),
        Value::List(list) => {
            out.push(b'[');
            for (index, item) in list.items.iter().enumerate() {
                separate(index, style, depth + 1, out);
                write(item, style, depth + 1, out)?;
            }
            end(list.items.len(), style, depth, out);
            out.push(b']');
        }
        Value::Map(map) => {
            let entries = map.entries();
            out.push(b'{');
            for (index, (key, item)) in entries.iter().enumerate() {
                separate(index, style, depth + 1, out);
                quoted(key, style, out);
                out.extend_from_slice(if style.indent { b": " } else { b":" });
                write(item, style, depth + 1, out)?;
            }
            end(entries.len(), style, depth, out);
            out.push(b'}');
        }
    }
    Ok(())
}

fn line(style: Style, depth: usize, out: &mut Vec<u8>) {
    if style.indent {
        out.push(b'\n');
        out.resize(out.len() + depth * 2, b' ');
    }
}

fn separate(index: usize, style: Style, depth: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
    line(style, depth, out);
}

fn end(length: usize, style: Style, depth: usize, out: &mut Vec<u8>) {
    if length > 0 {
        line(style, depth, out);
    }
}

/// As JavaScript writes numbers.
pub(super) fn number(f: f64) -> String {
    let size = f.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return float::format(f, 'f', None);
    }
    // "e-09" is "e-9".
    let text = float::format(f, 'e', None);
    match text.split_once("e-0") {
        Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
        None => text,
    }
}

fn quoted(text: &[u8], style: Style, out: &mut Vec<u8>) {
    out.push(b'"');
    for (at, c, _) in chars(text) {
        match c {
            '"' | '\\' => {
                out.push(b'\\');
                push(out, c);
            }
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '<' | '>' | '&' if style.escape_html => escape(c, out),
            c if u32::from(c) < 0x20 || matches!(c, '\u{2028}' | '\u{2029}') => escape(c, out),
            c if c == char::REPLACEMENT_CHARACTER && is_invalid(&text[at..]) => {
                out.extend_from_slice(b"\\ufffd")
            }
            c => push(out, c),
        }
    }
    out.push(b'"');
}

fn escape(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
}

fn from_json(_: &Env, args: &[Value]) -> Outcome {
    // Go reads bytes that are no UTF-8 as U+FFFD.
    match serde_json::from_str::<Json>(&text::lossy(bytes(args, 0))) {
        Ok(json) => Ok(from(json)),
        // The parser's message quotes the text.
        Err(error) => refuse(format!("invalid JSON at line {} column {}", error.line(), error.column())),
    }
}

/// A parsed document as a value.
fn from(json: Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(0.0)),
        Json::String(text) => Value::str(text),
        Json::Array(items) => Value::list(items.into_iter().map(from).collect()),
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key.as_bytes().into(), from(value)));
            Value::Map(Map::new(entries.collect::<BTreeMap<_, _>>()))
        }
    }
}
