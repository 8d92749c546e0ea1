//! Pure decisions of Claviger: what to read, how to shape it, what the Secret should be, when to look
//! again.
//!
//! It does no I/O, knows no Kubernetes client and no wasmtime: whoever calls it brings objects, fetched
//! values, the time and a random seed, and carries out what comes back.

pub mod access;
pub mod admission;
pub mod authority;
pub mod backoff;
pub mod change;
pub mod duration;
pub mod error;
pub mod failures;
pub mod generator;
pub mod generic;
pub mod gjson;
pub mod hash;
pub mod inputs;
pub mod lease;
pub mod limit;
pub mod names;
pub mod options;
pub mod outcome;
pub mod plan;
pub mod provider;
pub mod push;
pub mod redact;
pub mod refresh;
pub mod rendered;
pub mod rollout;
pub mod scheduler;
pub mod secret;
pub mod shape;
pub mod spread;
pub mod status;
pub mod template;
pub mod tenancy;
pub mod windows;
