//! The address of an API server, as client-go reads it: a URL, which may have a path (a gateway's), or a host with a
//! port perhaps. What has no scheme is https here, whereas client-go takes http where the store has no authorities: a
//! credential is not sent unencrypted because somebody left something out.

/// An API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `scheme://host[:port]`.
    pub origin: String,
    /// What stands before every path, without a slash at the end.
    pub path: String,
}

impl Server {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const NONE: &str = "it must be https://host:port, or host:port";
        let text = text.trim();
        if text.contains(['?', '#', '@', '\\']) || text.contains(char::is_whitespace) {
            return Err("it must have no query, fragment, user or blank");
        }
        let lower = text.to_ascii_lowercase();
        let scheme = ["https://", "http://"].into_iter().find(|scheme| lower.starts_with(scheme));
        let rest = scheme.map_or(text, |scheme| &text[scheme.len()..]);
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if scheme.is_none() && !path.is_empty() {
            return Err("an address with a path needs its scheme (https://)");
        }
        let path = path.trim_end_matches('/');
        if host.is_empty() || host.starts_with(':') || host.contains('%') || rest.contains("://") {
            return Err(NONE);
        }
        if path.split('/').any(|part| part == "." || part == "..") {
            return Err("its path must have no . or ..");
        }
        let origin = format!("{}{host}", scheme.unwrap_or("https://"));
        Ok(Self { origin, path: path.to_owned() })
    }

    /// Whether what is sent is encrypted.
    pub fn is_tls(&self) -> bool {
        self.origin.starts_with("https://")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, origin, path) in [
            ("kubernetes.default", "https://kubernetes.default", ""),
            ("10.0.0.1:6443", "https://10.0.0.1:6443", ""),
            ("my-host:6443", "https://my-host:6443", ""),
            ("[fd00::1]:6443", "https://[fd00::1]:6443", ""),
            ("https://api.example/", "https://api.example", ""),
            ("HTTPS://api.example", "https://api.example", ""),
            ("http://127.0.0.1:8001", "http://127.0.0.1:8001", ""),
            ("https://rancher.example/k8s/clusters/c-1/", "https://rancher.example", "/k8s/clusters/c-1"),
        ] {
            let expected = Server { origin: origin.to_owned(), path: path.to_owned() };
            assert_eq!(Server::parse(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "https://",
            ":6443",
            "ftp://api.example",
            "api.example/k8s",
            "api.example/",
            "https://api.example?x=1",
            "https://me@api.example",
            "https://api.example/../x",
            "https://a b",
            "https://a%62",
        ] {
            assert!(Server::parse(text).is_err(), "{text}");
        }
    }
}
