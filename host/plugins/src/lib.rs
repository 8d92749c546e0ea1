//! The plugin host: loads WebAssembly components, gives each the rights that a manifest and an admin
//! gave it, and contains whatever it does.
//!
//! It knows no Kubernetes: where credentials come from is behind [`CredentialSource`]. A plugin is
//! called in a fresh instance each time; what outlives a call (connections, the memo) is the host's.
//!
//! A component is loaded by its digest, and asked for two keys of a store that refers to nothing:
//!
//! ```
//! use std::sync::Arc;
//!
//! use claviger_core::provider::{Facet, Item, Nature};
//! use claviger_plugins::package::{unpack, verify};
//! use claviger_plugins::{Grants, HostConfig, PluginHost, Requester, StoreRef};
//! # use std::time::Duration;
//! # use claviger_core::provider::NeedError;
//! # use claviger_core::secret::SecretBytes;
//! # use claviger_plugins::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};
//! # struct Nothing;
//! # #[async_trait::async_trait]
//! # impl CredentialSource for Nothing {
//! #     async fn object(&self, _: ObjectKind, _: &str, _: &str, _: &str) -> Result<ObjectAnswer, NeedError> {
//! #         unreachable!()
//! #     }
//! #     async fn account(&self, _: &str, _: &str) -> Result<AccountAnswer, NeedError> {
//! #         unreachable!()
//! #     }
//! #     async fn token(
//! #         &self, _: &str, _: &str, _: &[String], _: Option<Duration>,
//! #     ) -> Result<TokenAnswer, NeedError> {
//! #         unreachable!()
//! #     }
//! #     async fn ambient(&self, _: AmbientKind, _: &str) -> Result<Option<SecretBytes>, NeedError> {
//! #         unreachable!()
//! #     }
//! #     fn api_server_audiences(&self) -> Vec<String> {
//! #         Vec::new()
//! #     }
//! # }
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! let component = unpack(std::fs::read("tests/v1/fake.wasm.zst")?)?;
//! let named = "sha256:0000000000000000000000000000000000000000000000000000000000000000".to_owned();
//! assert!(verify(&component, &[named]).is_err()); // not the one that an admin named
//!
//! let host = PluginHost::new(HostConfig::default())?;
//! // No origin, no address, no surroundings; 64 MiB and one second of CPU for each call.
//! let fake = host.load("fake", component, Grants::default()).await?;
//!
//! let store = StoreRef {
//!     kind: "SecretStore".to_owned(),
//!     name: "fake".to_owned(),
//!     namespace: Some("production".to_owned()),
//!     uid: "5f0c".to_owned(),
//!     generation: 1,
//! };
//! let config = serde_json::json!({"data": [{"key": "greeting", "value": "hello"}]});
//! let requester = Requester { namespace: "production".to_owned() };
//! // `Nothing` is a `CredentialSource` that nobody may ask.
//! let session = fake.connect(store, requester, config, Arc::new(Nothing)).await?;
//!
//! let item = |key: &str| Item {
//!     key: key.to_owned(),
//!     version: None,
//!     property: None,
//!     facet: Facet::Value,
//!     nature: Nature::Stored,
//! };
//! let answers = session.get(&[item("greeting"), item("absent")]).await?;
//! assert!(answers[0].as_ref().is_ok_and(|value| value.data.expose() == b"hello"));
//! assert!(answers[1].is_err()); // one that is missing fails alone
//! # Ok(())
//! # }
//! ```

mod ambient;
pub mod answers;
mod aot;
mod ask;
mod builtin;
mod call;
mod compile;
mod component;
mod connect;
mod convert;
mod described;
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
mod render;
mod rooms;
mod schema;
mod session;
mod source;
mod store_text;
mod turns;
mod usage;
mod v1;
mod writer;

pub use aot::MAX_ARTIFACTS;
pub use builtin::builtin_grants;
pub use compile::{ChildCompiler, Compiler, EXIT_NO_ROOM, EXIT_NOT_A_COMPONENT, child_main};
pub use component::{Inspection, check_encoding};
pub use error::PluginsError;
pub use grants::{AmbientGrant, Grants};
pub use host::{HostConfig, PluginHost};
pub use observe::Observer;
pub use plugin::{Description, Plugin, PluginKind, Seed};
pub use render::{RenderError, RenderOptions, RenderedTexts};
pub use schema::{ConfigSchema, Mark};
pub use session::{Requester, Scope, Session, StoreRef};
pub use source::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};
pub use usage::Used;
