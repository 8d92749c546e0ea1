//! AWS's: the node's role (IMDSv2), and the pod's (EKS Pod Identity, ECS).

use std::net::IpAddr;

use claviger_core::provider::NeedError;
use claviger_core::secret::SecretBytes;
use reqwest::{Client, Method};
use url::{Host, Url};

use super::{Service, document, text, variable};
use crate::egress::is_for_containers;

/// The pod's own credentials; the node's.
pub(super) const PROFILES: [&str; 2] = ["container", "instance"];

/// The node's service, as AWS documents it for IMDSv2.
const INSTANCE: &str = "http://169.254.169.254";
/// Where ECS's service is, for the short form of the variable.
const ECS: &str = "http://169.254.170.2";

/// The document of credentials of a profile; `None` where the pod has no such profile.
pub(super) async fn ask(client: &Client, profile: &str) -> Result<Option<SecretBytes>, NeedError> {
    let service = Service { cloud: "AWS", profile };
    match profile {
        "instance" => instance(client, &service).await.map(Some),
        _ => container(client, &service).await,
    }
}

/// IMDSv2: a token of this session, the role's name, its credentials. Version 1, which needs no token and so
/// answers to any request that is smuggled to it, is not used.
async fn instance(client: &Client, service: &Service<'_>) -> Result<SecretBytes, NeedError> {
    const TOKEN: &str = "X-aws-ec2-metadata-token";
    let put = client.request(Method::PUT, format!("{INSTANCE}/latest/api/token"));
    let token = text(put.header(format!("{TOKEN}-ttl-seconds"), "60"), service).await?;
    let get = |path: &str| {
        client
            .get(format!("{INSTANCE}/latest/meta-data/iam/security-credentials/{path}"))
            .header(TOKEN, &token)
    };
    let role = text(get(""), service).await?;
    let role = role.lines().next().unwrap_or_default().trim();
    // A role's name as IAM has it: anything else would be another path.
    let named = !role.is_empty()
        && role
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | ',' | '.' | '@' | '_' | '-'))
        && !role.starts_with('.');
    if !named {
        return Err(service.refused("the node has no role"));
    }
    document(get(role), service).await
}

/// EKS Pod Identity and ECS: what the platform put into the pod's environment says where and with which token.
async fn container(client: &Client, service: &Service<'_>) -> Result<Option<SecretBytes>, NeedError> {
    let Some(url) = container_url(variable).map_err(|why| service.refused(why))? else { return Ok(None) };
    let mut request = client.get(url);
    let token = match variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        // It is replaced while the process runs, so it is read anew.
        Some(path) => Some(tokio::fs::read_to_string(&path).await.map_err(|error| {
            service.failed(&format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read: {error}"))
        })?),
        None => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    if let Some(token) = token {
        request = request.header("Authorization", token.trim());
    }
    document(request, service).await.map(Some)
}

/// Where the container's credentials are: at the platforms' own addresses, or on loopback, over plain HTTP. The
/// SDKs would also follow it to any https server; no platform does that, and a mistake there gives a token away.
fn container_url(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Url>, &'static str> {
    if let Some(path) = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        let url =
            Url::parse(&format!("{ECS}{path}")).ok().filter(|url| url.host_str() == Some("169.254.170.2"));
        return url.map(Some).ok_or("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path");
    }
    let Some(full) = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return Ok(None) };
    let url = Url::parse(&full).map_err(|_| "AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL")?;
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        _ => None,
    };
    let trusted = ip.is_some_and(|ip| ip.is_loopback() || is_for_containers(ip));
    if url.scheme() == "http" && trusted {
        Ok(Some(url))
    } else {
        Err("AWS_CONTAINER_CREDENTIALS_FULL_URI is none of EKS's or ECS's addresses")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_container_come_from_the_platform_only() {
        let of = |name: &'static str, value: &'static str| {
            container_url(|asked| (asked == name).then(|| value.to_owned())).map(|url| url.map(String::from))
        };
        let (full, relative) =
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        assert_eq!(of("OTHER", "x"), Ok(None));
        for good in [
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://169.254.170.2/v2/credentials/x",
            "http://127.0.0.1:8080/credentials",
        ] {
            assert_eq!(of(full, good), Ok(Some(good.to_owned())));
        }
        for bad in [
            "http://169.254.169.254/latest",
            "http://[fd00:ec2::254]/latest",
            "http://[fd00:42::42]/",
            "https://evil.example/",
            "http://evil.example/",
            "file:///etc",
            "x",
        ] {
            assert!(of(full, bad).is_err(), "{bad}");
        }
        assert_eq!(of(relative, "/v2/x"), Ok(Some("http://169.254.170.2/v2/x".to_owned())));
        assert!(of(relative, "@evil.example/").is_err() && of(relative, ".evil.example/").is_err());
    }
}
