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
    /// A package that is damaged.
    #[error("its {0} data is cut off or damaged: pack the component again")]
    Unpack(&'static str),
    /// Parts that do not make a package.
    #[error("its parts do not fit together: {0}; make them anew with `claviger plugin pack`")]
    Parts(String),
    /// Other bytes than the admin named.
    #[error(
        "its digest is {found}, and spec.digest of the Plugin names {}: install the component that was meant, or add the digest if this is it",
        digests(.allowed)
    )]
    DigestMismatch {
        /// Of the bytes.
        found: String,
        /// What may be loaded.
        allowed: Vec<String>,
    },
    /// Built for another interface.
    #[error(
        "it was built for claviger:plugin@{found}, and this host speaks {spoken}: build it against the WIT files of this version"
    )]
    InterfaceVersion {
        /// The component's.
        found: String,
        /// Ours.
        spoken: &'static str,
    },
    /// None of our worlds.
    #[error(
        "it exports {found}, but a plugin exports claviger:plugin/provider@1.0.0 and claviger:plugin/connection@1.0.0, or claviger:plugin/engine@1.0.0"
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
    /// Compiling it needs more than it may.
    #[error("compiling it needs more than {limit}: {remedy}")]
    OverBudget {
        /// The limit that it met, with its unit.
        limit: String,
        /// What to do.
        remedy: &'static str,
    },
    /// What it compiles to has no place. That is the machine's, and passes.
    #[error(
        "what it compiles to cannot be kept: {0}; make room in the folder of --cache-dir (CLAVIGER_CACHE_DIR)"
    )]
    NoRoom(String),
    /// `describe` did not work.
    #[error("describe failed: {0}")]
    Describe(#[from] Fault),
    /// A first rendering did not work.
    #[error("a first rendering of an empty template failed: {0}")]
    Smoke(String),
    /// What `describe` says makes no sense.
    #[error("describe says something unusable: {0}")]
    BadDescription(String),
    /// Grants that make no sense.
    #[error("spec.grants.{0}")]
    Grants(String),
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
}

impl PluginsError {
    /// The reason of the Plugin's condition, and the label of the metric. Every variant is named, so that
    /// a new one does not compile before somebody has decided.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotAComponent(_) => "NotAComponent",
            Self::TooLarge { .. } => "TooLarge",
            Self::Unpack(_) => "PackageDamaged",
            Self::Parts(_) => "PartsInvalid",
            Self::DigestMismatch { .. } => "DigestMismatch",
            Self::InterfaceVersion { .. } => "InterfaceVersionUnknown",
            Self::WrongWorld { .. } => "WrongWorld",
            Self::Link(_) => "LinkFailed",
            Self::Compile(_) => "CompileFailed",
            Self::OverBudget { .. } => "CompileOverBudget",
            Self::NoRoom(_) => "NoRoom",
            Self::Describe(_) => "DescribeFailed",
            Self::Smoke(_) => "SmokeTestFailed",
            Self::BadDescription(_) => "DescriptionInvalid",
            Self::Grants(_) => "GrantsInvalid",
            Self::Engine(_) | Self::Cache { .. } => "HostFailed",
        }
    }
}

fn digests(allowed: &[String]) -> String {
    if allowed.is_empty() { "none".to_owned() } else { allowed.join(" and ") }
}

/// The first line of a library's error, capped: what follows may quote the component.
pub(crate) fn first_line(error: &dyn std::fmt::Display) -> String {
    let text = format!("{error:#}");
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}
