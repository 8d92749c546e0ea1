//! The provider's object of a store: which server, trusted by what, asked by whom, for whose Secrets.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

use crate::server::Server;

/// Where the kubeconfig's reference stands.
pub const AUTH_REF: &str = "/authRef";
/// Where references of logins and authorities stand.
pub const TOKEN_AT: &str = "/auth/token/bearerToken";
/// See there.
pub const CERT_AT: &str = "/auth/cert/clientCert";
/// See there.
pub const KEY_AT: &str = "/auth/cert/clientKey";
/// See there.
pub const ACCOUNT_AT: &str = "/auth/serviceAccount";
/// See there.
pub const CA_PROVIDER_AT: &str = "/server/caProvider";
/// Authorities in the manifest.
pub const CA_BUNDLE_AT: &str = "/server/caBundle";

/// ESO's default of `server.url`: the API server of the cluster that the operator runs in.
const DEFAULT_SERVER: &str = "kubernetes.default";
/// ESO's default of `remoteNamespace`.
const DEFAULT_NAMESPACE: &str = "default";

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A bearer token in a Secret.
    Token,
    /// A client certificate in Secrets.
    Certificate,
    /// A ServiceAccount of this cluster.
    Account {
        /// For whom its token is to be; none: for the API server that makes it.
        audiences: Vec<String>,
    },
}

impl Auth {
    fn references(&self) -> &'static [&'static str] {
        match self {
            Self::Token => &[TOKEN_AT],
            Self::Certificate => &[CERT_AT, KEY_AT],
            Self::Account { .. } => &[ACCOUNT_AT],
        }
    }
}

/// What the server's certificate is verified by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ca {
    /// The public authorities.
    Public,
    /// `caBundle`.
    Inline,
    /// `caProvider`.
    Referred,
}

/// How the API server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// As a kubeconfig in a Secret says, and nothing else.
    Kubeconfig,
    /// As the store says.
    Direct {
        /// Where.
        server: Server,
        /// Verified by what.
        ca: Ca,
        /// By whom.
        auth: Auth,
    },
}

/// A store's config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How the server is reached.
    pub access: Access,
    /// Whose Secrets are read.
    pub namespace: String,
    /// Whether a reference in use means the namespace of whoever asks.
    pub referent: bool,
}

impl Config {
    /// Reads a config. `of_cluster`: of a ClusterSecretStore.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(json: &str, of_cluster: bool) -> Result<Self, Error> {
        let json: Value = serde_json::from_str(json).map_err(|_| invalid_config("", "it is not JSON"))?;
        let open = |at: &&str| of_cluster && text(&json, &format!("{at}/namespace")).is_none();
        let (access, referent) = if given(&json, AUTH_REF) {
            if given(&json, "/auth") {
                return Err(invalid_config("/auth", "authRef is given too: remove one"));
            }
            (Access::Kubeconfig, open(&AUTH_REF))
        } else {
            let auth = auth(&json)?;
            let server = Server::parse(text(&json, "/server/url").unwrap_or(DEFAULT_SERVER))
                .map_err(|why| invalid_config("/server/url", why))?;
            if auth == Auth::Certificate && !server.is_tls() {
                return Err(invalid_config("/server/url", "a client certificate needs https://"));
            }
            let referent = auth.references().iter().any(open);
            (Access::Direct { server, ca: ca(&json, of_cluster)?, auth }, referent)
        };
        let namespace = text(&json, "/remoteNamespace").unwrap_or(DEFAULT_NAMESPACE);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if namespace.len() > 63 || !namespace.chars().all(plain) {
            return Err(invalid_config("/remoteNamespace", "it is no name of a namespace"));
        }
        Ok(Self { access, namespace: namespace.to_owned(), referent })
    }
}

