//! The provider's object: the fields that are not about logging in or TLS.

use claviger_plugin_sdk::json::text;
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

use crate::headers;
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
    /// More header fields of every request.
    pub headers: Vec<(String, String)>,
    /// Whether answers tell how new the next ones must be (`X-Vault-Index`). `forwardInconsistent` has no
    /// sense without, so it brings it along.
    pub read_your_writes: bool,
    /// Whether a standby that is behind hands the request on, instead of answering 412.
    pub forward_inconsistent: bool,
    /// Everything.
    pub json: Value,
}

impl Config {
    /// Parses; `settings` are the host's, and may name the mount of stores that name none.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(config: &str, settings: &str) -> Result<Self, Error> {
        let json: Value = serde_json::from_str(config).map_err(|_| invalid_config("", "it is not JSON"))?;
        let server = text(&json, "/server")
            .ok_or_else(|| invalid_config("/server", "the address of Vault is needed"))?;
        if !(server.starts_with("https://") || server.starts_with("http://")) {
            return Err(invalid_config("/server", "it must begin with https:// (or http://)"));
        }
        if server.contains(['?', '#']) {
            return Err(invalid_config("/server", "it has no query and no fragment"));
        }
        let kv = match text(&json, "/version") {
            None | Some("v2") => Kv::V2,
            Some("v1") => Kv::V1,
            Some(_) => return Err(invalid_config("/version", "it must be v1 or v2")),
        };
        let owned = |pointer: &str| text(&json, pointer).map(ToOwned::to_owned);
        let namespace = owned("/namespace");
        let on = |pointer: &str| json.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
        if kv == Kv::V1 && on("/checkAndSet/required") {
            return Err(invalid_config("/checkAndSet", "KV version 1 has no check-and-set: remove it"));
        }
        let settings: Value = serde_json::from_str(settings).unwrap_or_default();
        let mount = text(&json, "/path").or_else(|| text(&settings, "/mount"));
        let mount = mount.map(|path| path.trim_matches('/').to_owned());
        Ok(Self {
            server: server.trim_end_matches('/').to_owned(),
            mount: mount.filter(|path| !path.is_empty()),
            kv,
            login_namespace: owned("/auth/namespace").or_else(|| namespace.clone()),
            namespace,
            headers: headers::of_manifest(&json)?,
            read_your_writes: on("/readYourWrites") || on("/forwardInconsistent"),
            forward_inconsistent: on("/forwardInconsistent"),
            json,
        })
    }

    /// The field that the login's namespace comes from.
    pub fn login_namespace_at(&self) -> &'static str {
        if text(&self.json, "/auth/namespace").is_some() { "/auth/namespace" } else { "/namespace" }
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
            Config::parse(r#"{"server":"https://v.example:8200/prefix/","namespace":"a/b"}"#, "").unwrap();
        assert_eq!(config.server, "https://v.example:8200/prefix");
        assert_eq!(config.origin(), "https://v.example:8200");
        assert_eq!(config.kv, Kv::V2);
        assert_eq!(config.login_namespace.as_deref(), Some("a/b"));
        for (bad, path) in [
            (r#"{"server":"vault.example"}"#, "/server"),
            (r#"{"server":"https://v?x=y"}"#, "/server"),
            ("{}", "/server"),
            (r#"{"server":"https://v","version":"v3"}"#, "/version"),
            (r#"{"server":"https://v","version":"v1","checkAndSet":{"required":true}}"#, "/checkAndSet"),
            (r#"{"server":"https://v","headers":{"X-Vault-Token":"root"}}"#, "/headers"),
        ] {
            let Err(Error::InvalidConfig(error)) = Config::parse(bad, "") else { panic!("{bad}") };
            assert_eq!(error.path, path, "{bad}");
        }
    }

    #[test]
    fn namespaces_mount_and_consistency() {
        let config = Config::parse(
            r#"{"server":"https://v","namespace":"a/b","path":"/kv/","auth":{"namespace":"a"},"forwardInconsistent":true}"#,
            r#"{"mount":"other"}"#,
        )
        .unwrap();
        assert_eq!(config.login_namespace.as_deref(), Some("a"));
        assert_eq!(config.namespace.as_deref(), Some("a/b"));
        assert_eq!(config.mount.as_deref(), Some("kv"));
        assert!(config.read_your_writes && config.forward_inconsistent);
    }

    /// ESO's provider `openBao` has a default, and `vault` has none.
    #[test]
    fn a_store_without_a_mount_has_the_host_s() {
        let mount = |config, settings| Config::parse(config, settings).unwrap().mount;
        let store = r#"{"server":"https://v"}"#;
        assert_eq!(mount(store, r#"{"mount":"kv"}"#).as_deref(), Some("kv"));
        assert_eq!(mount(store, r#"{"endpoints":{}}"#), None);
        assert_eq!(mount(store, ""), None);
    }

    /// Every field of ESO's, as its definition of SecretStore lists them, is one that the schema takes.
    #[test]
    fn the_schema_takes_every_field_of_eso() {
        let schema: Value = serde_json::from_str(include_str!("../config-schema.json")).unwrap();
        let fields = include_str!("../../../crds/tests/eso-fields/provider-vault.txt");
        let resolved = |place: &'_ Value| match place["$ref"].as_str() {
            Some(at) => schema.pointer(at.trim_start_matches('#')).unwrap().clone(),
            None => place.clone(),
        };
        let mut count = 0;
        for line in fields.lines().filter(|line| !line.starts_with('#')) {
            let (path, kind) = line.split_once(" : ").unwrap();
            let mut place = schema.clone();
            for step in path.split('.') {
                place = resolved(&place["properties"][step.trim_end_matches('*')]);
                assert!(place.is_object(), "{path}");
            }
            // ref{key,name,namespace}, ServiceAccountSelector{name,namespace,audiences[]}.
            let inner = kind
                .split_once('{')
                .and_then(|(_, rest)| rest.split_once('}'))
                .map_or("", |(inner, _)| inner);
            for field in inner.split(',').filter(|field| !field.is_empty()) {
                let field = &place["properties"][field.trim_end_matches("[]")];
                assert!(field.is_object(), "{path}: {kind}");
            }
            count += 1;
        }
        assert_eq!(count, 78);
    }
}
