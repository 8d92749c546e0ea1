//! Integers, as sprig: everything is an int64 and wraps as Go's does.

use gotmpl::Value;

use super::{Table, arg, failed, int};

pub(super) fn add(table: &mut Table) {
    let fold = |table: &mut Table, name: &'static str, start: i64, with: fn(i64, i64) -> i64| {
        table.add(name, move |args| Ok(Value::Int(args.iter().map(int).fold(start, with))));
    };
    fold(table, "add", 0, i64::wrapping_add);
    fold(table, "mul", 1, i64::wrapping_mul);
    table.add("add1", |args| Ok(Value::Int(int(arg(args, 0, "add1")?).wrapping_add(1))));
    table
        .add("sub", |args| Ok(Value::Int(int(arg(args, 0, "sub")?).wrapping_sub(int(arg(args, 1, "sub")?)))));
    table.add("div", |args| {
        let quotient = int(arg(args, 0, "div")?).checked_div(int(arg(args, 1, "div")?));
        quotient.map(Value::Int).ok_or_else(|| failed("div: division by zero"))
    });
    table.add("mod", |args| {
        let remainder = int(arg(args, 0, "mod")?).checked_rem(int(arg(args, 1, "mod")?));
        remainder.map(Value::Int).ok_or_else(|| failed("mod: division by zero"))
    });
    for name in ["max", "biggest"] {
        table.add(name, |args| Ok(Value::Int(args.iter().map(int).max().unwrap_or(0))));
    }
    table.add("min", |args| Ok(Value::Int(args.iter().map(int).min().unwrap_or(0))));
    for name in ["int", "int64", "atoi"] {
        table.add(name, |args| Ok(Value::Int(int(arg(args, 0, "int")?))));
    }
}
