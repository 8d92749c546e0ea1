//! For authors of Claviger plugins: the interface as Rust, HTTP and the memo without ceremony.
//!
//! A provider implements the two `Guest` traits of [`provider`] and calls `export_provider!`; one that leases and
//! generates, four of them and `export_leasing_provider!`, and so on for what else it exports ([`provider`] has the list); a
//! template engine the one of [`template`] and `export_template_engine!`. What decides (paths, configs, answers)
//! is best kept in plain functions, which the author's native tests reach; only what talks to the host
//! is behind `target_arch = "wasm32"`.

pub mod json;
pub mod login;
pub mod memo;
pub mod provider;
pub mod random;
pub mod request;
pub mod template;

#[cfg(target_arch = "wasm32")]
pub mod http;

pub use provider::claviger::plugin::types::{ConfigError, Error, RateLimit};

/// The store's manifest is wrong at `path` (a JSON pointer into the provider's object).
pub fn invalid_config(path: &str, detail: impl Into<String>) -> Error {
    Error::InvalidConfig(ConfigError { path: path.to_owned(), detail: detail.into() })
}
