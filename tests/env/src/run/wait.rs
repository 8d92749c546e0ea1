//! Waiting for a condition with a deadline, never for a fixed time.
//!
//! Polling is what is left where the other side (a server starting, a cluster converging) has nothing
//! to subscribe to. Waiting for a process is in `process.rs`, since there a death ends the wait.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Between two looks: short against any server's start, long against the cost of a look.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// Asks `ready` until it gives a value, or the deadline passes. An `Err(text)` of `ready` means "not yet,
/// because"; the last such text is in the error.
///
/// # Errors
/// [`Error::Deadline`] with `what` and the last reason.
pub fn poll<T>(
    what: impl Into<String>,
    deadline: Duration,
    mut ready: impl FnMut() -> std::result::Result<T, String>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        let reason = match ready() {
            Ok(value) => return Ok(value),
            Err(reason) => reason,
        };
        if started.elapsed() >= deadline {
            return Err(Error::Deadline {
                what: what.into(),
                seconds: deadline.as_secs(),
                detail: format!("; last seen:\n{reason}"),
            });
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn gives_the_value_as_soon_as_there_is_one() {
        let mut asked = 0;
        let value = poll("third time", Duration::from_secs(10), || {
            asked += 1;
            if asked == 3 { Ok(asked) } else { Err("no".to_owned()) }
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn tells_the_last_reason() {
        let never: Result<()> = poll("never", Duration::ZERO, || Err("still closed".to_owned()));
        let text = never.unwrap_err().to_string();
        assert!(text.contains("never") && text.contains("still closed"), "{text}");
    }
}
