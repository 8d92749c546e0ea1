//! Numbers. Integers are int64 and wrap, as in Go; what is no number is 0.

use super::args::{any, int, lossy, refuse};
use super::decimal;
use super::lists::too_long;
use super::{Env, Function, Outcome, function};
use crate::format::print;
use crate::text;
use crate::value::convert::{parse_int, to_float, to_int};
use crate::value::{Element, Value};

pub(super) const TABLE: &[Function] = &[
    function("atoi", "s", |_, args| Ok(Value::int(parse_int(&lossy(args, 0), 10).unwrap_or(0)))),
    function("int", "a", |_, args| Ok(Value::int(to_int(any(args, 0))))),
    function("int64", "a", |_, args| Ok(Value::int64(to_int(any(args, 0))))),
    function("float64", "a", |_, args| Ok(Value::Float(to_float(any(args, 0))))),
    function("toDecimal", "a", |_, args| {
        let shown = print::show(any(args, 0));
        Ok(Value::int64(parse_int(&text::lossy(&shown), 8).unwrap_or(0)))
    }),
    function("add1", "a", |_, args| Ok(Value::int64(to_int(any(args, 0)).wrapping_add(1)))),
    function("add", "*a", |_, args| Ok(Value::int64(args.iter().map(to_int).fold(0, i64::wrapping_add)))),
    function("sub", "aa", |_, args| {
        Ok(Value::int64(to_int(any(args, 0)).wrapping_sub(to_int(any(args, 1)))))
    }),
    function("mul", "a*a", |_, args| Ok(Value::int64(args.iter().map(to_int).fold(1, i64::wrapping_mul)))),
    function("div", "aa", |_, args| match to_int(any(args, 1)) {
        0 => refuse("runtime error: integer divide by zero"),
        by => Ok(Value::int64(to_int(any(args, 0)).wrapping_div(by))),
    }),
    function("mod", "aa", |_, args| match to_int(any(args, 1)) {
        0 => refuse("runtime error: integer divide by zero"),
        by => Ok(Value::int64(to_int(any(args, 0)).wrapping_rem(by))),
    }),
    function("max", "a*a", |_, args| Ok(Value::int64(args.iter().map(to_int).max().unwrap_or(0)))),
    function("biggest", "a*a", |_, args| Ok(Value::int64(args.iter().map(to_int).max().unwrap_or(0)))),
    function("min", "a*a", |_, args| Ok(Value::int64(args.iter().map(to_int).min().unwrap_or(0)))),
    function("maxf", "a*a", |_, args| Ok(Value::Float(extreme(args, f64::max)))),
    function("minf", "a*a", |_, args| Ok(Value::Float(extreme(args, f64::min)))),
    function("floor", "a", |_, args| Ok(Value::Float(to_float(any(args, 0)).floor()))),
    function("ceil", "a", |_, args| Ok(Value::Float(to_float(any(args, 0)).ceil()))),
    function("round", "ai*f", round),
    function("add1f", "a", |_, args| {
        Ok(Value::Float(decimal::fold(&[any(args, 0).clone(), Value::int(1)], decimal::Operation::Add)))
    }),
    function("addf", "*a", |_, args| {
        let mut all = vec![Value::Float(0.0)];
        all.extend_from_slice(args);
        Ok(Value::Float(decimal::fold(&all, decimal::Operation::Add)))
    }),
    function("subf", "a*a", |_, args| Ok(Value::Float(decimal::fold(args, decimal::Operation::Sub)))),
    function("mulf", "a*a", |_, args| Ok(Value::Float(decimal::fold(args, decimal::Operation::Mul)))),
    function("divf", "a*a", |_, args| {
        if args.iter().skip(1).any(|by| to_float(by) == 0.0) {
            return refuse("decimal division by 0");
        }
        Ok(Value::Float(decimal::fold(args, decimal::Operation::Div)))
    }),
    function("until", "i", |_, args| {
        let count = int(args, 0);
        Ok(integers(steps("until", 0, count, if count < 0 { -1 } else { 1 })?))
    }),
    function("untilStep", "iii", |_, args| {
        Ok(integers(steps("untilStep", int(args, 0), int(args, 1), int(args, 2))?))
    }),
    function("seq", "*i", seq),
];

/// Go's `math.Max` and `Min`: one NaN makes all NaN.
fn extreme(args: &[Value], choose: fn(f64, f64) -> f64) -> f64 {
    let mut numbers = args.iter().map(to_float);
    let first = numbers.next().unwrap_or(0.0);
    numbers.fold(first, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { choose(a, b) })
}

fn round(_: &Env, args: &[Value]) -> Outcome {
    let at = match any(args, 2) {
        Value::Float(at) => *at,
        _ => 0.5,
    };
    #[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
    let power = 10f64.powf(int(args, 1) as f64);
    let digit = power * to_float(any(args, 0));
    let rounded = if digit.fract() >= at { digit.ceil() } else { digit.floor() };
    Ok(Value::Float(rounded / power))
}

/// sprig's `untilStep`; a step in the wrong direction gives nothing.
fn steps(function: &str, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, crate::error::EngineError> {
    if (stop < start && step >= 0) || (stop >= start && step <= 0) {
        return Ok(Vec::new());
    }
    let distance = start.abs_diff(stop);
    let count = distance.div_ceil(step.unsigned_abs());
    too_long(function, usize::try_from(count).unwrap_or(usize::MAX))?;
    let mut all = Vec::new();
    let mut next = start;
    while (step > 0 && next < stop) || (step < 0 && next > stop) {
        all.push(next);
        next = next.saturating_add(step);
    }
    Ok(all)
}

fn integers(numbers: Vec<i64>) -> Value {
    Value::list_of(Element::Int, numbers.into_iter().map(Value::int).collect())
}

/// As the shell's `seq`: last; first last; first step last.
fn seq(_: &Env, args: &[Value]) -> Outcome {
    let (start, step, end) = match args {
        [_] => (1, None, int(args, 0)),
        [_, _] => (int(args, 0), None, int(args, 1)),
        [_, _, _] => (int(args, 0), Some(int(args, 1)), int(args, 2)),
        _ => return Ok(Value::str("")),
    };
    let direction = if end < start { -1 } else { 1 };
    if end < start && step.is_some_and(|step| step > 0) {
        return Ok(Value::str(""));
    }
    let numbers = steps("seq", start, end.saturating_add(direction), step.unwrap_or(direction))?;
    Ok(Value::str(numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")))
}
