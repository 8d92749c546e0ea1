//! Pure decisions of Claviger: what to read, how to shape it, what the Secret should be, when to look
//! again.
//!
//! It does no I/O, knows no Kubernetes client and no wasmtime: whoever calls it brings objects, fetched
//! values, the time and a random seed, and carries out what comes back.

pub mod provider;
pub mod redact;
pub mod secret;
