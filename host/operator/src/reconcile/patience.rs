//! How long something is waited for without a word about it: a plugin that is being loaded, and a backend's pause.
//!
//! Only that: who uses the plugin is woken when it is there (`plugin.rs`).

use std::time::Duration;

use claviger_core::backoff::after_failure;
use claviger_core::error::{Failure, Retry};

use super::Context;

/// For the case that nobody wakes us.
const WHILE_LOADING: Duration = Duration::from_secs(60);

/// It came, or was refused, after we had asked for it: look again, and not so soon that it could become a loop.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Artifacts of all built-ins are loaded within a second. Compiling one takes longer than this.
const SOON: Duration = Duration::from_secs(3);

/// Until when somebody waits who was told that the plugin is being loaded; `None`: it is time to say so. `loading`
/// is for how long it has been, if it still is.
///
/// After a start every plugin is loaded anew: that is no news about an object that was in order, and for others it
/// is over before anybody could read it, if it was compiled before.
pub(super) fn patience(loading: Option<Duration>, in_order: bool) -> Option<Duration> {
    match loading {
        None => Some(AT_ONCE),
        Some(_) if in_order => Some(WHILE_LOADING),
        Some(since) => SOON.checked_sub(since).filter(|left| !left.is_zero()),
    }
}

/// How long until what failed so is tried again, if nothing is to be said of it: it waits for a plugin, or was in order and
/// waits for its backend's pause to end.
pub(super) fn unsaid(
    context: &Context,
    failure: &Failure,
    in_order: bool,
    interval: Duration,
) -> Option<Duration> {
    match (failure, failure.class().retry) {
        (Failure::PluginLoading { name }, _) => patience(context.registry.loading(name), in_order),
        (_, held @ Retry::Held(_)) if in_order => Some(after_failure(held, 0, interval, rand::random())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_plugin_says_so_only_when_it_takes_long() {
        let second = Duration::from_secs(1);
        // (for how long it has been loading, whether the object was in order, how long to wait)
        let cases = [
            (Some(second), false, Some(2 * second)),
            (Some(SOON), false, None),
            (Some(60 * second), false, None),
            (Some(60 * second), true, Some(WHILE_LOADING)),
            // Between the answer and this look it was put in place.
            (None, false, Some(AT_ONCE)),
            (None, true, Some(AT_ONCE)),
        ];
        for (loading, in_order, wait) in cases {
            assert_eq!(patience(loading, in_order), wait, "{loading:?} {in_order}");
        }
    }
}
