//! A kubeconfig: what its current context says of the server and of who asks. Only what the file holds itself: what names
//! files or programs would mean those of the operator's pod, and is refused.

use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

use crate::config::AUTH_REF;
use crate::server::Server;
use crate::yaml;

/// What a kubeconfig's current context comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubeconfig {
    /// Where the API server is.
    pub server: Server,
    /// Its certificates' authorities: base64 of PEM, as it stands there.
    pub ca: Option<String>,
    /// Instead of the URL's host.
    pub server_name: Option<String>,
    /// A bearer token.
    pub token: Option<String>,
    /// A client certificate and its key: base64 of PEM, as they stand there.
    pub certificate: Option<(String, String)>,
}

/// Fields of a user that mean something which is not in the file, or is not for a store, and what to do instead.
const REFUSED: [(&str, &str); 8] = [
    ("exec", "it starts a program: use a token or a client certificate"),
    ("auth-provider", "it needs a program of the cloud's: use a token or a client certificate"),
    ("tokenFile", "it is a file: use token"),
    ("client-certificate", "it is a file: use client-certificate-data"),
    ("client-key", "it is a file: use client-key-data"),
    ("username", "API servers know no passwords any more: use a token or a client certificate"),
    ("as", "a store does not impersonate: use that one's own credential"),
    ("as-uid", "a store does not impersonate: use that one's own credential"),
];

impl Kubeconfig {
    /// Reads one.
    ///
    /// # Errors
    /// What is missing, or not taken, by its place; never with a value.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let file = std::str::from_utf8(bytes).map_err(|_| wrong("it is not text"))?;
        let file = yaml::parse(file)
            .filter(Value::is_object)
            .ok_or_else(|| wrong("it is not YAML (without anchors and tags)"))?;
        let current = text(&file, "current-context").ok_or_else(|| wrong("current-context is needed"))?;
        let context = named(&file, "contexts", "context", current)?;
        let part = |field: &str| {
            text(context, field).ok_or_else(|| wrong(&format!("the current context names no {field}")))
        };
        let cluster = named(&file, "clusters", "cluster", part("cluster")?)?;
        let user = named(&file, "users", "user", part("user")?)?;
        let (server, ca, server_name) = of_cluster(cluster)?;
        let (token, certificate) = of_user(user)?;
        if certificate.is_some() && !server.is_tls() {
            return Err(wrong("a client certificate needs a server with https://"));
        }
        Ok(Self { server, ca, server_name, token, certificate })
    }
}

type OfCluster = (Server, Option<String>, Option<String>);

fn of_cluster(cluster: &Value) -> Result<OfCluster, Error> {
    let refused = |field: &str, why: &str| Err(wrong(&format!("the cluster's {field} is not taken: {why}")));
    let server = text(cluster, "server").ok_or_else(|| wrong("the cluster has no server"))?;
    let server = Server::parse(server).map_err(|why| wrong(&format!("the cluster's server: {why}")))?;
    let ca = text(cluster, "certificate-authority-data").map(ToOwned::to_owned);
    if ca.is_none() && text(cluster, "certificate-authority").is_some() {
        return refused("certificate-authority", "it is a file: use certificate-authority-data");
    }
    if is_on(cluster, "insecure-skip-tls-verify") {
        return refused("insecure-skip-tls-verify", "give certificate-authority-data");
    }
    if text(cluster, "proxy-url").is_some() {
        return refused("proxy-url", "a proxy is the operator's to set");
    }
    Ok((server, ca, text(cluster, "tls-server-name").map(ToOwned::to_owned)))
}

type OfUser = (Option<String>, Option<(String, String)>);

fn of_user(user: &Value) -> Result<OfUser, Error> {
    let owned = |field: &str| text(user, field).map(ToOwned::to_owned);
    let (token, cert, key) = (owned("token"), owned("client-certificate-data"), owned("client-key-data"));
    for (field, why) in REFUSED {
        // As client-go: data before the file.
        let instead = match field {
            "tokenFile" => token.is_some(),
            "client-certificate" => cert.is_some(),
            "client-key" => key.is_some(),
            _ => false,
        };
        if !instead && user.get(field).is_some_and(|value| !is_empty(value)) {
            return Err(wrong(&format!("the user's {field} is not taken: {why}")));
        }
    }
    let certificate = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => return Err(wrong("client-certificate-data and client-key-data belong together")),
    };
    if token.is_none() && certificate.is_none() {
        return Err(wrong("the user has neither token nor client-certificate-data with client-key-data"));
    }
    Ok((token, certificate))
}

