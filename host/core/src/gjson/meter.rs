//! What one look-up may take, and the buffers that count against it.
//!
//! Everything that reads or writes bytes says how many. It counts work, not time, so that the same path in the same
//! text always gives the same.

use std::cell::Cell;

use zeroize::Zeroizing;

/// Longest path, bytes: a list of two hundred paths for one value has room.
pub const PATH: usize = 16 * 1024;

/// Work of one look-up: bytes that are looked at, and `WRITTEN` for each that is written. Enough to go some thirty
/// times through the largest answer of a plugin (4 MiB), where a path goes through it twice for each step that counts;
/// half a second of one core at most.
pub const WORK: u64 = 128 << 20;

/// Work of a byte that is written: it takes memory too, which is thereby at most 32 MiB.
const WRITTEN: u64 = 4;

/// Work of going a level deeper and of asking an element, beside reading: there may be one for every second byte.
const STEP: u64 = 32;

/// Work of a value that is passed over, beside reading.
const VALUE: u64 = 8;

/// How deep things nest: steps of a path in one another, pipes and brackets (a query is two), and the text where a
/// modifier goes down into it. So many fit on half of a worker thread's stack of 2 MiB, without optimisation too.
pub const DEPTH: u16 = 256;

/// A look-up that would take too much. gjson would go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than [`PATH`].
    #[error("longer than {PATH} bytes")]
    Path,
    /// Deeper than [`DEPTH`].
    #[error("more than {DEPTH} steps, or as many levels of the value, in one another")]
    Depth,
    /// More work than [`WORK`].
    #[error("too much work for a value of this size: use fewer wildcards, queries and modifiers")]
    Work,
}

/// What is left of the bounds.
pub(super) struct Meter {
    work: Cell<u64>,
    depth: Cell<u16>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { work: Cell::new(WORK), depth: Cell::new(DEPTH) }
    }

    /// Counts bytes that were looked at.
    pub(super) fn read(&self, bytes: usize) -> Result<(), Refused> {
        self.spend(bytes as u64)
    }

    /// Counts an element that is asked.
    pub(super) fn ask(&self) -> Result<(), Refused> {
        self.spend(STEP)
    }

    /// Counts a value and its bytes.
    pub(super) fn value(&self, bytes: usize) -> Result<(), Refused> {
        self.spend(VALUE + bytes as u64)
    }

    /// Counts a thing that is kept in a list.
    pub(super) fn list<T>(&self) -> Result<(), Refused> {
        self.spend(size_of::<T>() as u64 * WRITTEN)
    }

    fn spend(&self, work: u64) -> Result<(), Refused> {
        self.work.set(self.work.get().checked_sub(work).ok_or(Refused::Work)?);
        Ok(())
    }

    /// One level deeper, until the answer is dropped.
    pub(super) fn enter(&self) -> Result<Level<'_>, Refused> {
        self.spend(STEP)?;
        self.depth.set(self.depth.get().checked_sub(1).ok_or(Refused::Depth)?);
        Ok(Level(self))
    }
}

/// A level of nesting.
pub(super) struct Level<'m>(&'m Meter);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() + 1);
    }
}

/// Text that is made of a value: counted, and wiped, also where it grows out of its place.
pub(super) struct Buffer<'m> {
    bytes: Zeroizing<Vec<u8>>,
    meter: &'m Meter,
}

impl<'m> Buffer<'m> {
    pub(super) fn new(meter: &'m Meter) -> Self {
        Self { bytes: Zeroizing::new(Vec::new()), meter }
    }

    /// Appends.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.meter.spend(bytes.len() as u64 * WRITTEN)?;
        let needed = self.bytes.len() + bytes.len();
        if needed > self.bytes.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * self.bytes.capacity())));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// As it was when it had this length.
    pub(super) fn cut(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn done(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }
}
