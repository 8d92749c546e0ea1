//! Dates. `now` is the host's clock; the zone of a pod is UTC.

use super::args::{any, bytes, lossy, refuse, string};
use super::{Env, Function, Outcome, function};
use crate::text;
use crate::time::{Time, duration, layout, parse, zone};
use crate::value::convert::parse_int;
use crate::value::{Value, Width};

pub(super) const TABLE: &[Function] = &[
    function("now", "", |env, _| Ok(Value::Time(now(env)))),
    function("date", "sa", |env, args| shown(env, &lossy(args, 0), any(args, 1), "UTC")),
    function("dateInZone", "sas", date_in_zone),
    function("date_in_zone", "sas", date_in_zone),
    function("htmlDate", "a", |env, args| shown(env, "2006-01-02", any(args, 0), "UTC")),
    function("htmlDateInZone", "as", |env, args| shown(env, "2006-01-02", any(args, 0), &lossy(args, 1))),
    function("dateModify", "st", |_, args| {
        modify(args).map(|time| time.unwrap_or_else(|| any(args, 1).clone()))
    }),
    function("date_modify", "st", |_, args| {
        modify(args).map(|time| time.unwrap_or_else(|| any(args, 1).clone()))
    }),
    function("mustDateModify", "st", must_modify),
    function("must_date_modify", "st", must_modify),
    function("toDate", "ss", |_, args| {
        let time = parse::parse(&lossy(args, 0), &lossy(args, 1));
        Ok(Value::Time(time.unwrap_or_else(Time::zero)))
    }),
    function("mustToDate", "ss", |_, args| match parse::parse(&lossy(args, 0), &lossy(args, 1)) {
        Some(time) => Ok(Value::Time(time)),
        None => refuse("the time does not fit the layout"),
    }),
    function("unixEpoch", "t", |_, args| match any(args, 0) {
        Value::Time(time) => Ok(Value::str(time.seconds.to_string())),
        _ => refuse("no time"),
    }),
    function("ago", "a", |env, args| {
        let nanos = now(env).since(&moment(env, any(args, 0)));
        Ok(Value::str(duration::format(duration::round_to_seconds(nanos))))
    }),
    function("duration", "a", |_, args| {
        let seconds = match any(args, 0) {
            Value::Str(text) => parse_int(&text::lossy(text), 10).unwrap_or(0),
            Value::Int(n, Width::Int64) => *n,
            _ => 0,
        };
        Ok(Value::str(duration::format(seconds.wrapping_mul(1_000_000_000))))
    }),
    function("durationRound", "a", duration_round),
];

pub(super) fn now(env: &Env) -> Time {
    let now_ms = env.now_ms();
    let seconds = i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
    let nanos = u32::try_from(now_ms % 1000).unwrap_or(0) * 1_000_000;
    Time::utc(seconds, nanos)
}

/// A time, or seconds since 1970; for anything else sprig takes the present.
fn moment(env: &Env, value: &Value) -> Time {
    match value {
        Value::Time(time) => time.clone(),
        Value::Int(seconds, Width::Int | Width::Int64) => Time::utc(*seconds, 0),
        _ => now(env),
    }
}

fn shown(env: &Env, format: &str, value: &Value, zone: &str) -> Outcome {
    let time = zone::shift(&moment(env, value), zone)?;
    string("date", layout::format(format, &time))
}

fn date_in_zone(env: &Env, args: &[Value]) -> Outcome {
    shown(env, &lossy(args, 0), any(args, 1), &lossy(args, 2))
}

fn modify(args: &[Value]) -> Result<Option<Value>, crate::error::EngineError> {
    let nanos = duration::parse(&text::lossy(bytes(args, 0)));
    Ok(match (nanos, any(args, 1)) {
        (Some(nanos), Value::Time(time)) => Some(Value::Time(time.add(nanos))),
        _ => None,
    })
}

fn must_modify(_: &Env, args: &[Value]) -> Outcome {
    match modify(args)? {
        Some(time) => Ok(time),
        None => refuse("the duration is none"),
    }
}

fn duration_round(env: &Env, args: &[Value]) -> Outcome {
    let nanos = match any(args, 0) {
        Value::Str(text) => duration::parse(&text::lossy(text)).unwrap_or(0),
        Value::Int(n, Width::Int64) => *n,
        Value::Time(time) => now(env).since(time),
        _ => 0,
    };
    const SECOND: u64 = 1_000_000_000;
    const UNITS: [(u64, &str); 6] =
        [(365 * 24 * 3600, "y"), (30 * 24 * 3600, "mo"), (24 * 3600, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let total = nanos.unsigned_abs();
    let unit = UNITS.into_iter().find(|(seconds, _)| total > seconds * SECOND);
    Ok(Value::str(
        unit.map_or_else(
            || "0s".to_owned(),
            |(seconds, name)| format!("{}{name}", total / (seconds * SECOND)),
        ),
    ))
}
