//! How large things may get. The host limits memory and time; these limits have messages.

use crate::error::EngineError;

/// Of one text that a function makes, and of one rendered template: a Secret holds 1 MiB, and the host
/// refuses answers above 4 MiB.
pub(crate) const MAX_TEXT: usize = 4 * 1024 * 1024;

/// Elements of one list that a function makes (`until`, `seq`): 24 bytes each, of 64 MiB.
pub(crate) const MAX_LIST: usize = 500_000;

/// Passes of all `range` loops of one template.
pub(crate) const MAX_PASSES: u64 = 1_000_000;

/// Refuses what would be too large.
pub(crate) fn check_size(function: &str, size: usize) -> Result<(), EngineError> {
    if size > MAX_TEXT {
        return Err(EngineError::function(format!("{function}: the result would be larger than 4 MiB")));
    }
    Ok(())
}
