//! Arguments, read after the executor has checked number and types; what is missing reads as empty.

use crate::error::EngineError;
use crate::format::print::show_text;
use crate::limits::check_size;
use crate::text::Text;
use crate::value::{List, Map, Value};

use super::Outcome;

/// The n-th argument.
pub(super) fn any(args: &[Value], index: usize) -> &Value {
    args.get(index).unwrap_or(&Value::Nil)
}

/// A string parameter.
pub(super) fn bytes(args: &[Value], index: usize) -> &[u8] {
    match args.get(index) {
        Some(Value::Str(text)) => text,
        _ => b"",
    }
}

/// A string parameter where text is needed: patterns, layouts, names.
pub(super) fn lossy(args: &[Value], index: usize) -> String {
    crate::text::lossy(bytes(args, index)).into_owned()
}

/// An int parameter.
pub(super) fn int(args: &[Value], index: usize) -> i64 {
    match args.get(index) {
        Some(Value::Int(n, _)) => *n,
        _ => 0,
    }
}

/// A bool parameter.
pub(super) fn flag(args: &[Value], index: usize) -> bool {
    matches!(args.get(index), Some(Value::Bool(true)))
}

/// A map parameter; nil is none.
pub(super) fn map(args: &[Value], index: usize) -> Option<&Map> {
    match args.get(index) {
        Some(Value::Map(map)) => Some(map),
        _ => None,
    }
}

/// A list where sprig looks at the type itself.
pub(super) fn list<'a>(value: &'a Value, action: &str) -> Result<&'a List, EngineError> {
    match value {
        Value::List(list) => Ok(list),
        Value::Nil => Err(EngineError::function("invalid memory address or nil pointer dereference")),
        other => Err(EngineError::function(format!("Cannot {action} on type {}", other.kind_name()))),
    }
}

/// Any value as text (sprig's `strval`).
pub(super) fn text(value: &Value) -> Text {
    show_text(value)
}

/// A string result, unless it is too large.
pub(super) fn string(function: &str, text: impl AsRef<[u8]>) -> Outcome {
    check_size(function, text.as_ref().len())?;
    Ok(Value::str(text))
}

/// A refusal.
pub(super) fn refuse<T>(why: impl Into<String>) -> Result<T, EngineError> {
    Err(EngineError::function(why))
}
