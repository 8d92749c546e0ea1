//! The proxies that providers' requests go by: explicit configuration, never found by itself.
//!
//! With one, the address that is checked at each new connection is the proxy's, and names are looked up by it: so it
//! decides what is reached, and a store that goes by it says so. Speaks HTTP to the proxy (a tunnel for https origins);
//! SOCKS and proxies behind TLS are not there.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use claviger_core::secret::SecretBytes;
use url::Url;

use super::address::{Forbidden, Reach, Refusal, check};
use super::bypass::{Bypass, BypassError};
use super::origin::Origin;

/// What a proxy may be at: loopback too, since the admin names it (a proxy beside the operator in its pod).
pub(super) const REACH: Reach = Reach { loopback: true, link_local: false, api_server: false };

/// Longer is no proxy's URL.
const MAX_URL: usize = 4 * 1024;

/// One proxy. Its URL may hold a password, and is not shown.
#[derive(Clone)]
pub struct Proxy {
    url: Arc<SecretBytes>,
    host: String,
    port: u16,
}

/// Why a text is no proxy. Never with the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// None of the forms.
    #[error("expected http://[USER:PASSWORD@]HOST[:PORT]")]
    Url,
    /// `https://`, `socks5://` and so on.
    #[error("expected http://[USER:PASSWORD@]HOST[:PORT]: other ways to speak to a proxy are not supported")]
    Scheme,
    /// Of the list of what goes past it.
    #[error(transparent)]
    Bypass(#[from] BypassError),
}

/// Which requests go by which proxy.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    bypass: Bypass,
}

impl Proxies {
    /// For https origins, for http origins, and what goes past both, as in `NO_PROXY`.
    ///
    /// # Errors
    /// An entry of the list that cannot be meant.
    pub fn new(https: Option<Proxy>, http: Option<Proxy>, no_proxy: &str) -> Result<Self, ProxyError> {
        Ok(Self { https, http, bypass: Bypass::parse(no_proxy)? })
    }

    /// The proxy for an origin; none for what [`Bypass::covers`] names.
    pub(super) fn of(&self, origin: &Origin, denied: &Forbidden) -> Option<&Proxy> {
        let proxy = if origin.is_tls() { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.bypass.covers(origin, denied))
    }
}

impl Proxy {
    /// `http://[USER:PASSWORD@]HOST[:PORT]`; without a scheme it is http, without a port 80.
    ///
    /// # Errors
    /// What it is not.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).map_err(|_| ProxyError::Url)?;
        if url.scheme() != "http" {
            return Err(ProxyError::Scheme);
        }
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let origin =
            Origin::from_url(&url).filter(|_| bare && whole.len() <= MAX_URL).ok_or(ProxyError::Url)?;
        Ok(Self {
            url: Arc::new(SecretBytes::new(String::from(url).into_bytes())),
            host: origin.host().to_owned(),
            port: origin.port(),
        })
    }

    /// Name or address, without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Port, also where the URL left it out.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// For the HTTP client: everything goes by it.
    pub(super) fn for_client(&self) -> Result<reqwest::Proxy, ProxyError> {
        let url = std::str::from_utf8(self.url.expose()).map_err(|_| ProxyError::Url)?;
        reqwest::Proxy::all(url).map_err(|_| ProxyError::Url)
    }

    /// The check of an address that is never looked up; a name's are checked when it is.
    pub(super) fn check(&self, denied: &Forbidden) -> Result<(), Refusal> {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => check(SocketAddr::new(ip, self.port), REACH, denied),
            Err(_) => Ok(()),
        }
    }
}

/// `HOST:PORT`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// As it is displayed: without user and password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn denied(api_server: &str) -> Forbidden {
        Forbidden { api_server: vec![api_server.parse().unwrap()], ..Forbidden::default() }
    }

    #[test]
    fn a_proxy_is_http_and_its_password_is_not_shown() {
        for (text, expected) in [
            ("http://proxy.example:3128", Ok("proxy.example:3128")),
            ("http://proxy.example:3128/", Ok("proxy.example:3128")),
            ("proxy.example:3128", Ok("proxy.example:3128")),
            (" proxy.example ", Ok("proxy.example:80")),
            ("http://[2001:db8::1]:3128", Ok("[2001:db8::1]:3128")),
            ("http://user:MARKED-password@10.0.0.1:3128", Ok("10.0.0.1:3128")),
            ("user:MARKED-password@10.0.0.1:3128", Ok("10.0.0.1:3128")),
            ("https://user:MARKED-password@proxy.example", Err(ProxyError::Scheme)),
            ("socks5://proxy.example:1080", Err(ProxyError::Scheme)),
            ("http://proxy.example/path", Err(ProxyError::Url)),
            ("http://user:MARKED-password@", Err(ProxyError::Url)),
            ("http://a b", Err(ProxyError::Url)),
            ("", Err(ProxyError::Url)),
        ] {
            let proxy = Proxy::parse(text);
            let said = format!("{proxy:?}");
            assert!(!said.contains("MARKED"), "{text}: {said}");
            assert_eq!(proxy.map(|proxy| proxy.to_string()), expected.map(ToOwned::to_owned), "{text}");
        }
        assert!(Proxy::parse(&format!("http://{}@a.example", "a".repeat(MAX_URL))).is_err());
    }

    #[test]
    fn each_scheme_has_its_own_and_the_machine_s_own_has_none() {
        let proxy = |text: &str| Some(Proxy::parse(text).unwrap());
        let proxies = Proxies::new(proxy("s.example:1"), proxy("p.example:2"), "direct.example").unwrap();
        let api_server = denied("10.96.0.1:443");
        let of = |proxies: &Proxies, origin: &str| {
            proxies.of(&Origin::parse(origin).unwrap(), &api_server).map(ToString::to_string)
        };
        assert_eq!(of(&proxies, "https://a.example").as_deref(), Some("s.example:1"));
        assert_eq!(of(&proxies, "http://a.example").as_deref(), Some("p.example:2"));
        assert_eq!(of(&proxies, "https://v.direct.example"), None);
        assert_eq!(of(&proxies, "http://169.254.169.253"), None);
        assert_eq!(of(&proxies, "http://127.0.0.1:8200"), None);
        // By number, granted or refused: what a proxy calls so may be another cluster's.
        assert_eq!(of(&proxies, "https://10.96.0.1"), None);
        assert_eq!(of(&proxies, "https://10.96.0.1:8443").as_deref(), Some("s.example:1"));
        let one = Proxies::new(proxy("s.example:1"), None, "").unwrap();
        assert_eq!(of(&one, "http://a.example"), None);
    }

    #[test]
    fn a_proxy_may_be_at_loopback_and_at_no_other_forbidden_address() {
        let api_server = denied("127.0.0.1:6443");
        for (text, expected) in [
            ("127.0.0.1:3128", Ok(())),
            ("10.0.0.1:3128", Ok(())),
            ("proxy.example:3128", Ok(())),
            ("127.0.0.1:6443", Err(Refusal::ApiServer)),
            ("169.254.169.254:80", Err(Refusal::LinkLocal)),
            ("0.0.0.0:80", Err(Refusal::NotAHost)),
        ] {
            assert_eq!(Proxy::parse(text).unwrap().check(&api_server), expected, "{text}");
        }
    }
}
