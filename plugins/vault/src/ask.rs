//! What is asked of Vault, as far as it does not depend on the store or the token: those are `client`'s.

use serde_json::Value;

/// What a path leads to: in which namespace it is asked for, and what a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A KV engine.
    Kv,
    /// Another engine, or `sys`.
    Engine,
    /// Tokens, which are in the login's namespace.
    Tokens,
}

/// A request as far as its path decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// `GET`, `LIST`, `PUT`, `DELETE`.
    pub method: &'static str,
    /// Below `/v1/`.
    pub path: String,
    /// With its question mark, or empty.
    pub query: String,
    /// JSON, or empty.
    pub body: String,
    /// See there.
    pub of: Of,
}

impl Ask {
    /// A read of KV without query.
    pub fn get(path: String) -> Self {
        Self { method: "GET", path, query: String::new(), body: String::new(), of: Of::Kv }
    }

    /// A list of KV.
    pub fn list(path: String) -> Self {
        Self { method: "LIST", ..Self::get(path) }
    }

    /// A write.
    pub fn put(of: Of, path: String, body: &Value) -> Self {
        Self { method: "PUT", body: body.to_string(), of, ..Self::get(path) }
    }
}
