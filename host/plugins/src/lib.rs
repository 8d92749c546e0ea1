//! The plugin host: loads WebAssembly components, gives each the rights that a manifest and an admin
//! gave it, and contains whatever it does.
//!
//! It knows no Kubernetes: where credentials come from is behind [`CredentialSource`]. A plugin is
//! called in a fresh instance each time; what outlives a call (connections, the memo) is the host's.

mod ambient;
mod aot;
mod builtin;
mod call;
mod compile;
mod component;
mod connect;
mod convert;
pub mod egress;
mod engine;
mod error;
pub mod events;
pub mod fetch;
mod generators;
mod grants;
mod guest;
mod host;
mod identity;
mod leases;
mod log;
mod memo;
mod meter;
mod needs;
mod observe;
pub mod oci;
pub mod package;
mod plugin;
mod rooms;
mod schema;
mod session;
mod source;
mod template;
mod turns;
mod usage;
mod v1;
mod writer;

pub use aot::MAX_ARTIFACTS;
pub use builtin::builtin_grants;
pub use compile::{ChildCompiler, Compiler, EXIT_NO_ROOM, EXIT_NOT_A_COMPONENT, child_main};
pub use component::Inspection;
pub use error::PluginsError;
pub use grants::{AmbientGrant, Grants};
pub use host::{HostConfig, PluginHost};
pub use observe::Observer;
pub use plugin::{Description, Plugin, PluginKind, RenderError, RenderOptions, RenderedTexts, Seed};
pub use session::{Requester, Scope, Session, StoreRef};
pub use source::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};
pub use usage::Used;
