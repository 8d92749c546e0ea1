//! Template engine `v2`: Go's text/template with the functions that ESO gives it, sprig's above all.
//!
//! The language is the library `go-template`; this is the component around it.

#[cfg(target_arch = "wasm32")]
mod plugin;
