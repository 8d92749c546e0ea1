//! Strings: trimming, finding, cutting, joining, padding. All of it on bytes, as in Go.

use super::args::{any, bytes, int, refuse, string, text};
use super::{Env, Function, Outcome, function};
use crate::error::EngineError;
use crate::format::{print, quote};
use crate::limits::check_size;
use crate::text::{self, Text};
use crate::value::{Element, Map, Value};

pub(super) const TABLE: &[Function] = &[
    function("trim", "s", |_, args| Ok(Value::str(text::trim_space(bytes(args, 0))))),
    function("upper", "s", |_, args| string("upper", text::map(bytes(args, 0), text::upper))),
    function("lower", "s", |_, args| string("lower", text::map(bytes(args, 0), text::lower))),
    function("trimAll", "ss", trim_all),
    function("trimall", "ss", trim_all),
    function("trimPrefix", "ss", |_, args| {
        let text = bytes(args, 1);
        Ok(Value::str(text.strip_prefix(bytes(args, 0)).unwrap_or(text)))
    }),
    function("trimSuffix", "ss", |_, args| {
        let text = bytes(args, 1);
        Ok(Value::str(text.strip_suffix(bytes(args, 0)).unwrap_or(text)))
    }),
    function("substr", "iis", substr),
    function("trunc", "is", trunc),
    function("repeat", "is", |_, args| {
        let (count, text) = (int(args, 0), bytes(args, 1));
        let Ok(count) = usize::try_from(count) else { return refuse("strings: negative Repeat count") };
        check_size("repeat", text.len().saturating_mul(count))?;
        Ok(Value::str(text.repeat(count)))
    }),
    function("contains", "ss", |_, args| {
        Ok(Value::Bool(text::find(bytes(args, 1), bytes(args, 0)).is_some()))
    }),
    function("hasPrefix", "ss", |_, args| Ok(Value::Bool(bytes(args, 1).starts_with(bytes(args, 0))))),
    function("hasSuffix", "ss", |_, args| Ok(Value::Bool(bytes(args, 1).ends_with(bytes(args, 0))))),
    function("replace", "sss", |_, args| {
        let (old, new, text) = (bytes(args, 0), bytes(args, 1), bytes(args, 2));
        // Before replacing, since the result is what may be large.
        let times = if old.is_empty() { text.len() + 1 } else { text.len() / old.len() };
        check_size("replace", text.len().saturating_add(new.len().saturating_mul(times))).or_else(|_| {
            check_size(
                "replace",
                text::replace(text, old, b"")
                    .len()
                    .saturating_add(count(text, old).saturating_mul(new.len())),
            )
        })?;
        Ok(Value::str(text::replace(text, old, new)))
    }),
    function("quote", "*a", |_, args| {
        string("quote", spaced(args, |value| quote::quote(&text(value), '"', false)))
    }),
    function("squote", "*a", |_, args| {
        string("squote", spaced(args, |value| [b"'", &*text(value), b"'"].concat()))
    }),
    function("cat", "*a", |_, args| string("cat", spaced(args, print::show))),
    function("indent", "is", |_, args| indent(args).map(Value::str)),
    function("nindent", "is", |_, args| Ok(Value::str([b"\n", indent(args)?.as_slice()].concat()))),
    function("plural", "ssi", |_, args| Ok(any(args, usize::from(int(args, 2) != 1)).clone())),
    function("join", "sa", |_, args| {
        let parts = strings_of(any(args, 1));
        string("join", parts.join(bytes(args, 0)))
    }),
    function("split", "ss", |_, args| Ok(numbered(&text::split(bytes(args, 1), bytes(args, 0), -1)))),
    function("splitn", "sis", |_, args| {
        Ok(numbered(&text::split(bytes(args, 2), bytes(args, 0), int(args, 1))))
    }),
    function("splitList", "ss", |_, args| {
        let parts = text::split(bytes(args, 1), bytes(args, 0), -1);
        Ok(Value::list_of(Element::Str, parts.into_iter().map(Value::str).collect()))
    }),
    function("toString", "a", |_, args| string("toString", text(any(args, 0)))),
    function("toStrings", "a", |_, args| {
        let parts = strings_of(any(args, 0)).into_iter().map(Value::Str).collect();
        Ok(Value::list_of(Element::Str, parts))
    }),
    function("sortAlpha", "a", |_, args| {
        let mut parts = strings_of(any(args, 0));
        if matches!(any(args, 0), Value::Nil) {
            parts = vec![text(&Value::Nil)];
        }
        parts.sort();
        Ok(Value::list_of(Element::Str, parts.into_iter().map(Value::Str).collect()))
    }),
    function("hello", "", |_, _| Ok(Value::str("Hello!"))),
];

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    if needle.is_empty() {
        text::chars(haystack).count() + 1
    } else {
        memchr::memmem::find_iter(haystack, needle).count()
    }
}

fn trim_all(_: &Env, args: &[Value]) -> Outcome {
    let cut = text::lossy(bytes(args, 0)).into_owned();
    Ok(Value::str(text::trim(bytes(args, 1), |c| cut.contains(c))))
}

fn substr(_: &Env, args: &[Value]) -> Outcome {
    let (start, end, text) = (int(args, 0), int(args, 1), bytes(args, 2));
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let (start, end) = match (start, end) {
        (..0, end) => (0, end),
        (start, end) if end < 0 || end > length => (start, length),
        range => range,
    };
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(start, end)| text.get(start..end)) {
        Some(part) => Ok(Value::str(part)),
        None => refuse(format!("slice bounds out of range [{start}:{end}]")),
    }
}

fn trunc(_: &Env, args: &[Value]) -> Outcome {
    let (count, text) = (int(args, 0), bytes(args, 1));
    let length = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    Ok(Value::str(match text.len().checked_sub(length) {
        Some(rest) if count < 0 && rest > 0 => &text[rest..],
        Some(_) if count >= 0 => &text[..length],
        _ => text,
    }))
}

fn indent(args: &[Value]) -> Result<Vec<u8>, EngineError> {
    let (spaces, text) = (int(args, 0), bytes(args, 1));
    let Ok(spaces) = usize::try_from(spaces) else { return refuse("strings: negative Repeat count") };
    let lines = memchr::memchr_iter(b'\n', text).count() + 1;
    check_size("indent", text.len().saturating_add(lines.saturating_mul(spaces)))?;
    let pad = vec![b' '; spaces];
    let mut out = pad.clone();
    out.extend(text::replace(text, b"\n", &[b"\n", pad.as_slice()].concat()));
    Ok(out)
}

/// Each value that is not nil, with spaces between.
fn spaced(args: &[Value], show: impl Fn(&Value) -> Vec<u8>) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = args.iter().filter(|arg| !matches!(arg, Value::Nil)).map(show).collect();
    parts.join(&b' ')
}

/// sprig's `strslice`: the elements as texts, without nils; anything else as one.
pub(super) fn strings_of(value: &Value) -> Vec<Text> {
    match value {
        Value::List(list) => list.items.iter().filter(|item| !matches!(item, Value::Nil)).map(text).collect(),
        Value::Nil => Vec::new(),
        other => vec![text(other)],
    }
}

/// `_0`, `_1`, …
fn numbered(parts: &[&[u8]]) -> Value {
    let entries =
        parts.iter().enumerate().map(|(n, part)| (Text::from(format!("_{n}").as_bytes()), Value::str(part)));
    Value::Map(Map::of_strings(entries.collect()))
}
