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
    if is_location(location) {
        Ok(Some(location))
    } else {
        Err(invalid_config(at, "it is not the name of a location, e.g. europe-west3 (a zone is none)"))
    }
}

/// `us-central1`, `northamerica-northeast2`, and the multi-regions `us`, `eu`: what the host lets stand in the name
/// of an endpoint (`host/plugins/src/store_text.rs`, with a table of the same rows). A zone has none.
pub(crate) fn is_location(text: &str) -> bool {
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let Some((area, rest)) = text.split_once('-') else { return is_word(text) && text.len() <= 20 };
    let number = rest.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 40 && is_word(area) && rest.len() > number.len() && is_number
}

/// `my-project-1`, and with the domain of an old organization in front `example.com:my-project`; not a project's
/// number. What the host lets stand in a token's audience (see [`is_location`]).
pub(crate) fn is_project_id(text: &str) -> bool {
    let project = text.rsplit_once(':').map_or(text, |(_, project)| project);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 100
        && text.chars().all(|c| plain(c) || matches!(c, '.' | ':'))
        && project.chars().all(plain)
        && project.starts_with(|c: char| c.is_ascii_lowercase())
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

    /// The rows of the host's table (`host/plugins/src/store_text.rs`): what passes here must pass there.
    #[test]
    fn locations_and_projects_of_google() {
        for good in ["us-central1", "europe-west12", "northamerica-northeast2", "me-central1", "us", "eu"] {
            assert!(is_location(good), "{good}");
        }
        for bad in [
            "",
            "us-",
            "us-central",
            "us-1",
            "us-central1-a",
            "europe-west3-a",
            "a.b",
            "us/x",
            "US",
            "us-central1.",
            "-a1",
            "1a",
            "evil.example/",
            "abcdefghijklmnopqrstu",
            "us-abcdefghijklmnopqrstuvwxyzabcdefghijk1",
        ] {
            assert!(!is_location(bad), "{bad}");
        }
        for good in ["my-gcp-project", "example.com:old-project", "a1"] {
            assert!(is_project_id(good), "{good}");
        }
        for bad in [
            "",
            "1a",
            "123456789012",
            "example.com:123",
            "a/b",
            "A",
            "a b",
            "x:",
            "https://kubernetes.default.svc",
            "a.b",
            "a_b",
            ":",
        ] {
            assert!(!is_project_id(bad), "{bad}");
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
            (json!("europe-west3-a"), Err(())),
        ] {
            let config = json!({"location": given});
            let found = location(&config, "/location").map_err(|error| {
                assert!(
                    matches!(error, Error::InvalidConfig(wrong) if wrong.path == "/location"),
                    "{config}"
                );
            });
            assert_eq!(found, expected, "{config}");
        }
    }
}
