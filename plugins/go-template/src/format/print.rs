//! `%v`: a value as text, as `{{ . }}`, `print` and sprig's `strval` show it.

use super::float;
use crate::text::Text;
use crate::value::{Value, Width};

/// Maps and lists inside one another; a deeper one would overflow the stack.
const MAX_DEPTH: usize = 100;

/// `fmt.Sprint` of one value.
pub(crate) fn show(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    append(value, &mut out, 0);
    out
}

/// The same as a shared string, without copying one.
pub(crate) fn show_text(value: &Value) -> Text {
    match value {
        Value::Str(text) => Text::clone(text),
        other => show(other).into(),
    }
}

pub(super) fn append(value: &Value, out: &mut Vec<u8>, depth: usize) {
    if depth > MAX_DEPTH {
        out.extend_from_slice(b"...");
        return;
    }
    match value {
        Value::Nil => out.extend_from_slice(b"<nil>"),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Int(n, width) => out.extend_from_slice(integer(*n, *width).as_bytes()),
        Value::Float(f) => out.extend_from_slice(float::format(*f, 'g', None).as_bytes()),
        Value::Str(text) => out.extend_from_slice(text),
        Value::List(list) => {
            out.push(b'[');
            for (index, item) in list.items.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                append(item, out, depth + 1);
            }
            out.push(b']');
        }
        Value::Map(map) => {
            out.extend_from_slice(b"map[");
            for (index, (key, item)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(key);
                out.push(b':');
                append(item, out, depth + 1);
            }
            out.push(b']');
        }
        Value::Time(time) => out.extend_from_slice(time.to_string().as_bytes()),
        Value::Version(version) => out.extend_from_slice(version.to_string().as_bytes()),
        Value::Certificate(issued) => {
            out.extend_from_slice(&[b"{", &*issued.cert, b" ", &*issued.key, b"}"].concat());
        }
    }
}

/// Months and weekdays have names.
pub(super) fn integer(n: i64, width: Width) -> String {
    let named = |names: &[&str], index: i64| {
        usize::try_from(index).ok().and_then(|i| names.get(i).map(|s| (*s).to_owned()))
    };
    match width {
        Width::Month => named(&crate::time::MONTHS, n - 1).unwrap_or_else(|| format!("%!Month({n})")),
        Width::Weekday => named(&crate::time::DAYS, n).unwrap_or_else(|| format!("%!Weekday({n})")),
        Width::Uint64 => n.cast_unsigned().to_string(),
        _ => n.to_string(),
    }
}

/// `fmt.Sprint`: a space between two arguments where neither is a string.
pub(crate) fn sprint(args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 && !matches!((&args[index - 1], arg), (Value::Str(_), _) | (_, Value::Str(_))) {
            out.push(b' ');
        }
        append(arg, &mut out, 0);
    }
    out
}

/// `fmt.Sprintln`: always a space, and a line end.
pub(crate) fn sprintln(args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        append(arg, &mut out, 0);
    }
    out.push(b'\n');
    out
}
