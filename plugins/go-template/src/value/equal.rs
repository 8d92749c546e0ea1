//! Equality and order: text/template's `eq` and `lt`, which refuse unlike types, and `reflect.DeepEqual`,
//! which calls them different.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Value, Width};
use crate::error::EngineError;

#[derive(PartialEq, Eq)]
enum Basic {
    Bool,
    Int,
    Uint,
    Float,
    Str,
    None,
}

fn basic(value: &Value) -> Basic {
    match value {
        Value::Bool(_) => Basic::Bool,
        Value::Int(_, Width::Uint8 | Width::Uint64) => Basic::Uint,
        Value::Int(..) => Basic::Int,
        Value::Float(_) => Basic::Float,
        Value::Str(_) => Basic::Str,
        _ => Basic::None,
    }
}

fn unlike(a: &Value, b: &Value) -> EngineError {
    EngineError::function(format!(
        "incompatible types for comparison: {} and {}",
        a.type_name(),
        b.type_name()
    ))
}

/// An integer of any type, as wide as it needs.
fn wide(n: i64, width: Width) -> i128 {
    if width == Width::Uint64 { i128::from(n.cast_unsigned()) } else { i128::from(n) }
}

/// `eq` of two values.
pub(crate) fn eq(a: &Value, b: &Value) -> Result<bool, EngineError> {
    Ok(match (a, b) {
        (Value::Int(x, w), Value::Int(y, v)) => wide(*x, *w) == wide(*y, *v),
        (Value::Nil, Value::Nil) => true,
        (Value::Nil, Value::List(list)) | (Value::List(list), Value::Nil) => list.nil,
        (Value::Nil, _) | (_, Value::Nil) => false,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Float(x), Value::Float(y)) => x == y,
        (Value::Str(x), Value::Str(y)) => x == y,
        (Value::Time(x), Value::Time(y)) => x == y,
        (Value::Version(x), Value::Version(y)) => Rc::ptr_eq(x, y),
        (Value::Certificate(x), Value::Certificate(y)) => x == y,
        (Value::List(x), Value::List(y)) if x.nil || y.nil => x.nil == y.nil,
        _ if basic(a) != basic(b) => return Err(unlike(a, b)),
        _ => return Err(EngineError::function(format!("non-comparable type {}", b.type_name()))),
    })
}

/// The order of two values, for `lt` and its relatives; none for NaN.
pub(crate) fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, EngineError> {
    match (a, b) {
        (Value::Int(x, w), Value::Int(y, v)) => Ok(Some(wide(*x, *w).cmp(&wide(*y, *v)))),
        (Value::Float(x), Value::Float(y)) => Ok(x.partial_cmp(y)),
        (Value::Str(x), Value::Str(y)) => Ok(Some(x.cmp(y))),
        _ if basic(a) == Basic::None || basic(b) == Basic::None || basic(a) == basic(b) => {
            Err(EngineError::function("invalid type for comparison"))
        }
        _ => Err(unlike(a, b)),
    }
}

/// `reflect.DeepEqual`: types count.
pub(crate) fn deep(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Int(x, w), Value::Int(y, v)) => x == y && w == v,
        #[expect(clippy::float_cmp, reason = "Go's == on floats")]
        (Value::Float(x), Value::Float(y)) => x == y,
        (Value::Str(x), Value::Str(y)) => x == y,
        (Value::Time(x), Value::Time(y)) => x == y,
        (Value::Version(x), Value::Version(y)) => x == y,
        (Value::Certificate(x), Value::Certificate(y)) => x == y,
        (Value::List(x), Value::List(y)) => {
            x.element == y.element
                && x.nil == y.nil
                && x.items.len() == y.items.len()
                && x.items.iter().zip(y.items.iter()).all(|(x, y)| deep(x, y))
        }
        (Value::Map(x), Value::Map(y)) => {
            let (left, right) = (x.entries(), y.entries());
            x.strings == y.strings
                && (x.is(y)
                    || left.len() == right.len()
                        && left.iter().zip(&right).all(|((k, v), (l, w))| k == l && deep(v, w)))
        }
        _ => false,
    }
}
