//! How large things may get and how long a template may run. The host limits memory and time; these
//! limits have messages. What minijinja cannot count (a list of a list twice, sixty times over; a hundred
//! thousand operators in a row) is left to the host.

use std::io;

use minijinja::{Error, State};

use crate::failure::refuse;

/// Of one rendered template, and of one text that a filter makes: a Secret holds 1 MiB, and the host
/// refuses answers above 4 MiB.
pub(crate) const MAX_TEXT: usize = 4 * 1024 * 1024;

/// Instructions of one template, and its texts and lists at 64 bytes each: 16 MiB of the 64 that the
/// host gives.
pub(crate) const FUEL: u64 = 250_000;

/// Depth of loops, blocks and (four times that) macro calls. minijinja's own 500 are more than a guest's
/// stack holds.
pub(crate) const RECURSION: usize = 200;

/// Depth of JSON and YAML documents.
pub(crate) const MAX_DEPTH: usize = 100;

/// Values of one YAML document, those behind aliases counted each time.
pub(crate) const MAX_NODES: usize = 100_000;

/// Refuses what would be too large.
pub(crate) fn check_size(filter: &str, size: usize) -> Result<(), Error> {
    if size > MAX_TEXT {
        return Err(refuse(format!("{filter}: the result would be larger than 4 MiB")));
    }
    Ok(())
}

/// Pays for a text before it is made.
pub(crate) fn pay(state: &State<'_, '_>, filter: &str, size: usize) -> Result<(), Error> {
    check_size(filter, size)?;
    state.consume_fuel((size / 64) as u64)
}

/// A rendered text, as far as it may grow.
#[derive(Debug, Default)]
pub(crate) struct Bounded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_TEXT {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
