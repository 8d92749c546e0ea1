//! For authors of Claviger plugins. A plugin is a WebAssembly component that the host runs in a sandbox: it gets a store's
//! config and the credentials that the config refers to, and reaches the servers that it named and nothing else. This is
//! its interface as Rust: two traits, the config's schema, HTTP, the memo of logins, errors, and a host for native tests.
//!
//! It is no client of Kubernetes or of any backend, and decides nothing of the host's: what a property is, when something
//! is tried again, what may be read. `docs/wit.md` of Claviger says what each call promises.
//!
//! A provider:
//!
//! ```
//! use claviger_plugin_sdk::prelude::*;
//! use serde::Deserialize;
//!
//! /// What stands under `spec.provider.vending` of a store.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(rename_all = "camelCase", deny_unknown_fields)]
//! struct Config {
//!     url: String,
//!     token_secret_ref: SecretRef,
//! }
//!
//! struct Vending;
//!
//! impl Provider for Vending {
//!     const NAME: &'static str = "vending";
//!     const VERSION: &'static str = "1.0.0";
//!     // include_str!("../config-schema.json"), which a test holds current
//!     const CONFIG_SCHEMA: &'static str = r#"{
//!       "type": "object",
//!       "properties": {"url": {"type": "string"}, "tokenSecretRef": {"type": "object", "x-claviger": "secretRef"}}
//!     }"#;
//!     type Config = Config;
//!
//!     fn connect(store: &mut Store<Config>) -> Result<Ready, Error> {
//!         store.need(need::secret("token", "/tokenSecretRef"));
//!         Ok(Ready::to([Origin::new(&store.config.url, "the vending machine")]))
//!     }
//!
//!     fn get(session: &Session<'_, Config>, item: &Item) -> Result<Value, Error> {
//!         let token = session.token("token", "/tokenSecretRef")?;
//!         let url = format!("{}/slots/{}", session.config.url, url::escaped(&item.key));
//!         let reply = session.send(Request::get(url).bearer(&token))?.ok(&item.key)?;
//!         Ok(Value::new(reply.body))
//!     }
//! }
//!
//! export_provider!(Vending);
//!
//! // And a test of it, without a sandbox:
//! use claviger_plugin_sdk::testing::{Bench, Host};
//!
//! let machine = Host::script([("GET https://vending.example/slots/a%201", Reply::new(200, "crisps"))]);
//! let config = serde_json::json!({
//!     "url": "https://vending.example", "tokenSecretRef": {"name": "coins", "key": "token"}
//! });
//! let bench = Bench::<Vending>::new(&config, machine).secret("coins", "token", "a-coin");
//! assert_eq!(bench.get("a 1").unwrap().data, b"crisps");
//! ```
//!
//! A provider whose backend tells of its changes implements [`events::Events`] besides.
//!
//! A template language implements [`Engine`] and calls [`export_engine!`]. The generated types and traits are in [`provider`]
//! and [`template`], for what the two traits leave out.

pub mod config;
pub mod connect;
pub mod engine;
pub mod events;
pub mod export;
pub mod host;
pub mod json;
pub mod login;
pub mod memo;
pub mod plugin;
pub mod prelude;
pub mod provider;
pub mod random;
pub mod reference;
pub mod request;
pub mod session;
pub mod template;
pub mod url;

#[cfg(target_arch = "wasm32")]
pub mod http;
#[cfg(not(target_arch = "wasm32"))]
pub mod schema;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use connect::Store;
pub use engine::Engine;
pub use plugin::{Generator, Provider, Writer};
pub use provider::claviger::plugin::types::{ConfigError, Error, RateLimit};
pub use reference::{ConfigMapRef, ObjectRef, SecretRef, ServiceAccountRef};
pub use request::{Reply, Request};
pub use schemars;
pub use session::Session;

/// The store's manifest is wrong at `path` (a JSON pointer into the provider's object).
pub fn invalid_config(path: &str, detail: impl Into<String>) -> Error {
    Error::InvalidConfig(ConfigError { path: path.to_owned(), detail: detail.into() })
}
