//! Dictionaries, which are `map[string]interface {}`: the data itself is a `map[string]string` and is
//! refused by most of these, as in Go. Where Go's order is random, this one is by key.

use super::args::{any, bytes, map, refuse, text};
use super::merge::merge;
use super::{Env, Function, Outcome, function};
use crate::text::Text;
use crate::value::{Element, Map, Value};

pub(super) const TABLE: &[Function] = &[
    function("dict", "*a", |_, args| {
        let mut entries = std::collections::BTreeMap::new();
        for pair in args.chunks(2) {
            entries.insert(text(any(pair, 0)), pair.get(1).cloned().unwrap_or_else(|| Value::str("")));
        }
        Ok(Value::Map(Map::new(entries)))
    }),
    function("get", "ms", |_, args| {
        Ok(map(args, 0).and_then(|map| map.get(bytes(args, 1))).unwrap_or_else(|| Value::str("")))
    }),
    function("set", "msa", set),
    function("unset", "ms", |_, args| {
        if let Some(map) = map(args, 0) {
            map.remove(bytes(args, 1));
        }
        Ok(any(args, 0).clone())
    }),
    function("hasKey", "ms", |_, args| {
        Ok(Value::Bool(map(args, 0).is_some_and(|map| map.get(bytes(args, 1)).is_some())))
    }),
    function("pluck", "s*m", |_, args| {
        let found = (1..args.len()).filter_map(|index| map(args, index)?.get(bytes(args, 0)));
        Ok(Value::list(found.collect()))
    }),
    function("keys", "*m", |_, args| {
        let keys = (0..args.len()).filter_map(|index| map(args, index)).flat_map(Map::entries);
        Ok(Value::list_of(Element::Str, keys.map(|(key, _)| Value::Str(key)).collect()))
    }),
    function("values", "m", |_, args| {
        Ok(Value::list(entries(args).into_iter().map(|(_, value)| value).collect()))
    }),
    function("pick", "m*s", |_, args| Ok(kept(args, |key| named(args, key)))),
    function("omit", "m*s", |_, args| Ok(kept(args, |key| !named(args, key)))),
    function("merge", "m*m", |_, args| merge(args, false)),
    function("mustMerge", "m*m", |_, args| merge(args, false)),
    function("mergeOverwrite", "m*m", |_, args| merge(args, true)),
    function("mustMergeOverwrite", "m*m", |_, args| merge(args, true)),
    function("dig", "*a", dig),
    function("deepCopy", "a", copied),
    function("mustDeepCopy", "a", copied),
];

fn entries(args: &[Value]) -> Vec<(Text, Value)> {
    map(args, 0).map(Map::entries).unwrap_or_default()
}

fn named(args: &[Value], key: &[u8]) -> bool {
    (1..args.len()).any(|index| bytes(args, index) == key)
}

fn kept(args: &[Value], keep: impl Fn(&[u8]) -> bool) -> Value {
    Value::Map(Map::new(entries(args).into_iter().filter(|(key, _)| keep(key)).collect()))
}

fn set(_: &Env, args: &[Value]) -> Outcome {
    let Some(map) = map(args, 0) else { return refuse("assignment to entry in nil map") };
    let value = any(args, 2);
    if holds(value, map, 0)? {
        return refuse("set: a dictionary cannot hold itself");
    }
    map.insert(bytes(args, 1).into(), value.clone());
    Ok(any(args, 0).clone())
}

/// Is the map inside the value? A ring would never end when it is shown.
pub(super) fn holds(value: &Value, wanted: &Map, depth: usize) -> Result<bool, crate::error::EngineError> {
    if depth > 100 {
        return refuse("set: the value is nested deeper than 100");
    }
    match value {
        Value::Map(map) if map.is(wanted) => Ok(true),
        Value::Map(map) => {
            for (_, value) in map.entries() {
                if holds(&value, wanted, depth + 1)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::List(list) => {
            for value in list.items.iter() {
                if holds(value, wanted, depth + 1)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

fn dig(_: &Env, args: &[Value]) -> Outcome {
    let [keys @ .., default, dict] = args else { return refuse("dig needs at least three arguments") };
    if keys.is_empty() {
        return refuse("dig needs at least three arguments");
    }
    let mut value = dict.clone();
    for key in keys {
        let Value::Str(key) = key else {
            return refuse(format!(
                "interface conversion: interface {{}} is {}, not string",
                key.type_name()
            ));
        };
        value = match &value {
            Value::Map(map) if !map.strings => match map.get(key) {
                Some(value) => value,
                None => return Ok(default.clone()),
            },
            other => {
                let got = other.type_name();
                return refuse(format!(
                    "interface conversion: interface {{}} is {got}, not map[string]interface {{}}"
                ));
            }
        };
    }
    Ok(value)
}

fn copied(_: &Env, args: &[Value]) -> Outcome {
    match any(args, 0) {
        Value::Nil => refuse("reflect: call of reflect.Value.Type on zero Value"),
        value => deep_copy(value, 0),
    }
}

fn deep_copy(value: &Value, depth: usize) -> Outcome {
    if depth > 100 {
        return refuse("deepCopy: the value is nested deeper than 100");
    }
    Ok(match value {
        Value::Map(map) => {
            let mut copy = std::collections::BTreeMap::new();
            for (key, value) in map.entries() {
                copy.insert(key, deep_copy(&value, depth + 1)?);
            }
            Value::Map(if map.strings { Map::of_strings(copy) } else { Map::new(copy) })
        }
        Value::List(list) => {
            let mut list = list.clone();
            let items: Result<Vec<Value>, _> =
                list.items.iter().map(|item| deep_copy(item, depth + 1)).collect();
            list.items = items?.into();
            Value::List(list)
        }
        other => other.clone(),
    })
}
