//! Azure's clouds, and how the URLs that a store names are read: strictly, since they decide where tokens go.
//! Which of them a store may use with whose identity is `config`'s to say.

/// A cloud of Microsoft's (or of its partners).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// `environmentType`.
    pub name: &'static str,
    /// What the hosts of its vaults end in. The resource that tokens are for is `https://` and the rest of it.
    pub suffix: &'static str,
    /// Where tokens come from.
    pub login: &'static str,
    /// The resource of tokens that container registries take: the cloud's management.
    pub management: &'static str,
    /// What the hosts of its container registries end in; Germany's had none.
    pub registries: Option<&'static str>,
}

/// Hosts from the tables of Azure's SDKs (go-autorest's `azure/environments.go`, which ESO's default client
/// uses). The German cloud was closed in 2021; its stores are still understood.
pub const CLOUDS: [Cloud; 4] = [
    Cloud {
        name: "PublicCloud",
        suffix: ".vault.azure.net",
        login: "https://login.microsoftonline.com",
        management: "https://management.azure.com",
        registries: Some("azurecr.io"),
    },
    Cloud {
        name: "USGovernmentCloud",
        suffix: ".vault.usgovcloudapi.net",
        login: "https://login.microsoftonline.us",
        management: "https://management.usgovcloudapi.net",
        registries: Some("azurecr.us"),
    },
    Cloud {
        name: "ChinaCloud",
        suffix: ".vault.azure.cn",
        login: "https://login.chinacloudapi.cn",
        management: "https://management.chinacloudapi.cn",
        registries: Some("azurecr.cn"),
    },
    Cloud {
        name: "GermanCloud",
        suffix: ".vault.microsoftazure.de",
        login: "https://login.microsoftonline.de",
        management: "https://management.microsoftazure.de",
        registries: None,
    },
];

/// China's present one (docs.azure.cn); go-autorest's table has the older one still, and both give tokens.
const CHINAS_OTHER_LOGIN: &str = "https://login.partner.microsoftonline.cn";

/// The environment whose endpoints are the store's own.
pub const CUSTOM: &str = "AzureStackCloud";

impl Cloud {
    /// The resource that tokens are for.
    pub fn resource(&self) -> String {
        format!("https://{}", self.suffix.trim_start_matches('.'))
    }

    /// The one whose vaults are called so.
    pub fn of_host(host: &str) -> Option<&'static Self> {
        CLOUDS.iter().find(|cloud| host.strip_suffix(cloud.suffix).is_some_and(|name| !name.is_empty()))
    }

    /// Whether a login's base is one of Microsoft's own.
    pub fn owns_login(base: &str) -> bool {
        base == CHINAS_OTHER_LOGIN || CLOUDS.iter().any(|cloud| cloud.login == base)
    }
}

/// A URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `https` or `http`.
    pub scheme: &'static str,
    /// In lower case.
    pub host: String,
    /// With its colon, or empty.
    pub port: String,
    /// Without a slash at the end, so empty or beginning with one.
    pub path: String,
}

impl Url {
    /// Reads a URL that consists of scheme, host, port and path, and nothing that parsers disagree on: no user,
    /// query, fragment, escapes, backslashes, or steps upwards.
    pub fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = ["https", "http"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = authority.find(':').map_or((authority, ""), |at| authority.split_at(at));
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        // As it is written: parsers agree on no sign and no leading zero.
        let number = |port: &str| {
            port.parse::<u16>().is_ok()
                && port.bytes().all(|byte| byte.is_ascii_digit())
                && !port.starts_with('0')
        };
        let segment = |segment: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            segment.bytes().all(plain) && !matches!(segment, "." | "..")
        };
        let port_is_one = port.is_empty() || port.strip_prefix(':').is_some_and(number);
        let known = host.split('.').all(label) && port_is_one && path.split('/').all(segment);
        known.then(|| Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port: port.to_owned(),
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// `scheme://host[:port]`.
    pub fn origin(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.port)
    }

    /// Whether it is of the same origin; a scheme's own port may be written or not.
    pub fn is_at(&self, other: &Self) -> bool {
        let port = |url: &Self| match (url.scheme, url.port.as_str()) {
            ("https", ":443") | ("http", ":80") => String::new(),
            (_, port) => port.to_owned(),
        };
        (self.scheme, &self.host, port(self)) == (other.scheme, &other.host, port(other))
    }

    /// The whole.
    pub fn text(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    /// Whether it is `host` with something before it.
    pub fn is_below(&self, host: &str) -> bool {
        self.host
            .strip_suffix(host)
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_urls_that_mean_one_thing() {
        for (text, origin, path) in [
            ("https://My.vault.azure.net/", "https://my.vault.azure.net", ""),
            ("HTTPS://my.vault.azure.net:443", "https://my.vault.azure.net:443", ""),
            ("http://127.0.0.1:8080/adfs/", "http://127.0.0.1:8080", "/adfs"),
        ] {
            let url = Url::read(text).unwrap();
            assert_eq!((url.origin().as_str(), url.path.as_str()), (origin, path), "{text}");
        }
        for text in [
            "",
            "my.vault.azure.net",
            "//my.vault.azure.net",
            "ftp://my.vault.azure.net",
            "https://",
            "https:///x",
            "https://my.vault.azure.net@evil.example",
            "https://evil.example\\.vault.azure.net",
            "https://evil.example#.vault.azure.net",
            "https://evil.example?.vault.azure.net",
            "https://evil.example%2f.vault.azure.net",
            "https://evil.example/x?y",
            "https://evil.example/x#y",
            "https://evil.example/../x",
            "https://evil.example/%2e%2e/x",
            "https://a..vault.azure.net",
            "https://.vault.azure.net",
            "https://my.vault.azure.net.",
            "https://my.vault.azure.net:",
            "https://my.vault.azure.net:0",
            "https://my.vault.azure.net:0443",
            "https://my.vault.azure.net:70000",
            "https://my.vault.azure.net:+443",
            "https://my.vault.azure.net:1:2",
            "https://my vault.azure.net",
            "https://my.vault.azure.net\n",
            " https://my.vault.azure.net",
            "https://my\u{2e}vault\u{3002}azure.net",
            "https://[::1]",
        ] {
            assert_eq!(Url::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn clouds_by_the_vaults_host() {
        for (host, name) in [
            ("my.vault.azure.net", Some("PublicCloud")),
            ("my.vault.usgovcloudapi.net", Some("USGovernmentCloud")),
            ("my.vault.azure.cn", Some("ChinaCloud")),
            ("my.vault.microsoftazure.de", Some("GermanCloud")),
            ("vault.azure.net", None),
            (".vault.azure.net", None),
            ("evilvault.azure.net", None),
            ("my.vault.azure.net.evil.example", None),
            ("my.managedhsm.azure.net", None),
        ] {
            assert_eq!(Cloud::of_host(host).map(|cloud| cloud.name), name, "{host}");
        }
    }
}
