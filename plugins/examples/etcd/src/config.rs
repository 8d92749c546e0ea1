//! The provider's object of a store. The host has checked it against `config-schema.json` already; what is
//! checked here is what a schema says less well, with the field's pointer in the error.

use claviger_plugin_sdk::{Error, invalid_config};
use serde::Deserialize;

/// Where the password's reference stands. A plugin asks for a place and not for a name: the host reads
/// there which Secret it is, and the schema marks the place (`x-claviger: secretRef`).
pub const PASSWORD_AT: &str = "/auth/passwordSecretRef";

/// A store's config.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// scheme://host:port, without a slash at the end.
    pub endpoint: String,
    /// Before every key.
    #[serde(default)]
    pub prefix: String,
    /// base64 of PEM. The host reads it in the manifest; here it only counts that it is there.
    #[serde(default)]
    pub ca_bundle: Option<String>,
    /// None: etcd without authentication.
    #[serde(default)]
    pub auth: Option<Auth>,
}

/// Who logs in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// User of etcd.
    pub username: String,
    /// Which Secret has the password.
    pub password_secret_ref: Reference,
}

/// A reference, as far as a plugin needs to know it.
#[derive(Debug, Deserialize)]
pub struct Reference {
    /// Left out: the namespace of whoever asks.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl Config {
    /// Reads a config.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(json: &str) -> Result<Self, Error> {
        // Without serde's words: they may quote the config.
        let mut config: Self = serde_json::from_str(json)
            .map_err(|_| invalid_config("", "endpoint is needed; see the schema"))?;
        config.endpoint.truncate(config.endpoint.trim_end_matches('/').len());
        let host = ["https://", "http://"].iter().find_map(|scheme| config.endpoint.strip_prefix(scheme));
        match host {
            Some(host) if !host.is_empty() && !host.contains('/') => Ok(config),
            _ => Err(invalid_config("/endpoint", "it must be https://host:port (or http://host:port)")),
        }
    }

    /// Does the credential depend on who asks? Then no two namespaces may share an answer.
    pub fn is_referent(&self, cluster_store: bool) -> bool {
        let namespace = self.auth.as_ref().map(|auth| &auth.password_secret_ref.namespace);
        cluster_store && namespace.is_some_and(|namespace| namespace.as_deref().is_none_or(str::is_empty))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_the_whole_config() {
        let config = Config::parse(
            r#"{"endpoint":"https://etcd.example:2379/","prefix":"/prod/","caBundle":"TUlJQg==",
                "auth":{"username":"reader","passwordSecretRef":{"name":"etcd","key":"password"}}}"#,
        )
        .unwrap();
        assert_eq!(config.endpoint, "https://etcd.example:2379");
        assert_eq!((config.prefix.as_str(), config.ca_bundle.is_some()), ("/prod/", true));
        assert!(config.is_referent(true) && !config.is_referent(false));
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        for endpoint in ["etcd.example:2379", "https://", "https://etcd.example/path", "unix:///etcd"] {
            let config = format!(r#"{{"endpoint":"{endpoint}"}}"#);
            let Err(Error::InvalidConfig(error)) = Config::parse(&config) else { panic!("{endpoint}") };
            assert_eq!(error.path, "/endpoint");
        }
        assert!(matches!(Config::parse("{}"), Err(Error::InvalidConfig(_))));
    }
}
