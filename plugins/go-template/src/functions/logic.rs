//! Defaults, choices, types, and giving up.

use super::args::{any, bytes, flag, lossy, refuse};
use super::{Env, Function, Outcome, function};
use crate::value::{Value, equal};

pub(super) const TABLE: &[Function] = &[
    function("default", "a*a", |_, args| {
        let given = any(args, 1);
        Ok(if empty(given) { any(args, 0).clone() } else { given.clone() })
    }),
    function("empty", "a", |_, args| Ok(Value::Bool(empty(any(args, 0))))),
    function("coalesce", "*a", |_, args| {
        for value in args {
            if !empty(value) {
                return Ok(value.clone());
            }
        }
        Ok(Value::Nil)
    }),
    function("all", "*a", |_, args| {
        for value in args {
            if empty(value) {
                return Ok(Value::Bool(false));
            }
        }
        Ok(Value::Bool(true))
    }),
    function("any", "*a", |_, args| {
        for value in args {
            if !empty(value) {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
    function("ternary", "aab", |_, args| Ok(any(args, usize::from(!flag(args, 2))).clone())),
    function("fail", "s", fail),
    function("typeOf", "a", |_, args| Ok(Value::str(any(args, 0).type_name()))),
    function("typeIs", "sa", |_, args| Ok(Value::Bool(lossy(args, 0) == any(args, 1).type_name()))),
    function("typeIsLike", "sa", |_, args| {
        let (wanted, name) = (lossy(args, 0), any(args, 1).type_name());
        Ok(Value::Bool(wanted == name || format!("*{wanted}") == name))
    }),
    function("kindOf", "a", |_, args| Ok(Value::str(any(args, 0).kind_name()))),
    function("kindIs", "sa", |_, args| Ok(Value::Bool(lossy(args, 0) == any(args, 1).kind_name()))),
    function("deepEqual", "aa", |_, args| Ok(Value::Bool(equal::deep(any(args, 0), any(args, 1))))),
];

/// sprig's `empty`: as the template language's own truth.
fn empty(value: &Value) -> bool {
    !value.truth()
}

/// The message is shown where the template's own text has it; one that is made of values would carry
/// them, changed beyond what the host's redaction knows, into a status.
fn fail(env: &Env, args: &[Value]) -> Outcome {
    let message = lossy(args, 0);
    if !message.is_empty() && std::str::from_utf8(bytes(args, 0)).is_ok() && env.source.contains(&message) {
        return refuse(message);
    }
    refuse("fail was called; its message is not shown, since it may hold values")
}
