//! How many bytes one refresh may hold: a manifest of a megabyte can name ten thousand values of a megabyte, or one value
//! ten thousand times. Pure; what is read and collected is counted by who does it.

/// Bytes that one object may read: twice the largest answer of a plugin. Ten refreshes of one namespace run at once.
pub const MAX_READ: usize = 8 << 20;

/// Bytes that one object may collect for its Secret, before a template: four times what a Secret takes, and as much as the
/// largest answer has.
pub const MAX_COLLECTED: usize = 4 << 20;

/// Why something has no room. It is for the entry that was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// It was read, and is too much.
    #[error(
        "with it, what this object reads has more than {MAX_READ} bytes: let it name fewer or smaller values, or use several \
         objects"
    )]
    Read,
    /// It is not read any more.
    #[error(
        "it was not read, since what this object has read before has more than {MAX_READ} bytes: let it name fewer or smaller \
         values, or use several objects"
    )]
    Unread,
    /// It has no room beside what was collected before.
    #[error(
        "with it, what this object collects has more than {MAX_COLLECTED} bytes, and a Secret takes a quarter of that: name \
         properties instead of whole values, or use several objects"
    )]
    Collected,
}

/// What is left of it.
#[derive(Debug)]
pub struct Budget {
    read: usize,
    collected: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { read: MAX_READ, collected: MAX_COLLECTED }
    }
}

impl Budget {
    /// Bytes that may still be read.
    pub fn to_read(&self) -> usize {
        self.read
    }

    /// Takes what was read.
    ///
    /// # Errors
    /// [`Full::Read`]; nothing has room then.
    pub fn read(&mut self, bytes: usize) -> Result<(), Full> {
        take(&mut self.read, bytes).ok_or(Full::Read)
    }

    /// Takes what is collected, before a copy of it is made.
    ///
    /// # Errors
    /// [`Full::Collected`]; nothing has room then.
    pub fn collect(&mut self, bytes: usize) -> Result<(), Full> {
        take(&mut self.collected, bytes).ok_or(Full::Collected)
    }

    /// Whether something would have room, of which it is not known yet what is left of it in the end.
    ///
    /// # Errors
    /// [`Full::Collected`].
    pub fn fits(&self, bytes: usize) -> Result<(), Full> {
        if bytes > self.collected { Err(Full::Collected) } else { Ok(()) }
    }
}

/// What does not fit leaves no room: otherwise those behind it would be had or not by how long each is.
fn take(left: &mut usize, bytes: usize) -> Option<()> {
    let fits = bytes <= *left;
    *left = if fits { *left - bytes } else { 0 };
    fits.then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_too_much_leaves_room_for_nothing() {
        let mut budget = Budget::default();
        assert_eq!((budget.read(MAX_READ - 1), budget.to_read()), (Ok(()), 1));
        assert_eq!((budget.read(2), budget.to_read()), (Err(Full::Read), 0));
        assert_eq!((budget.read(1), budget.read(0)), (Err(Full::Read), Ok(())));
        assert_eq!(
            (budget.fits(MAX_COLLECTED), budget.fits(MAX_COLLECTED + 1)),
            (Ok(()), Err(Full::Collected))
        );
        let copies = (0..600).filter(|_| budget.collect(1 << 20).is_ok()).count();
        assert_eq!((copies, budget.collect(1)), (4, Err(Full::Collected)));
    }
}