fn auth(json: &Value) -> Result<Auth, Error> {
    let ways = ["token", "cert", "serviceAccount"];
    let found: Vec<&str> = ways.into_iter().filter(|way| given(json, &format!("/auth/{way}"))).collect();
    let needed = |at: &str| if given(json, at) { Ok(()) } else { Err(invalid_config(at, "it is needed")) };
    match found[..] {
        ["token"] => needed(TOKEN_AT).map(|()| Auth::Token),
        ["cert"] => needed(CERT_AT).and_then(|()| needed(KEY_AT)).map(|()| Auth::Certificate),
        ["serviceAccount"] => {
            let list = json.pointer("/auth/serviceAccount/audiences").and_then(Value::as_array);
            let texts = list.into_iter().flatten().filter_map(Value::as_str);
            Ok(Auth::Account { audiences: texts.map(ToOwned::to_owned).collect() })
        }
        [] => Err(invalid_config(
            "/auth",
            "one of auth.token, auth.cert, auth.serviceAccount and authRef is needed: the operator's own rights are not lent to stores",
        )),
        _ => Err(invalid_config("/auth", format!("only one of {} may be given", found.join(", ")))),
    }
}

/// As ESO: `caBundle` before `caProvider`, and authorities of a ClusterSecretStore are not the tenant's to choose.
fn ca(json: &Value, of_cluster: bool) -> Result<Ca, Error> {
    if text(json, CA_BUNDLE_AT).is_some() {
        return Ok(Ca::Inline);
    }
    if !given(json, CA_PROVIDER_AT) {
        return Ok(Ca::Public);
    }
    if of_cluster && text(json, &format!("{CA_PROVIDER_AT}/namespace")).is_none() {
        return Err(invalid_config(
            CA_PROVIDER_AT,
            "a ClusterSecretStore must name the namespace of authorities",
        ));
    }
    Ok(Ca::Referred)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn reference() -> Value {
        json!({"name": "n", "key": "k"})
    }

    fn parse(config: &Value, of_cluster: bool) -> Result<Config, String> {
        Config::parse(&config.to_string(), of_cluster).map_err(|error| match error {
            Error::InvalidConfig(wrong) => wrong.path,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn defaults_are_esos() {
        let config = parse(&json!({"auth": {"token": {"bearerToken": reference()}}}), false).unwrap();
        let Access::Direct { server, ca, auth } = config.access else { panic!("direct") };
        assert_eq!(server.origin, "https://kubernetes.default");
        assert_eq!((ca, auth), (Ca::Public, Auth::Token));
        assert_eq!((config.namespace.as_str(), config.referent), ("default", false));
    }

    #[test]
    fn every_way_in() {
        let store = |auth: Value| json!({"server": {"url": "https://api.example"}, "auth": auth});
        let account = |more: Value| {
            let mut account = json!({"name": "sa"});
            account.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            store(json!({ "serviceAccount": account }))
        };
        let cert = json!({"cert": {"clientCert": reference(), "clientKey": reference()}});
        let none = Auth::Account { audiences: Vec::new() };
        let some = Auth::Account { audiences: vec!["a".to_owned(), "b".to_owned()] };
        for (config, expected) in [
            (store(cert), Auth::Certificate),
            (account(json!({})), none),
            (account(json!({"audiences": ["a", "b"]})), some),
        ] {
            let Access::Direct { auth, .. } = parse(&config, false).unwrap().access else {
                panic!("{config}")
            };
            assert_eq!(auth, expected);
        }
        let by_file = json!({"authRef": reference(), "server": {"url": "anything at all"}, "remoteNamespace": "team-a"});
        let config = parse(&by_file, false).unwrap();
        assert_eq!((config.access, config.namespace.as_str()), (Access::Kubeconfig, "team-a"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let token = json!({"token": {"bearerToken": reference()}});
        let cert = json!({"cert": {"clientCert": reference(), "clientKey": reference()}});
        for (config, path) in [
            (json!({}), "/auth"),
            (json!({"auth": {}}), "/auth"),
            (json!({"auth": token, "authRef": reference()}), "/auth"),
            (
                json!({"auth": {"token": {"bearerToken": reference()}, "serviceAccount": {"name": "x"}}}),
                "/auth",
            ),
            (json!({"auth": {"token": {}}}), "/auth/token/bearerToken"),
            (json!({"auth": {"cert": {"clientCert": reference()}}}), "/auth/cert/clientKey"),
            (json!({"auth": token, "server": {"url": "ftp://x"}}), "/server/url"),
            (json!({"auth": cert, "server": {"url": "http://x"}}), "/server/url"),
            (json!({"auth": token, "remoteNamespace": "a/b"}), "/remoteNamespace"),
        ] {
            assert_eq!(parse(&config, false), Err(path.to_owned()), "{config}");
        }
        assert!(Config::parse("{", false).is_err());
    }

    #[test]
    fn whose_namespace_is_meant() {
        let (open, fixed) =
            (json!({"name": "n", "key": "k"}), json!({"name": "n", "key": "k", "namespace": "x"}));
        let with = |auth: Value| json!({ "auth": auth });
        for (config, referent) in [
            (with(json!({"token": {"bearerToken": open}})), true),
            (with(json!({"token": {"bearerToken": fixed}})), false),
            (with(json!({"cert": {"clientCert": fixed, "clientKey": open}})), true),
            (with(json!({"cert": {"clientCert": fixed, "clientKey": fixed}})), false),
            (with(json!({"serviceAccount": {"name": "sa"}})), true),
            (with(json!({"serviceAccount": {"name": "sa", "namespace": "x"}})), false),
            (json!({"authRef": open}), true),
            (json!({"authRef": fixed}), false),
        ] {
            assert_eq!(parse(&config, true).unwrap().referent, referent, "{config}");
            assert!(!parse(&config, false).unwrap().referent, "a SecretStore has its own: {config}");
        }
    }

    #[test]
    fn authorities() {
        let with = |server: Value| json!({"server": server, "auth": {"token": {"bearerToken": reference()}}});
        let (open, fixed) = (
            json!({"type": "ConfigMap", "name": "c", "key": "k"}),
            json!({"type": "Secret", "name": "c", "namespace": "x"}),
        );
        for (server, of_cluster, expected) in [
            (json!({}), true, Ok(Ca::Public)),
            (json!({"caBundle": "Q0E="}), true, Ok(Ca::Inline)),
            (json!({"caBundle": "Q0E=", "caProvider": open}), true, Ok(Ca::Inline)),
            (json!({"caBundle": "", "caProvider": open}), false, Ok(Ca::Referred)),
            (json!({"caProvider": open}), true, Err("/server/caProvider".to_owned())),
            (json!({"caProvider": fixed}), true, Ok(Ca::Referred)),
        ] {
            let found = parse(&with(server.clone()), of_cluster).map(|config| match config.access {
                Access::Direct { ca, .. } => ca,
                Access::Kubeconfig => panic!("direct"),
            });
            assert_eq!(found, expected, "{server}");
        }
    }

    /// Every field of ESO's, as its definition of SecretStore lists them, is one that the schema takes, and every
    /// reference is marked.
    #[test]
    fn the_schema_takes_every_field() {
        let schema: Value = serde_json::from_str(include_str!("../config-schema.json")).unwrap();
        let resolved = |place: &'_ Value| match place["$ref"].as_str() {
            Some(at) => schema.pointer(at.trim_start_matches('#')).unwrap().clone(),
            None => place.clone(),
        };
        let fields = include_str!("../../../crds/tests/eso-fields/provider-kubernetes.txt");
        let mut count = 0;
        for line in fields.lines().filter(|line| !line.starts_with('#')) {
            let (path, kind) = line.split_once(" : ").unwrap();
            let mut place = schema.clone();
            for step in path.split('.') {
                place = resolved(&place["properties"][step.trim_end_matches('*')]);
                assert!(place.is_object(), "{path}");
            }
            let mark = match (path, kind) {
                ("server.caProvider", _) => Some("objectRef"),
                (_, kind) if kind.starts_with("ref{") => Some("secretRef"),
                (_, kind) if kind.starts_with("ServiceAccountSelector{") => Some("serviceAccountRef"),
                _ => None,
            };
            assert_eq!(place["x-claviger"].as_str(), mark, "{path}");
            let inner = kind
                .split_once('{')
                .and_then(|(_, rest)| rest.split_once('}'))
                .map_or("", |(inner, _)| inner);
            for field in inner.split(',').filter(|field| !field.is_empty()) {
                assert!(place["properties"][field.trim_end_matches("[]")].is_object(), "{path}: {kind}");
            }
            count += 1;
        }
        assert_eq!(count, 17);
    }
}
