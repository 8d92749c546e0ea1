//! Which URL a service of Google's has, unless the admin's settings name another
//! (`{"endpoints": {"sts": "https://…"}}`). What `connect` names is what is called.

use claviger_plugin_sdk::json::text;
use claviger_plugin_sdk::provider::connection::{Origin, Reach};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

/// A service of Google's that plugins call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Secret Manager.
    SecretManager,
    /// Access tokens for the assertions of keys and for refresh tokens.
    OAuth2,
    /// Security Token Service: access tokens for the tokens of other systems.
    Sts,
    /// Service account credentials: acting as a service account.
    IamCredentials,
    /// Access tokens for the tokens of GKE's ServiceAccounts.
    SecureToken,
}

/// Hosts whose token endpoints keys name: all of them Google's own.
const OAUTH2_HOSTS: [&str; 3] = ["oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com"];

impl Service {
    /// As the settings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretManager => "secretmanager",
            Self::OAuth2 => "oauth2",
            Self::Sts => "sts",
            Self::IamCredentials => "iamcredentials",
            Self::SecureToken => "securetoken",
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::SecretManager => "Google Secret Manager",
            Self::OAuth2 => "Google's token endpoint",
            Self::Sts => "Google STS",
            Self::IamCredentials => "Google's service account credentials",
            Self::SecureToken => "GKE's token exchange",
        }
    }

    /// Google's own.
    fn host(self) -> String {
        format!("{}.googleapis.com", self.name())
    }
}

/// The admin's settings of a plugin.
#[derive(Clone, Debug, Default)]
pub struct Endpoints(Value);

impl Endpoints {
    /// Reads them.
    ///
    /// # Errors
    /// If they are no JSON, or what they name for a service is no URL.
    pub fn parse(settings: &str) -> Result<Self, Error> {
        let settings: Value = match settings.trim() {
            "" => Value::Null,
            settings => serde_json::from_str(settings)
                .map_err(|_| Error::Other("the settings of the plugin are not JSON".to_owned()))?,
        };
        let endpoints = Self(settings);
        for service in [
            Service::SecretManager,
            Service::OAuth2,
            Service::Sts,
            Service::IamCredentials,
            Service::SecureToken,
        ] {
            let url = endpoints.set(service);
            if url.is_some_and(|url| split(url).is_none()) {
                let name = service.name();
                return Err(Error::Other(format!(
                    "the operator's endpoint for {name} is not a URL: set it to https://host (spec.settings.endpoints.{name} of the Plugin)"
                )));
            }
        }
        Ok(endpoints)
    }

    fn set(&self, service: Service) -> Option<&str> {
        text(&self.0, &format!("/endpoints/{}", service.name()))
    }

    /// The base URL of a service, without a slash at its end.
    pub fn url(&self, service: Service) -> String {
        match self.set(service) {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}", service.host()),
        }
    }

    /// The base URL of Secret Manager, for the secrets of a location if there is one.
    pub fn secret_manager(&self, location: Option<&str>) -> String {
        match location {
            Some(location) if self.set(Service::SecretManager).is_none() => {
                format!("https://secretmanager.{location}.rep.googleapis.com")
            }
            _ => self.url(Service::SecretManager),
        }
    }

    /// Where a URL that a credential names is called: under the settings' base if it is Google's own, else as it
    /// stands.
    pub fn place(&self, service: Service, named: &str) -> String {
        let Some((host, path)) = split(named) else { return named.to_owned() };
        let own = match service {
            Service::OAuth2 => OAUTH2_HOSTS.contains(&host),
            other => host == other.host(),
        };
        match self.set(service) {
            // All of Google's paths for the one thing that is asked there are as good as this one.
            Some(_) if own && service == Service::OAuth2 => format!("{}/token", self.url(service)),
            Some(_) if own => format!("{}{path}", self.url(service)),
            _ => named.to_owned(),
        }
    }
}

/// Host (with a port, if it names one) and the rest of an http or https URL.
pub fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    (!host.is_empty() && host.bytes().all(plain)).then_some((host, path))
}

/// `scheme://host[:port]` of a URL.
fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |end| start + end);
    &url[..end]
}

/// What `connect` names for a URL that is called.
pub fn origin(url: &str, purpose: &str) -> Origin {
    Origin {
        url: origin_of(url).to_owned(),
        reach: Reach::Network,
        paths: Vec::new(),
        tls: None,
        purpose: purpose.to_owned(),
        max_response_bytes: None,
        max_header_bytes: None,
    }
}

/// The same for a service.
pub fn origin_for(url: &str, service: Service) -> Origin {
    origin(url, service.purpose())
}

