//! The suite over real components: one that passes, and many that must not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

mod backend;
mod fake;
mod misbehaving;
mod recording;
mod support;
