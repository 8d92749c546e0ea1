//! Lists. Every function makes a new one; the elements are shared.

use super::args::{any, int, list, refuse};
use super::{Env, Function, Outcome, function};
use crate::limits::MAX_LIST;
use crate::value::{Element, List, Value, convert, equal};

pub(super) const TABLE: &[Function] = &[
    function("list", "*a", |_, args| Ok(Value::list(args.to_vec()))),
    function("tuple", "*a", |_, args| Ok(Value::list(args.to_vec()))),
    function("append", "aa", push),
    function("push", "aa", push),
    function("mustAppend", "aa", push),
    function("mustPush", "aa", push),
    function("prepend", "aa", prepend),
    function("mustPrepend", "aa", prepend),
    function("first", "a", first),
    function("mustFirst", "a", first),
    function("last", "a", last),
    function("mustLast", "a", last),
    function("rest", "a", rest),
    function("mustRest", "a", rest),
    function("initial", "a", initial),
    function("mustInitial", "a", initial),
    function("reverse", "a", reverse),
    function("mustReverse", "a", reverse),
    function("compact", "a", compact),
    function("mustCompact", "a", compact),
    function("uniq", "a", uniq),
    function("mustUniq", "a", uniq),
    function("without", "a*a", without),
    function("mustWithout", "a*a", without),
    function("has", "aa", has),
    function("mustHas", "aa", has),
    function("slice", "a*a", slice),
    function("mustSlice", "a*a", slice),
    function("chunk", "ia", chunk),
    function("mustChunk", "ia", chunk),
    function("concat", "*a", |_, args| {
        let mut items = Vec::new();
        for arg in args {
            items.extend_from_slice(&list(arg, "concat")?.items);
            too_long("concat", items.len())?;
        }
        Ok(if items.is_empty() { Value::nil_list() } else { Value::list(items) })
    }),
];

pub(super) fn too_long(function: &str, length: usize) -> Result<(), crate::error::EngineError> {
    if length > MAX_LIST {
        return refuse(format!("{function}: the list would have more than {MAX_LIST} elements"));
    }
    Ok(())
}

fn push(_: &Env, args: &[Value]) -> Outcome {
    let mut items = list(any(args, 0), "push")?.items.to_vec();
    items.push(any(args, 1).clone());
    Ok(Value::list(items))
}

fn prepend(_: &Env, args: &[Value]) -> Outcome {
    let mut items = vec![any(args, 1).clone()];
    items.extend_from_slice(&list(any(args, 0), "prepend")?.items);
    Ok(Value::list(items))
}

fn first(_: &Env, args: &[Value]) -> Outcome {
    Ok(list(any(args, 0), "find first")?.items.first().cloned().unwrap_or(Value::Nil))
}

fn last(_: &Env, args: &[Value]) -> Outcome {
    Ok(list(any(args, 0), "find last")?.items.last().cloned().unwrap_or(Value::Nil))
}

fn rest(_: &Env, args: &[Value]) -> Outcome {
    let items = &list(any(args, 0), "find rest")?.items;
    Ok(items.get(1..).map_or_else(Value::nil_list, |rest| Value::list(rest.to_vec())))
}

fn initial(_: &Env, args: &[Value]) -> Outcome {
    let items = &list(any(args, 0), "find initial")?.items;
    Ok(items.split_last().map_or_else(Value::nil_list, |(_, initial)| Value::list(initial.to_vec())))
}

fn reverse(_: &Env, args: &[Value]) -> Outcome {
    Ok(Value::list(list(any(args, 0), "find reverse")?.items.iter().rev().cloned().collect()))
}

fn compact(_: &Env, args: &[Value]) -> Outcome {
    let items = list(any(args, 0), "compact")?.items.iter();
    Ok(Value::list(items.filter(|item| item.truth()).cloned().collect()))
}

fn contains(items: &[Value], wanted: &Value) -> bool {
    items.iter().any(|item| equal::deep(wanted, item))
}

fn uniq(_: &Env, args: &[Value]) -> Outcome {
    let mut kept: Vec<Value> = Vec::new();
    for item in list(any(args, 0), "find uniq")?.items.iter() {
        if !contains(&kept, item) {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn without(_: &Env, args: &[Value]) -> Outcome {
    let items = list(any(args, 0), "find without")?.items.iter();
    Ok(Value::list(items.filter(|item| !contains(&args[1..], item)).cloned().collect()))
}

fn has(_: &Env, args: &[Value]) -> Outcome {
    match any(args, 1) {
        Value::Nil => Ok(Value::Bool(false)),
        haystack => Ok(Value::Bool(contains(&list(haystack, "find has")?.items, any(args, 0)))),
    }
}

fn slice(_: &Env, args: &[Value]) -> Outcome {
    let List { items, element, .. } = match any(args, 0) {
        Value::List(list) => list,
        Value::Nil => return list(&Value::Nil, "slice").map(|_| Value::Nil),
        other => return refuse(format!("list should be type of slice or array but {}", other.kind_name())),
    };
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let bound = |index: usize, missing: usize| match args.get(index) {
        Some(value) => usize::try_from(convert::to_int(value)).ok(),
        None => Some(missing),
    };
    let part = bound(1, 0).zip(bound(2, items.len())).and_then(|(start, end)| items.get(start..end));
    match part {
        Some(part) => Ok(Value::list_of(*element, part.to_vec())),
        None => refuse("reflect.Value.Slice: slice index out of bounds"),
    }
}

fn chunk(_: &Env, args: &[Value]) -> Outcome {
    let items = &list(any(args, 1), "chunk")?.items;
    let Some(size) = usize::try_from(int(args, 0)).ok().filter(|size| *size > 0) else {
        return refuse("chunk: the size must be positive");
    };
    let chunks = items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect();
    Ok(Value::list_of(Element::List, chunks))
}
