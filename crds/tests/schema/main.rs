//! What the generated definitions must hold: they are the committed ones, the API server's structural
//! rules hold, and every field of the External Secrets Operator's schema and of the older manifests is
//! declared with the same type, default and choices.
//!
//! That a real API server accepts them is shown end to end, not here.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod drift;
mod manifests;
mod node;
mod peer;
mod structural;
