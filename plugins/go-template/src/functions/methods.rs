//! The methods of times and versions that a template may name: `{{ now.Year }}`, `{{ (semver .v).Major }}`.

use super::Outcome;
use super::args::{any, refuse};
use crate::time::{Time, layout, zone};
use crate::value::{Value, Width};

/// The method's result; none where there is no such method.
pub(crate) fn call(receiver: &Value, name: &str, args: &[Value]) -> Option<Outcome> {
    match receiver {
        Value::Time(time) => of_time(time, name, args),
        Value::Version(version) => {
            let number = |n: u64| Value::Int(n.cast_signed(), Width::Uint64);
            let value = match name {
                "Major" => number(version.major),
                "Minor" => number(version.minor),
                "Patch" => number(version.patch),
                "Prerelease" => Value::str(&version.prerelease),
                "Metadata" => Value::str(&version.metadata),
                "Original" => Value::str(&version.original),
                "String" => Value::str(version.to_string()),
                _ => return None,
            };
            Some(without_arguments(name, args, value))
        }
        _ => None,
    }
}

fn without_arguments(name: &str, args: &[Value], value: Value) -> Outcome {
    if args.is_empty() {
        Ok(value)
    } else {
        refuse(format!("wrong number of args for {name}: want 0 got {}", args.len()))
    }
}

fn of_time(time: &Time, name: &str, args: &[Value]) -> Option<Outcome> {
    let civil = time.civil();
    let value = match name {
        "Format" => {
            return Some(match args {
                [Value::Str(format)] => Ok(Value::str(layout::format(&crate::text::lossy(format), time))),
                [other] => {
                    refuse(format!("wrong type for value; expected string; got {}", other.type_name()))
                }
                _ => refuse(format!("wrong number of args for Format: want 1 got {}", args.len())),
            });
        }
        "Before" | "After" | "Equal" => {
            let Value::Time(other) = any(args, 0) else { return Some(refuse("expected a time.Time")) };
            let difference = time.since(other);
            return Some(Ok(Value::Bool(match name {
                "Before" => difference < 0,
                "After" => difference > 0,
                _ => difference == 0,
            })));
        }
        "AddDate" => {
            let [Value::Int(years, _), Value::Int(months, _), Value::Int(days, _)] = args else {
                return Some(refuse("wrong args for AddDate: want three ints"));
            };
            return Some(add_date(time, *years, *months, *days));
        }
        "UTC" | "Local" => match zone::shift(time, "UTC") {
            Ok(time) => Value::Time(time),
            Err(error) => return Some(Err(error)),
        },
        "Unix" => Value::int64(time.seconds),
        "UnixMilli" => {
            Value::int64(time.seconds.wrapping_mul(1000).wrapping_add(i64::from(time.nanos / 1_000_000)))
        }
        "UnixMicro" => {
            Value::int64(time.seconds.wrapping_mul(1_000_000).wrapping_add(i64::from(time.nanos / 1000)))
        }
        "UnixNano" => {
            Value::int64(time.seconds.wrapping_mul(1_000_000_000).wrapping_add(i64::from(time.nanos)))
        }
        "Year" => Value::int(civil.year),
        "Month" => Value::Int(civil.month, Width::Month),
        "Day" => Value::int(civil.day),
        "Hour" => Value::int(civil.hour),
        "Minute" => Value::int(civil.minute),
        "Second" => Value::int(civil.second),
        "Nanosecond" => Value::int(i64::from(time.nanos)),
        "YearDay" => Value::int(civil.day_of_year),
        "Weekday" => Value::Int(civil.weekday, Width::Weekday),
        "IsZero" => Value::Bool(time.since(&Time::zero()) == 0 && time.nanos == 0),
        "String" => Value::str(time.to_string()),
        _ => return None,
    };
    Some(without_arguments(name, args, value))
}

/// Months overflow into years, days into months.
fn add_date(time: &Time, years: i64, months: i64, days: i64) -> Outcome {
    // Go's years have 64 bits; no calendar needs more than these.
    const LIMIT: i64 = 1_000_000;
    if [years, months, days].iter().any(|n| n.abs() > LIMIT) {
        return refuse(format!("AddDate: more than {LIMIT}"));
    }
    let civil = time.civil();
    let months = civil.month - 1 + months;
    let year = civil.year + years + months.div_euclid(12);
    let start = crate::time::days_from_civil(year, months.rem_euclid(12) + 1, 1);
    let clock = civil.hour * 3600 + civil.minute * 60 + civil.second;
    let seconds = (start + civil.day - 1 + days) * 86_400 + clock - i64::from(time.offset);
    Ok(Value::Time(Time { seconds, ..time.clone() }))
}
