//! Defaults and choices.

use gotmpl::{Value, is_true};

use super::{Table, arg, failed, string};

pub(super) fn add(table: &mut Table) {
    table.add("default", |args| {
        let fallback = arg(args, 0, "default")?;
        Ok(args.get(1).filter(|given| is_true(given)).unwrap_or(fallback).clone())
    });
    table.add("empty", |args| Ok(Value::Bool(!is_true(arg(args, 0, "empty")?))));
    table.add("coalesce", |args| Ok(args.iter().find(|value| is_true(value)).cloned().unwrap_or(Value::Nil)));
    table.add("ternary", |args| {
        let chosen = if is_true(arg(args, 2, "ternary")?) { 0 } else { 1 };
        Ok(arg(args, chosen, "ternary")?.clone())
    });
    table.add("all", |args| Ok(Value::Bool(args.iter().all(is_true))));
    table.add("any", |args| Ok(Value::Bool(args.iter().any(is_true))));
    table.add("fail", |args| Err(failed(string(arg(args, 0, "fail")?))));
}
