//! Template engine `v2`: Go's text/template with the functions that ESO gives it, sprig's above all.
//!
//! The language is implemented here, on bytes, after Go's own: what Go refuses is refused, what it shows is
//! shown byte for byte (`tests/corpus.rs` compares with Go). Not here: functions that reach outside (`env`,
//! `expandenv`, `getHostByName`), which ESO removed too; time and randomness other than the host gives.

mod error;
mod format;
mod functions;
mod language;
mod limits;
mod pki;
mod render;
mod text;
mod time;
mod value;

#[cfg(target_arch = "wasm32")]
mod plugin;

pub use error::EngineError;
pub use functions::names;
pub use render::{Failure, Options, Rendered, render};
