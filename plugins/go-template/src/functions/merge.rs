//! `merge` and `mergeOverwrite`, after mergo: the first map is changed in place and is the result.

use std::collections::BTreeMap;

use super::Outcome;
use super::args::{map, refuse};
use super::dicts::holds;
use crate::error::EngineError;
use crate::value::{Map, Value};

/// Merges all further maps into the first.
pub(super) fn merge(args: &[Value], overwrite: bool) -> Outcome {
    // A nil map is made one.
    let target = map(args, 0).cloned().unwrap_or_else(|| Map::new(BTreeMap::new()));
    for index in 1..args.len() {
        if let Some(source) = map(args, index) {
            into(&target, source, overwrite, 0)?;
        }
    }
    Ok(Value::Map(target))
}

/// Without `overwrite` only what is missing or empty is taken; maps on both sides are merged.
fn into(target: &Map, source: &Map, overwrite: bool, depth: usize) -> Result<(), EngineError> {
    if depth > 100 {
        return refuse("merge: the maps are nested deeper than 100");
    }
    if target.is(source) {
        return Ok(());
    }
    for (key, value) in source.entries() {
        let present = target.get(&key);
        if let (Value::Map(from), Some(Value::Map(to))) = (&value, &present) {
            into(to, from, overwrite, depth + 1)?;
            if to.len() > 0 {
                continue;
            }
        }
        let empty = !present.is_some_and(|present| present.truth());
        let takes = match value {
            Value::Nil => overwrite,
            _ => overwrite || empty,
        };
        if takes {
            if holds(&value, target, 0)? {
                return refuse("merge: a dictionary cannot hold itself");
            }
            target.insert(key, value);
        }
    }
    Ok(())
}
