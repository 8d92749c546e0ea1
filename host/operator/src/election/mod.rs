//! Which of several replicas works: one leads, by a Lease object of the API server; the others stand by.
//!
//! `candidate` decides, `lease` reads and writes the object, `elector` ties them together. What a replica may do
//! because of it is asked of [`Leadership`], and [`fence`] asks it for every request that writes.
//!
//! Own code and not a library's, because of clocks: docs/ARCHITECTURE.md.

mod candidate;
mod clock;
mod elector;
mod fence;
mod leadership;
mod lease;
#[cfg(test)]
mod tests;

pub(crate) use elector::Elector;
pub(crate) use fence::fence;
pub(crate) use leadership::{Leadership, Term};
