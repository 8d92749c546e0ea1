//! How long keys may become while they are rewritten: a step that doubles a key, written thirty times, would fill the memory.
//!
//! What a Secret takes in the end is not decided here.

use super::ShapeError;

/// Bytes of one key while it is rewritten: the longest names of the providers have 2 KiB, those of a Secret's keys 253.
pub const MAX_NAME: usize = 2 << 10;

/// Bytes of all keys of one entry while they are rewritten: twice what a whole Secret takes.
pub const MAX_NAMES: usize = 2 << 20;

/// Counts keys.
#[derive(Debug, Default)]
pub struct Names(usize);

impl Names {
    /// One more.
    ///
    /// # Errors
    /// [`ShapeError::NameTooLong`] or [`ShapeError::NamesTooLong`].
    pub fn add(&mut self, name: &str) -> Result<(), ShapeError> {
        if name.len() > MAX_NAME {
            return Err(ShapeError::NameTooLong);
        }
        self.0 += name.len();
        if self.0 > MAX_NAMES { Err(ShapeError::NamesTooLong) } else { Ok(()) }
    }
}
