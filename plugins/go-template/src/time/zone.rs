//! Time zones by name. Only UTC and fixed offsets are known; a region is refused rather than shown as UTC.

use super::Time;
use crate::error::EngineError;

/// The same moment, shown in a zone.
///
/// # Errors
/// Where the zone is not known. (Go shows UTC for a name that does not exist; without the tz database
/// the two cannot be told apart.)
pub(crate) fn shift(time: &Time, name: &str) -> Result<Time, EngineError> {
    match name {
        "" | "UTC" | "Local" | "Etc/UTC" | "Etc/Universal" | "Etc/Zulu" | "UCT" | "Zulu" | "Universal"
        | "Etc/UCT" => Ok(Time::utc(time.seconds, time.nanos)),
        "GMT" | "Etc/GMT" | "Etc/Greenwich" | "Greenwich" | "GMT0" | "GMT+0" | "GMT-0" => {
            Ok(Time { zone: "GMT".into(), ..Time::utc(time.seconds, time.nanos) })
        }
        other => match fixed(other) {
            Some((offset, zone)) => Ok(Time { offset, zone: zone.into(), ..time.clone() }),
            None => Err(EngineError::function(
                "the time zones known here are UTC, GMT and Etc/GMT-14 to Etc/GMT+12",
            )),
        },
    }
}

/// `Etc/GMT-5` lies five hours east; its name is `+05`.
fn fixed(name: &str) -> Option<(i32, String)> {
    let hours: i32 = name.strip_prefix("Etc/GMT")?.parse().ok()?;
    let east = -hours;
    (-12..=14).contains(&east).then(|| (east * 3600, format!("{east:+03}")))
}
