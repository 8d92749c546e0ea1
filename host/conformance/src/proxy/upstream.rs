//! A server of the backend: where it is, and how its certificate is verified.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use url::{Host, Url};

/// As a bench writes it: a URL, or a URL with the CA that its certificate is of.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Url(String),
    WithCa(WithCa),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithCa {
    url: String,
    ca: PathBuf,
}

/// A server on loopback.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Given")]
pub(crate) struct Upstream {
    pub(crate) tls: bool,
    /// As the URL has it.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// PEM; for https.
    pub(crate) ca: Option<PathBuf>,
}

impl Upstream {
    /// `scheme://host:port`.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

impl TryFrom<Given> for Upstream {
    type Error = String;

    fn try_from(given: Given) -> Result<Self, String> {
        let (text, ca) = match given {
            Given::Url(url) => (url, None),
            Given::WithCa(WithCa { url, ca }) => (url, Some(ca)),
        };
        let wrong = |why: &str| Err(format!("servers: {text:?}: {why}"));
        let Ok(url) = Url::parse(&text) else { return wrong("it is no URL") };
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
            None => false,
        };
        if !matches!(url.scheme(), "http" | "https") || !loopback {
            return wrong("a server is http:// or https:// on loopback");
        }
        if url.path() != "/" || url.query().is_some() || !url.username().is_empty() {
            return wrong("a server is scheme, host and port, and nothing behind");
        }
        let tls = url.scheme() == "https";
        if tls && ca.is_none() {
            return wrong("https needs the CA of its certificate: write {url: …, ca: FILE}");
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return wrong("it has no host or port");
        };
        Ok(Self { tls, host: host.to_owned(), port, ca })
    }
}
