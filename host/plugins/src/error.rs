//! Why a component is not taken. What goes wrong in a call is `claviger_core::provider::CallError`.

use claviger_core::provider::Fault;

/// Why a component cannot be loaded or inspected.
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    /// Not wasm, or broken.
    #[error(
        "not a WebAssembly component: {0}; build it for wasm32-wasip2, or make a component of it with wasm-tools component new"
    )]
    NotAComponent(String),
    /// More than is compiled.
    #[error("{size} bytes, more than the limit of {limit} for a plugin")]
    TooLarge {
        /// Bytes.
        size: usize,
        /// Limit, bytes.
        limit: usize,
    },
    /// None of our worlds.
    #[error(
        "it exports {found}, but a plugin exports claviger:plugin/provider@0.1.0 and claviger:plugin/connection@0.1.0, or claviger:plugin/engine@0.1.0"
    )]
    WrongWorld {
        /// What it exports.
        found: String,
    },
    /// It needs something that the host does not give.
    #[error(
        "it cannot be linked: {0}; a provider may import wasi:http/outgoing-handler, claviger:plugin/memo and claviger:plugin/log, a template engine claviger:plugin/log"
    )]
    Link(String),
    /// The compiler refused it.
    #[error("it cannot be compiled: {0}")]
    Compile(String),
    /// `describe` did not work.
    #[error("describe failed: {0}")]
    Describe(#[from] Fault),
    /// What `describe` says makes no sense.
    #[error("describe says something unusable: {0}")]
    BadDescription(String),
    /// The engine cannot be set up on this machine.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
    /// The cache directory cannot be used.
    #[error("the plugin cache {path} cannot be used: {source}")]
    Cache {
        /// Where.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error("the HTTP client cannot start: {0}")]
    Http(String),
}

/// The first line of a library's error, capped: what follows may quote the component.
pub(crate) fn first_line(error: &dyn std::fmt::Display) -> String {
    let text = format!("{error:#}");
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}