/// The location at a pointer, if there is one.
///
/// # Errors
/// If it is not built as Google's names of locations are (it decides which host is called).
pub fn location<'a>(config: &'a Value, at: &str) -> Result<Option<&'a str>, Error> {
    let Some(location) = text(config, at) else { return Ok(None) };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = location.starts_with(|first: char| first.is_ascii_lowercase());
    if begins && !location.ends_with('-') && location.len() <= 63 && location.bytes().all(plain) {
        Ok(Some(location))
    } else {
        Err(invalid_config(at, "it is not the name of a location, e.g. europe-west3"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    const ALL: [Service; 5] = [
        Service::SecretManager,
        Service::OAuth2,
        Service::Sts,
        Service::IamCredentials,
        Service::SecureToken,
    ];

    /// Hosts of Google's API documentation.
    #[test]
    fn googles_own() {
        let none = Endpoints::parse(" ").unwrap();
        assert_eq!(
            ALL.map(|service| none.url(service)),
            [
                "https://secretmanager.googleapis.com",
                "https://oauth2.googleapis.com",
                "https://sts.googleapis.com",
                "https://iamcredentials.googleapis.com",
                "https://securetoken.googleapis.com",
            ]
        );
        assert_eq!(
            none.secret_manager(Some("us-east1")),
            "https://secretmanager.us-east1.rep.googleapis.com"
        );
        assert_eq!(none.secret_manager(None), "https://secretmanager.googleapis.com");
    }

    #[test]
    fn the_admin_s_endpoints_win() {
        let settings = json!({"endpoints": {
            "secretmanager": "http://10.0.0.7:8080/sm/", "oauth2": "http://127.0.0.1:1", "sts": "https://sts.corp",
        }});
        let set = Endpoints::parse(&settings.to_string()).unwrap();
        assert_eq!(set.secret_manager(Some("us-east1")), "http://10.0.0.7:8080/sm");
        assert_eq!(
            origin_for(&set.url(Service::SecretManager), Service::SecretManager).url,
            "http://10.0.0.7:8080"
        );
        for (service, named, expected) in [
            (Service::OAuth2, "https://oauth2.googleapis.com/token", "http://127.0.0.1:1/token"),
            (Service::OAuth2, "https://accounts.google.com/o/oauth2/token", "http://127.0.0.1:1/token"),
            (Service::OAuth2, "https://www.googleapis.com/oauth2/v4/token", "http://127.0.0.1:1/token"),
            (Service::OAuth2, "https://token.example/x", "https://token.example/x"),
            (
                Service::OAuth2,
                "https://oauth2.googleapis.com.evil.example/token",
                "https://oauth2.googleapis.com.evil.example/token",
            ),
            (Service::Sts, "https://sts.googleapis.com/v1/token", "https://sts.corp/v1/token"),
            (Service::Sts, "https://sts.example/v1/token", "https://sts.example/v1/token"),
            (
                Service::IamCredentials,
                "https://iamcredentials.googleapis.com/v1/x",
                "https://iamcredentials.googleapis.com/v1/x",
            ),
        ] {
            assert_eq!(set.place(service, named), expected);
        }
        let odd = json!({"endpoints": {"iamcredentials": "localhost"}}).to_string();
        let refused = Endpoints::parse(&odd).unwrap_err();
        assert!(matches!(refused, Error::Other(detail) if detail.contains("endpoints.iamcredentials")));
        assert!(Endpoints::parse("{").is_err());
    }

    #[test]
    fn a_host_is_a_host() {
        for (url, expected) in [
            ("https://a.example:8443/x?y", Some(("a.example:8443", "/x?y"))),
            ("http://a", Some(("a", ""))),
            ("https://sts.googleapis.com@evil.example/v1/token", None),
            ("https:///x", None),
            ("ftp://a/x", None),
            ("https://a b/x", None),
            ("a", None),
        ] {
            assert_eq!(split(url), expected, "{url}");
        }
    }

    #[test]
    fn locations() {
        for (given, expected) in [
            (json!("us-east1"), Ok(Some("us-east1"))),
            (json!("europe-west3"), Ok(Some("europe-west3"))),
            (json!(""), Ok(None)),
            (json!(null), Ok(None)),
            (json!("evil.example/"), Err(())),
            (json!("US-EAST1"), Err(())),
            (json!("us-east1."), Err(())),
            (json!("-a"), Err(())),
            (json!("a-"), Err(())),
            (json!("1a"), Err(())),
        ] {
            let config = json!({"location": given});
            assert_eq!(location(&config, "/location").map_err(|_| ()), expected, "{config}");
        }
    }
}
