//! Lists and maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{TemplateError, Value};

use super::{Table, arg, failed, int, list, string, text};

pub(super) fn add(table: &mut Table) {
    for name in ["list", "tuple"] {
        table.add(name, |args| Ok(list(args.to_vec())));
    }
    table.add("dict", |args| {
        let mut map = BTreeMap::new();
        for pair in args.chunks(2) {
            let value = pair.get(1).cloned().unwrap_or_else(|| text(""));
            map.insert(Arc::<str>::from(string(&pair[0])), value);
        }
        Ok(Value::Map(Arc::new(map)))
    });
    table.add("get", |args| {
        let key = string(arg(args, 1, "get")?);
        Ok(map(arg(args, 0, "get")?)?.get(key.as_str()).cloned().unwrap_or_else(|| text("")))
    });
    table.add("hasKey", |args| {
        let key = string(arg(args, 1, "hasKey")?);
        Ok(Value::Bool(map(arg(args, 0, "hasKey")?)?.contains_key(key.as_str())))
    });
    table.add("keys", |args| {
        let mut keys = Vec::new();
        for given in args {
            keys.extend(map(given)?.keys().map(|key| Value::String(key.clone())));
        }
        Ok(list(keys))
    });
    table.add("values", |args| Ok(list(map(arg(args, 0, "values")?)?.values().cloned().collect())));
    // Sprig's, of lists; it takes the place of Go's own, which cuts texts too.
    table.add("slice", |args| {
        let given = items(arg(args, 0, "slice")?)?;
        let at = |index: usize, default: usize| {
            args.get(index).map_or(Some(default), |value| usize::try_from(int(value)).ok())
        };
        let range = at(1, 0).zip(at(2, given.len()));
        let part = range.and_then(|(start, end)| given.get(start..end));
        part.map(|part| list(part.to_vec())).ok_or_else(|| failed("slice: out of range"))
    });
    table.add("first", |args| Ok(items(arg(args, 0, "first")?)?.first().cloned().unwrap_or(Value::Nil)));
    table.add("last", |args| Ok(items(arg(args, 0, "last")?)?.last().cloned().unwrap_or(Value::Nil)));
    table.add("rest", |args| Ok(list(items(arg(args, 0, "rest")?)?.iter().skip(1).cloned().collect())));
    table.add("initial", |args| {
        let given = items(arg(args, 0, "initial")?)?;
        Ok(list(given[..given.len().saturating_sub(1)].to_vec()))
    });
    table.add("reverse", |args| Ok(list(items(arg(args, 0, "reverse")?)?.iter().rev().cloned().collect())));
    for name in ["append", "push"] {
        table.add(name, |args| {
            let mut given = items(arg(args, 0, "append")?)?.to_vec();
            given.push(arg(args, 1, "append")?.clone());
            Ok(list(given))
        });
    }
    table.add("prepend", |args| {
        let mut given = vec![arg(args, 1, "prepend")?.clone()];
        given.extend(items(arg(args, 0, "prepend")?)?.iter().cloned());
        Ok(list(given))
    });
    table.add("has", |args| Ok(Value::Bool(items(arg(args, 1, "has")?)?.contains(arg(args, 0, "has")?))));
    table.add("uniq", |args| {
        let mut seen: Vec<Value> = Vec::new();
        for item in items(arg(args, 0, "uniq")?)? {
            if !seen.contains(item) {
                seen.push(item.clone());
            }
        }
        Ok(list(seen))
    });
    table.add("sortAlpha", |args| {
        let mut texts: Vec<String> = items(arg(args, 0, "sortAlpha")?)?.iter().map(string).collect();
        texts.sort();
        Ok(list(texts.into_iter().map(text).collect()))
    });
}

fn items(value: &Value) -> Result<&[Value], TemplateError> {
    match value {
        Value::List(items) => Ok(items),
        other => Err(failed(format!("a list is needed, not {}", other.type_name()))),
    }
}

fn map(value: &Value) -> Result<&BTreeMap<Arc<str>, Value>, TemplateError> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(failed(format!("a map is needed, not {}", other.type_name()))),
    }
}