/// What a list has under a name.
fn named<'f>(file: &'f Value, list: &str, field: &str, name: &str) -> Result<&'f Value, Error> {
    let entries = file.get(list).and_then(Value::as_array).into_iter().flatten();
    let mut found = entries.filter(|entry| text(entry, "name") == Some(name));
    let entry = found.next().and_then(|entry| entry.get(field));
    entry
        .ok_or_else(|| wrong(&format!("{list} has no {field} of the name that the current context leads to")))
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn is_on(value: &Value, field: &str) -> bool {
    match value.get(field) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        // Whatever it may mean.
        Some(_) => true,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn wrong(what: &str) -> Error {
    invalid_config(AUTH_REF, format!("the kubeconfig cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn file(cluster: Value, user: Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "prod", "preferences": {},
            "contexts": [
                {"name": "dev", "context": {"cluster": "d", "user": "d"}},
                {"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "elsewhere"}},
            ],
            "clusters": [{"name": "d", "cluster": {"server": "https://dev"}}, {"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}, {"name": "d", "user": {"exec": {"command": "x"}}}],
        })
    }

    fn parsed(file: &Value) -> Result<Kubeconfig, String> {
        Kubeconfig::parse(file.to_string().as_bytes()).map_err(|error| {
            let Error::InvalidConfig(wrong) = error else { panic!("{error:?}") };
            assert_eq!(wrong.path, "/authRef");
            wrong.detail
        })
    }

    /// As `kubectl config view --raw` prints it.
    #[test]
    fn the_current_context_counts() {
        let yaml = "apiVersion: v1\nkind: Config\ncurrent-context: prod\ncontexts:\n- context:\n    cluster: c\n    user: u\n  name: prod\n\
                    clusters:\n- cluster:\n    certificate-authority-data: Q0E=\n    server: https://10.0.0.1:6443\n  name: c\n\
                    users:\n- name: u\n  user:\n    client-certificate-data: Q0VSVA==\n    client-key-data: S0VZ\n    token: the-token\n";
        let found = Kubeconfig::parse(yaml.as_bytes()).unwrap();
        assert_eq!(found.server.origin, "https://10.0.0.1:6443");
        assert_eq!(found.ca.as_deref(), Some("Q0E="));
        assert_eq!(found.token.as_deref(), Some("the-token"));
        assert_eq!(found.certificate, Some(("Q0VSVA==".to_owned(), "S0VZ".to_owned())));
        assert_eq!(found.server_name, None);
        let more = json!({"server": "https://g.example/k8s/c-1/", "tls-server-name": "kubernetes", "insecure-skip-tls-verify": false});
        let found = parsed(&file(more, json!({"token": "t\n", "tokenFile": "/x"}))).unwrap();
        assert_eq!(
            (found.server.path.as_str(), found.server_name.as_deref()),
            ("/k8s/c-1", Some("kubernetes"))
        );
        assert_eq!((found.token.as_deref(), found.ca), (Some("t"), None));
    }

    #[test]
    fn what_is_not_taken_is_named() {
        let (server, token) = (json!({"server": "https://x"}), json!({"token": "MARKED-token"}));
        let with = |base: &Value, field: &str, value: Value| {
            let mut more = base.clone();
            more[field] = value;
            more
        };
        let of_cluster = |field: &str, value: Value| file(with(&server, field, value), token.clone());
        let of_user = |field: &str, value: Value| file(server.clone(), json!({ field: value }));
        let mut no_context = file(server.clone(), token.clone());
        no_context["current-context"] = "none".into();
        let mut no_current = file(server.clone(), token.clone());
        no_current["current-context"] = "".into();
        for (file, said) in [
            (
                of_cluster("certificate-authority", json!("/etc/ca.crt")),
                "certificate-authority is not taken: it is a file",
            ),
            (of_cluster("insecure-skip-tls-verify", json!(true)), "insecure-skip-tls-verify"),
            (of_cluster("insecure-skip-tls-verify", json!("yes")), "insecure-skip-tls-verify"),
            (of_cluster("proxy-url", json!("http://p")), "proxy-url"),
            (of_cluster("server", json!("")), "no server"),
            (of_cluster("server", json!("ftp://x")), "the cluster's server"),
            (of_user("exec", json!({"command": "aws"})), "exec is not taken: it starts a program"),
            (of_user("auth-provider", json!({"name": "gcp"})), "auth-provider"),
            (of_user("tokenFile", json!("/var/token")), "tokenFile is not taken: it is a file"),
            (of_user("client-certificate", json!("/c")), "client-certificate is not taken"),
            (of_user("client-key", json!("/k")), "client-key is not taken"),
            (of_user("username", json!("me")), "username"),
            (file(server.clone(), json!({"token": "t", "as": "root"})), "as is not taken"),
            (of_user("client-certificate-data", json!("Q0VSVA==")), "belong together"),
            (of_user("token", json!("")), "neither token nor"),
            (
                file(
                    json!({"server": "http://x"}),
                    json!({"client-certificate-data": "Q0U=", "client-key-data": "S0U="}),
                ),
                "https://",
            ),
            (no_context, "contexts has no context"),
            (no_current, "current-context is needed"),
            (
                json!({"current-context": "a", "contexts": [{"name": "a", "context": {"user": "u"}}]}),
                "names no cluster",
            ),
            (json!("text"), "not YAML"),
        ] {
            let detail = parsed(&file).unwrap_err();
            assert!(detail.contains(said) && !detail.contains("MARKED"), "{said:?}: {detail}");
        }
        assert!(Kubeconfig::parse(b"\xff").is_err());
    }
}
