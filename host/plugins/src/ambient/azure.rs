//! Azure's: a token of a managed identity, from the node (IMDS) or, where the platform puts its address into
//! the environment, from App Service, Functions or Container Apps.
//!
//! The profile is the resource that the token is for. Azure Arc and Service Fabric, whose services want a
//! secret of the machine's disk or a pinned certificate, are not here.

use std::net::{Ipv4Addr, Ipv6Addr};

use claviger_core::provider::NeedError;
use claviger_core::secret::SecretBytes;
use reqwest::Client;
use url::{Host, Url};

use super::{Service, send, variable, whole};

/// As Azure documents them: "How to use managed identities … to acquire an access token".
const IMDS: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
const IMDS_VERSION: &str = "2018-02-01";
/// As Azure documents it for App Service ("Connect to Azure services in app code").
const APP_SERVICE_VERSION: &str = "2019-08-01";

/// Whether a grant's name is a resource that tokens can be for.
pub(super) fn check(resource: &str) -> Result<(), &'static str> {
    let url = Url::parse(resource).ok();
    let https = url.is_some_and(|url| url.scheme() == "https" && url.has_host() && url.query().is_none());
    if https && !resource.ends_with('/') {
        Ok(())
    } else {
        Err("the resource that the token is for, without a slash at its end: https://vault.azure.net")
    }
}

/// The answer with the token for `resource`; `client_id` chooses among the identities of the node.
pub(super) async fn ask(
    client: &Client,
    resource: &str,
    client_id: Option<&str>,
) -> Result<Option<SecretBytes>, NeedError> {
    let service = Service { cloud: "Azure", profile: resource };
    let mut query = vec![("resource", resource)];
    query.extend(client_id.map(|id| ("client_id", id)));
    let platform = app_service(variable).map_err(|why| service.refused(why))?;
    let (address, version, header) = match platform {
        Some((url, secret)) => (url, APP_SERVICE_VERSION, ("X-IDENTITY-HEADER", secret)),
        // Its value is fixed: a request that is smuggled into another program has no such header.
        None => (String::from(IMDS), IMDS_VERSION, ("Metadata", "true".to_owned())),
    };
    query.push(("api-version", version));
    let url = Url::parse_with_params(&address, query).map_err(|_| service.failed("its address is no URL"))?;
    let request = client.get(url).header(header.0, header.1);
    let response = send(request, &service).await?;
    let status = response.status();
    let body = whole(response, &service).await?;
    if status.is_success() {
        return Ok(Some(SecretBytes::new(body)));
    }
    let which = client_id.map(|id| format!(" (client id {id})")).unwrap_or_default();
    Err(service.answered(status, said(&body).map(|said| format!("{said}{which}"))))
}

/// What it says against a request (`Identity not found`): there is no token in it.
fn said(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = ["error_description", "message", "error"].iter().find_map(|field| body[*field].as_str())?;
    Some(text.chars().take(200).collect())
}

/// The platform's own service, with the secret that stands beside its address. Only on this machine: the SDKs
/// would send the secret to any server that the variable names.
fn app_service(variable: impl Fn(&str) -> Option<String>) -> Result<Option<(String, String)>, &'static str> {
    let (Some(endpoint), Some(header)) = (variable("IDENTITY_ENDPOINT"), variable("IDENTITY_HEADER")) else {
        return Ok(None);
    };
    let url = Url::parse(&endpoint).map_err(|_| "IDENTITY_ENDPOINT is no URL")?;
    let near = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || (ip.is_link_local() && ip != METADATA),
        Some(Host::Ipv6(ip)) => ip == Ipv6Addr::LOCALHOST,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let user = !url.username().is_empty() || url.password().is_some();
    if url.scheme() == "http" && near && url.query().is_none() && !user {
        Ok(Some((endpoint, header)))
    } else {
        Err("IDENTITY_ENDPOINT is no http URL of this machine")
    }
}

/// The node's own service, which knows no such header.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_s_service_is_on_this_machine() {
        let of = |endpoint: &'static str| {
            app_service(|name| match name {
                "IDENTITY_ENDPOINT" => Some(endpoint.to_owned()),
                _ => Some("secret".to_owned()),
            })
        };
        for good in [
            "http://127.0.0.1:41741/msi/token/",
            "http://localhost:42356/msi/token",
            "http://169.254.129.2:8081/msi/token",
        ] {
            assert_eq!(of(good), Ok(Some((good.to_owned(), "secret".to_owned()))));
        }
        for bad in [
            "http://evil.example/",
            "https://127.0.0.1/",
            "http://10.0.0.1/",
            "http://169.254.169.254/",
            "http://u@localhost/",
            "http://:p@localhost/",
            "http://localhost/?x",
            "x",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert_eq!(
            app_service(|name| (name == "IDENTITY_ENDPOINT").then(|| "http://localhost".to_owned())),
            Ok(None)
        );
    }

    #[test]
    fn what_it_says_is_one_text_of_its_answer() {
        // Azure's documentation: "Error handling" of the managed identities' page.
        let body = br#"{"error":"invalid_request","error_description":"Identity not found"}"#;
        assert_eq!(said(body).as_deref(), Some("Identity not found"));
        assert_eq!(said(b"<html>"), None);
    }
}
