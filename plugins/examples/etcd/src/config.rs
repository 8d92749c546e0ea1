//! The provider's object of a store. Its schema is made of the type, and the host checks a store against it; what is
//! checked here is what a schema says less well, with the field's pointer in the error.

use claviger_plugin_sdk::prelude::*;
use serde::Deserialize;

/// Where the password's reference stands. A plugin asks for a place and not for a name: the host reads
/// there which Secret it is, and the type [`SecretRef`] marks the place in the schema.
pub const PASSWORD_AT: &str = "/auth/passwordSecretRef";

/// A store's config.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Where etcd serves clients: scheme, host and port
    #[schemars(regex(pattern = "^https?://[^/?#]+/?$"))]
    pub endpoint: String,
    /// What stands before every key of this store
    #[serde(default)]
    pub prefix: String,
    // The host reads it in the manifest; here it only counts that it is there.
    /// base64 of the PEM certificates that sign the server's; without it the public ones
    #[schemars(length(min = 1))]
    pub ca_bundle: Option<String>,
    /// Who logs in; left out, etcd is one without authentication
    pub auth: Option<Auth>,
}

/// Who logs in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth {
    /// User of etcd
    #[schemars(length(min = 1))]
    pub username: String,
    /// Which Secret has the password; its key is password, if it is left out
    pub password_secret_ref: SecretRef,
}

impl Config {
    /// `scheme://host:port` of the endpoint.
    ///
    /// # Errors
    /// If it is something else.
    pub fn origin(&self) -> Result<String, Error> {
        match url::server(&self.endpoint) {
            Ok((origin, path)) if path.is_empty() => Ok(origin),
            _ => Err(invalid_config("/endpoint", "it must be https://host:port (or http://host:port)")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugin_sdk::config::parse;

    use super::*;

    #[test]
    fn reads_the_whole_config() {
        let config: Config = parse(
            r#"{"endpoint":"https://etcd.example:2379/","prefix":"/prod/","caBundle":"TUlJQg==",
                "auth":{"username":"reader","passwordSecretRef":{"name":"etcd","key":"password"}}}"#,
        )
        .unwrap();
        assert_eq!(config.origin().unwrap(), "https://etcd.example:2379");
        assert_eq!((config.prefix.as_str(), config.ca_bundle.is_some()), ("/prod/", true));
        assert_eq!(config.auth.unwrap().username, "reader");
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        for endpoint in ["etcd.example:2379", "https://", "https://etcd.example/path", "unix:///etcd"] {
            let config: Config = parse(&format!(r#"{{"endpoint":"{endpoint}"}}"#)).unwrap();
            let Err(Error::InvalidConfig(error)) = config.origin() else { panic!("{endpoint}") };
            assert_eq!(error.path, "/endpoint");
        }
        assert!(matches!(parse::<Config>("{}"), Err(Error::InvalidConfig(_))));
    }
}
