//! Template engine `jinja`: the Jinja language as minijinja has it, with the filters that secrets need.
//!
//! Each template stands for itself: there is no include, import or extends, no loader, no randomness, and
//! the clock is the host's. Every key is a variable, and `data["tls.crt"]` reaches those whose name is no
//! identifier; a key called `data` is `data["data"]`. A value that is no UTF-8 text can be encoded and
//! hashed; writing it into the text is an error that says so.

mod data;
mod failure;
mod filters;
mod limits;
pub mod plugin;
mod render;

pub use claviger_plugin_sdk::engine::{Failure, Rendered};
pub use filters::names;
pub use render::{Options, render};
