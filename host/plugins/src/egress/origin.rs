//! Origins: scheme, host and port, exactly. Pure.

use std::fmt;

use url::{Host, Url};

/// `https://vault.example.com:8200`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    tls: bool,
    host: String,
    port: u16,
}

/// Why a text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no origin (scheme://host or scheme://host:port, http or https): {0}")]
pub struct OriginError(&'static str);

impl Origin {
    /// Parses an origin and nothing else: no path, query, fragment, user.
    ///
    /// # Errors
    /// What is too much or missing.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError("it does not parse"))?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(OriginError("it has a path, query or fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError("it has a user"));
        }
        // A star is a legal host for the URL standard, and a mistake for everybody else.
        if url.host_str().is_some_and(|host| host.contains('*')) {
            return Err(OriginError("it has a wildcard"));
        }
        Self::from_url(&url).ok_or(OriginError("its scheme is not http or https, or it has no host"))
    }

    /// The origin of a URL, path or not; `None` if the text is no such URL.
    pub fn of_url(text: &str) -> Option<Self> {
        Self::from_url(&Url::parse(text).ok()?)
    }

    /// The origin of a URL; `None` if it is not http or https.
    pub(crate) fn from_url(url: &Url) -> Option<Self> {
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = match url.host()? {
            // A trailing dot makes a name absolute; it is the same name. Two of them hide from the standard that what
            // stands before them is an address (`127.1..`, `2852039166..`), which a client or a proxy may see.
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                match Host::parse(name) {
                    Ok(Host::Domain(read)) if read == name => read,
                    _ => return None,
                }
            }
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let port = url.port_or_known_default()?;
        (!host.is_empty()).then_some(Self { tls, host, port })
    }

    /// The origins of all URLs that stand as texts in a document.
    pub(crate) fn all_in(document: &serde_json::Value) -> Vec<Self> {
        use serde_json::Value;
        match document {
            Value::String(text) => Self::of_url(text).into_iter().collect(),
            Value::Array(items) => items.iter().flat_map(Self::all_in).collect(),
            Value::Object(entries) => entries.values().flat_map(Self::all_in).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
        }
    }

    /// Where a document has a URL of this origin, as a JSON pointer.
    pub(super) fn place_in(&self, document: &serde_json::Value) -> Option<String> {
        use serde_json::Value;
        let below = |name: &str, value: &Value| {
            let name = name.replace('~', "~0").replace('/', "~1");
            self.place_in(value).map(|rest| format!("/{name}{rest}"))
        };
        match document {
            Value::String(text) => (Self::of_url(text).as_ref() == Some(self)).then(String::new),
            Value::Array(items) => {
                items.iter().enumerate().find_map(|(index, item)| below(&index.to_string(), item))
            }
            Value::Object(entries) => entries.iter().find_map(|(name, value)| below(name, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    /// Whether it is https.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Host name or address, lower case, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port, also where the URL left it to the scheme.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a grant can ever cover something.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn check_grant(pattern: &str, built_in: bool) -> Result<(), &'static str> {
        if let Some((_, suffix)) = pattern.split_once("*.") {
            if built_in {
                return Err("a plugin that came with the binary gets exact origins only");
            }
            // Whatever stands for the star, the pattern must match.
            let sample = Self::parse(&format!("https://sample.{suffix}"));
            return match sample {
                Ok(sample) if sample.matches_grant(pattern, false) => Ok(()),
                _ => Err("a wildcard is https://*. and a domain of at least two labels, without a port"),
            };
        }
        match Self::parse(pattern) {
            Ok(_) => Ok(()),
            Err(OriginError(why)) => Err(why),
        }
    }

    /// Whether a grant covers it: an exact origin, or `https://*.suffix` for plugins that did not come
    /// with the binary (what those may reach should be read off their name).
    pub fn matches_grant(&self, pattern: &str, built_in: bool) -> bool {
        match pattern.strip_prefix("https://*.") {
            // At least two labels: `*.com` is no grant.
            Some(suffix) => {
                !built_in
                    && self.tls
                    && self.port == 443
                    && suffix.contains('.')
                    && !suffix.contains(['*', '/', ':', '@', '?', '#'])
                    && self
                        .host
                        .strip_suffix(&suffix.to_ascii_lowercase())
                        .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            None => Self::parse(pattern).is_ok_and(|granted| granted == *self),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// Whether the URL standard reads it as that very name, and not as an address: `127.1`, `0x7f000001`, `[::1]` and
/// `169.254.169.254:` are addresses to it, and a client connects to those without asking a resolver.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let read = url::Host::parse(name);
    name.bytes().all(plain) && matches!(read, Ok(url::Host::Domain(host)) if host.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn origins_are_exact() {
        for (text, expected) in [
            ("https://Vault.Example.com", Some("https://vault.example.com:443")),
            ("https://vault.example.com.:443/", Some("https://vault.example.com:443")),
            ("http://10.0.0.1:8200", Some("http://10.0.0.1:8200")),
            ("http://0x7f.1", Some("http://127.0.0.1:80")),
            ("http://[::1]:80", Some("http://[::1]:80")),
            ("https://bücher.example", Some("https://xn--bcher-kva.example:443")),
            // Addresses, had they one dot less.
            ("http://127.0.0.1..", None),
            ("http://0x7f.1..:443", None),
            ("http://2852039166..", None),
            ("https://v.example..", Some("https://v.example:443")),
            ("https://v.example/path", None),
            ("https://v.example?q", None),
            ("https://user@v.example", None),
            ("ftp://v.example", None),
            ("v.example", None),
            ("", None),
        ] {
            assert_eq!(
                Origin::parse(text).ok().map(|origin| origin.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn grants_are_exact_or_a_suffix_for_foreign_plugins() {
        let origin = Origin::parse("https://a.vault.azure.net").unwrap();
        for (pattern, built_in, expected) in [
            ("https://a.vault.azure.net", true, true),
            ("https://a.vault.azure.net:8443", true, false),
            ("http://a.vault.azure.net", true, false),
            ("https://*.vault.azure.net", false, true),
            ("https://*.vault.azure.net", true, false),
            ("https://*.net", false, false),
            ("https://*.azure.net", false, true),
            ("https://*.a.vault.azure.net", false, false),
            ("https://*", false, false),
            ("*", false, false),
            ("", false, false),
        ] {
            assert_eq!(origin.matches_grant(pattern, built_in), expected, "{pattern} {built_in}");
        }
        let near = Origin::parse("https://evilazure.net").unwrap();
        assert!(!near.matches_grant("https://*.azure.net", false));
    }
}
