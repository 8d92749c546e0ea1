//! Template engine `v2`: Go's text/template, by the gotmpl crate, with the sprig functions that ESO has.
//!
//! Not here: functions that reach outside (`env`, `expandenv`, `getHostByName`), which ESO removed too;
//! time and randomness other than the host gives. Values are UTF-8 text; one that is not is refused by
//! name where a template uses it.

mod functions;
mod render;

#[cfg(target_arch = "wasm32")]
mod plugin;

pub use functions::names;
pub use render::{Failure, Options, render};
