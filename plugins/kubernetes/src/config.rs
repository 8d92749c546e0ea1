//! The provider's object of a store: which server, trusted by what, asked by whom, for whose Secrets.

use claviger_plugin_sdk::prelude::*;
use serde::Deserialize;

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

/// A store's object as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    server: Option<Where>,
    auth: Option<Login>,
    /// A kubeconfig, in place of server and auth
    auth_ref: Option<SecretRef>,
    /// Whose Secrets are read; default, if it is left out
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    remote_namespace: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Where {
    /// Address of the API server; kubernetes.default, if it is left out
    url: Option<String>,
    /// base64 of the PEM certificates that sign the server's; without it and caProvider the public ones
    ca_bundle: Option<String>,
    ca_provider: Option<ObjectRef>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct Login {
    token: Option<Bearer>,
    cert: Option<Certificate>,
    service_account: Option<ServiceAccountRef>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the host reads it, at its place")]
struct Bearer {
    bearer_token: SecretRef,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the host reads it, at its place")]
struct Certificate {
    client_cert: SecretRef,
    client_key: SecretRef,
}

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

/// What is meant by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How the server is reached.
    pub access: Access,
    /// Whose Secrets are read.
    pub namespace: String,
}

impl Config {
    /// Reads a config. `of_cluster`: of a ClusterSecretStore.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn of(manifest: &Manifest, of_cluster: bool) -> Result<Self, Error> {
        let access = if manifest.auth_ref.is_some() {
            if manifest.auth.is_some() {
                return Err(invalid_config("/auth", "authRef is given too: remove one"));
            }
            Access::Kubeconfig
        } else {
            let auth = auth(manifest.auth.as_ref())?;
            let url = manifest.server.as_ref().and_then(|server| given(&server.url));
            let server = Server::parse(url.unwrap_or(DEFAULT_SERVER))
                .map_err(|why| invalid_config("/server/url", why))?;
            if auth == Auth::Certificate && !server.is_tls() {
                return Err(invalid_config("/server/url", "a client certificate needs https://"));
            }
            Access::Direct { server, ca: ca(manifest.server.as_ref(), of_cluster)?, auth }
        };
        let namespace = given(&manifest.remote_namespace).unwrap_or(DEFAULT_NAMESPACE);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if namespace.len() > 63 || !namespace.chars().all(plain) {
            return Err(invalid_config("/remoteNamespace", "it is no name of a namespace"));
        }
        Ok(Self { access, namespace: namespace.to_owned() })
    }
}

/// A text that is not empty.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn auth(login: Option<&Login>) -> Result<Auth, Error> {
    let token = login.and_then(|login| login.token.as_ref()).map(|_| ("token", Auth::Token));
    let cert = login.and_then(|login| login.cert.as_ref()).map(|_| ("cert", Auth::Certificate));
    let account = login.and_then(|login| login.service_account.as_ref());
    let account =
        account.map(|account| ("serviceAccount", Auth::Account { audiences: account.audiences.clone() }));
    let mut ways: Vec<_> = [token, cert, account].into_iter().flatten().collect();
    match (ways.pop(), &ways[..]) {
        (Some((_, auth)), []) => Ok(auth),
        (None, _) => Err(invalid_config(
            "/auth",
            "one of auth.token, auth.cert, auth.serviceAccount and authRef is needed: the operator's own rights are not lent to stores",
        )),
        (Some((last, _)), others) => {
            let names: Vec<&str> = others.iter().map(|(name, _)| *name).chain([last]).collect();
            Err(invalid_config("/auth", format!("only one of {} may be given", names.join(", "))))
        }
    }
}

/// As ESO: `caBundle` before `caProvider`, and authorities of a ClusterSecretStore are not the tenant's to choose.
fn ca(server: Option<&Where>, of_cluster: bool) -> Result<Ca, Error> {
    if server.is_some_and(|server| given(&server.ca_bundle).is_some()) {
        return Ok(Ca::Inline);
    }
    let provider = server.and_then(|server| server.ca_provider.as_ref());
    let Some(provider) = provider else { return Ok(Ca::Public) };
    if of_cluster && given(&provider.namespace).is_none() {
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
    use claviger_plugin_sdk::config;
    use claviger_plugin_sdk::testing::{Bench, Host};
    use serde_json::{Value, json};

    use super::*;
    use crate::Kubernetes;

    fn reference() -> Value {
        json!({"name": "n", "key": "k"})
    }

    fn parse(config: &Value, of_cluster: bool) -> Result<Config, String> {
        let manifest = config::parse::<Manifest>(&config.to_string());
        manifest.and_then(|manifest| Config::of(&manifest, of_cluster)).map_err(|error| match error {
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
        assert_eq!(config.namespace, "default");
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
            (json!({"auth": {"token": {}}}), "/auth/token"),
            (json!({"auth": {"cert": {"clientCert": reference()}}}), "/auth/cert"),
            (json!({"auth": token, "server": {"url": "ftp://x"}}), "/server/url"),
            (json!({"auth": cert, "server": {"url": "http://x"}}), "/server/url"),
            (json!({"auth": token, "remoteNamespace": "a/b"}), "/remoteNamespace"),
        ] {
            assert_eq!(parse(&config, false), Err(path.to_owned()), "{config}");
        }
    }

    const KUBECONFIG: &str = "{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}], \
        clusters: [{name: c, cluster: {server: 'h:1'}}], users: [{name: u, user: {token: t}}]}";

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
            let value = if config["authRef"].is_null() { "word" } else { KUBECONFIG };
            let bench = || {
                let bench = Bench::<Kubernetes>::new(&config, Host::silent()).secret("n", "k", value);
                bench.account_token("sa", "word")
            };
            let ready = bench().cluster_store("tenant").connect().unwrap();
            assert_eq!(ready.partition.as_deref(), referent.then_some("tenant"), "{config}");
            let own = bench().connect().unwrap();
            assert_eq!(own.partition, None, "a SecretStore has its own: {config}");
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
