//! text/template's own functions.

use std::cmp::Ordering;

use super::args::{any, bytes, refuse, string};
use super::{Env, Function, Outcome, function};
use crate::error::EngineError;
use crate::format::{print, sprintf};
use crate::text::{Text, chars, push};
use crate::value::{Value, Width, equal};

pub(super) const TABLE: &[Function] = &[
    // The executor stops these two early and never calls them.
    function("and", "a*a", |_, args| Ok(args.last().cloned().unwrap_or(Value::Nil))),
    function("or", "a*a", |_, args| Ok(args.last().cloned().unwrap_or(Value::Nil))),
    function("not", "a", |_, args| Ok(Value::Bool(!any(args, 0).truth()))),
    function("len", "a", len),
    function("index", "a*a", index),
    function("call", "a*a", |_, args| refuse(format!("non-function of type {}", any(args, 0).type_name()))),
    function("print", "*a", |_, args| string("print", print::sprint(args))),
    function("println", "*a", |_, args| string("println", print::sprintln(args))),
    function("printf", "s*a", |_, args| string("printf", sprintf::sprintf(bytes(args, 0), &args[1..])?)),
    function("html", "*a", |_, args| string("html", html(&joined(args)))),
    function("js", "*a", |_, args| string("js", js(&joined(args)))),
    function("urlquery", "*a", |_, args| string("urlquery", super::urls::query_escape(&joined(args)))),
    function("eq", "a*a", |_, args| {
        if args.len() < 2 {
            return refuse("missing argument for comparison");
        }
        for other in &args[1..] {
            if equal::eq(any(args, 0), other)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
    function("ne", "aa", |_, args| Ok(Value::Bool(!equal::eq(any(args, 0), any(args, 1))?))),
    function("lt", "aa", |_, args| compare(args, |order| order == Some(Ordering::Less))),
    function("le", "aa", |_, args| {
        compare(args, |order| matches!(order, Some(Ordering::Less | Ordering::Equal)))
    }),
    // Go derives these two from `le` and `lt`, so that NaN is greater than everything.
    function("gt", "aa", |_, args| {
        compare(args, |order| !matches!(order, Some(Ordering::Less | Ordering::Equal)))
    }),
    function("ge", "aa", |_, args| compare(args, |order| order != Some(Ordering::Less))),
];

fn compare(args: &[Value], holds: impl Fn(Option<Ordering>) -> bool) -> Outcome {
    Ok(Value::Bool(holds(equal::order(any(args, 0), any(args, 1))?)))
}

fn len(_: &Env, args: &[Value]) -> Outcome {
    match any(args, 0) {
        Value::Str(text) => Ok(Value::size(text.len())),
        Value::List(list) => Ok(Value::size(list.items.len())),
        Value::Map(map) => Ok(Value::size(map.len())),
        Value::Nil => refuse("len of nil pointer"),
        other => refuse(format!("len of type {}", other.type_name())),
    }
}

fn position(index: &Value, length: usize) -> Result<usize, EngineError> {
    match index {
        Value::Int(n, width) if *width != Width::Uint64 => match usize::try_from(*n) {
            Ok(at) if at < length => Ok(at),
            _ => refuse(format!("index out of range: {n}")),
        },
        Value::Nil => refuse("cannot index slice/array with nil"),
        other => refuse(format!("cannot index slice/array with type {}", other.type_name())),
    }
}

fn index(_: &Env, args: &[Value]) -> Outcome {
    let mut item = any(args, 0).clone();
    if matches!(item, Value::Nil) {
        return refuse("index of untyped nil");
    }
    for index in args.iter().skip(1) {
        item = match &item {
            Value::Str(text) => Value::Int(i64::from(text[position(index, text.len())?]), Width::Uint8),
            Value::List(list) => list.items[position(index, list.items.len())?].clone(),
            Value::Map(map) => {
                let Value::Str(key) = index else {
                    return refuse(match index {
                        Value::Nil => "value is nil; should be of type string".to_owned(),
                        other => format!("value has type {}; should be string", other.type_name()),
                    });
                };
                // What is not there is the zero value, missingkey=error or not.
                let zero = if map.strings { Value::str("") } else { Value::Nil };
                map.get(key).unwrap_or(zero)
            }
            Value::Nil => return refuse("index of nil pointer"),
            other => return refuse(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

/// `evalArgs`: one string as it is, else `fmt.Sprint`; nil is what a template shows for it.
fn joined(args: &[Value]) -> Text {
    match args {
        [Value::Str(text)] => text.clone(),
        _ => {
            let shown: Vec<Value> = args
                .iter()
                .map(|arg| if matches!(arg, Value::Nil) { Value::str("<no value>") } else { arg.clone() })
                .collect();
            print::sprint(&shown).into()
        }
    }
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            other => out.push(*other),
        }
    }
    out
}

fn js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (_, c, _) in chars(text) {
        match c {
            '\\' => out.extend_from_slice(b"\\\\"),
            '\'' => out.extend_from_slice(b"\\'"),
            '"' => out.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
            c if u32::from(c) < 0x20 => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
            c if c.is_ascii() || crate::format::quote::is_print(c) => push(&mut out, c),
            c => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
        }
    }
    out
}
