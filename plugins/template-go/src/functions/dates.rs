//! Time: the host's clock, in UTC, in Go's layouts. A time is a map that carries its seconds, since the
//! template language has no type for one.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;

use super::golayout::{Civil, format};
use super::{Table, arg, int, string, text};

const SECONDS: &str = "unix";
const NANOS: &str = "nanos";

pub(super) fn add(table: &mut Table, now_ms: u64) {
    table.add("now", move |_| {
        let seconds = i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
        let nanos = i64::try_from(now_ms % 1000).unwrap_or(0) * 1_000_000;
        let map = BTreeMap::from([(SECONDS.into(), Value::Int(seconds)), (NANOS.into(), Value::Int(nanos))]);
        Ok(Value::Map(Arc::new(map)))
    });
    table.add("date", |args| {
        let (seconds, nanos) = time(arg(args, 1, "date")?);
        Ok(text(format(&string(arg(args, 0, "date")?), &Civil::from_unix(seconds, nanos))))
    });
    for name in ["htmlDate", "html_date"] {
        table.add(name, |args| {
            let (seconds, nanos) = time(arg(args, 0, "htmlDate")?);
            Ok(text(format("2006-01-02", &Civil::from_unix(seconds, nanos))))
        });
    }
    table.add("unixEpoch", |args| Ok(text(time(arg(args, 0, "unixEpoch")?).0.to_string())));
}

/// Of `now`, or of a number of seconds, which sprig's `date` takes too.
fn time(value: &Value) -> (i64, u32) {
    match value {
        Value::Map(map) => {
            let part = |name: &str| map.get(name).map_or(0, int);
            (part(SECONDS), u32::try_from(part(NANOS)).unwrap_or(0))
        }
        other => (int(other), 0),
    }
}
