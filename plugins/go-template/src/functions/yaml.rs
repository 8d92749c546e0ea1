//! `toYaml` and `fromYaml` as ESO has them: sigs.k8s.io/yaml, which writes by go-yaml v2. Writing goes by
//! way of JSON there, so that 1000000.0 is written 1000000 and times are strings.

use std::cmp::Ordering;

use super::args::{any, bytes, string};
use super::yaml_read::read;
use super::yaml_scalar::{Style, style, write};
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
        Ok(other) => failed(&format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type \
             map[string]interface {{}}",
            match other {
                Value::Str(_) => "string",
                Value::Bool(_) => "bool",
                Value::List(_) => "array",
                _ => "number",
            }
        )),
        // Without the parser's words, which may quote the document.
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
        Value::Certificate(issued) => block(&issued.as_map(), indent, place, out)?,
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
                write(key, style(key), None, out);
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

fn written(text: &str, indent: usize, place: Place, out: &mut String) {
    let indent = if place == Place::Root { 2 } else { indent };
    if place == Place::Value {
        out.push(' ');
    }
    let style = style(text);
    if style != Style::Literal {
        write(text, style, Some(indent), out);
        out.push('\n');
        return;
    }
    let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
    let chomp = match text.strip_suffix('\n') {
        None => "-",
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => "+",
        Some(_) => "",
    };
    out.push_str(&format!("|{hint}{chomp}\n"));
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.is_empty() {
            pad(indent, out);
            out.push_str(line);
        }
        out.push('\n');
    }
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
