//! The provider's object: the fields that are not about logging in or TLS.

use claviger_plugin_sdk::json::text;
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

use crate::path::Kv;

/// A store's config, ready for use.
#[derive(Debug)]
pub struct Config {
    /// Without a slash at the end.
    pub server: String,
    /// Where KV is mounted.
    pub mount: Option<String>,
    /// Which KV.
    pub kv: Kv,
    /// `X-Vault-Namespace` of reads.
    pub namespace: Option<String>,
    /// `X-Vault-Namespace` of the login.
    pub login_namespace: Option<String>,
    /// More header fields.
    pub headers: Vec<(String, String)>,
    /// Everything.
    pub json: Value,
}

impl Config {
    /// Parses.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(config: &str) -> Result<Self, Error> {
        let json: Value = serde_json::from_str(config).map_err(|_| invalid_config("", "it is not JSON"))?;
        let server = text(&json, "/server")
            .ok_or_else(|| invalid_config("/server", "the address of Vault is needed"))?;
        if !(server.starts_with("https://") || server.starts_with("http://")) {
            return Err(invalid_config("/server", "it must begin with https:// (or http://)"));
        }
        let kv = match text(&json, "/version") {
            None | Some("v2") => Kv::V2,
            Some("v1") => Kv::V1,
            Some(_) => return Err(invalid_config("/version", "it must be v1 or v2")),
        };
        let owned = |pointer: &str| text(&json, pointer).map(ToOwned::to_owned);
        let namespace = owned("/namespace");
        let headers = json.pointer("/headers").and_then(Value::as_object).into_iter().flatten();
        Ok(Self {
            server: server.trim_end_matches('/').to_owned(),
            mount: owned("/path"),
            kv,
            login_namespace: owned("/auth/namespace").or_else(|| namespace.clone()),
            namespace,
            headers: headers
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            json,
        })
    }

    /// scheme://host:port of the server: what may stand behind it is part of the request.
    pub fn origin(&self) -> String {
        let after = self.server.find("://").map_or(0, |at| at + 3);
        let end = self.server[after..].find('/').map_or(self.server.len(), |at| after + at);
        self.server[..end].to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn defaults_and_origin() {
        let config =
            Config::parse(r#"{"server":"https://v.example:8200/prefix/","namespace":"a/b"}"#).unwrap();
        assert_eq!(config.server, "https://v.example:8200/prefix");
        assert_eq!(config.origin(), "https://v.example:8200");
        assert_eq!(config.kv, Kv::V2);
        assert_eq!(config.login_namespace.as_deref(), Some("a/b"));
        for bad in [r#"{"server":"vault.example"}"#, "{}", r#"{"server":"https://v","version":"v3"}"#] {
            assert!(matches!(Config::parse(bad), Err(Error::InvalidConfig(_))), "{bad}");
        }
    }
}
