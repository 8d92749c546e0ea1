//! Credentials that AWS's metadata services hand to whoever runs beside them: the node's role (IMDSv2) and
//! the pod's (EKS Pod Identity, ECS).
//!
//! Named profiles with fixed requests, made by the host: a plugin that could reach these addresses itself
//! could ask them for anything. Whether a plugin may have a profile is its grant's to say, not decided here.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use claviger_core::provider::NeedError;
use claviger_core::secret::{SecretBytes, Untrusted};
use reqwest::{Client, Method, RequestBuilder, Response};
use url::{Host, Url};

/// The pod's own credentials; the node's.
pub(crate) const AWS_PROFILES: [&str; 2] = ["container", "instance"];

/// They answer from the same machine, within milliseconds. Where there is none, nothing answers at all, and a
/// store should say so soon.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A document of credentials is about 1 KiB.
const MAX_DOCUMENT: usize = 64 * 1024;
/// Stores that connect at about the same time share an answer. New credentials come minutes before the old
/// ones end; that nothing answers is known for a shorter time.
const KEPT: Duration = Duration::from_secs(30);
const FAILURE_KEPT: Duration = Duration::from_secs(10);

/// The node's service, as AWS documents it for IMDSv2.
const INSTANCE: &str = "http://169.254.169.254";
/// Where ECS's service is, for the short form of the variable.
const ECS: &str = "http://169.254.170.2";

/// The services, and what they said last.
pub(crate) struct Ambient {
    client: Option<Client>,
    kept: Mutex<HashMap<String, (Answer, Instant)>>,
}

/// A document of credentials, or that there is none, or why it is not known.
type Answer = Result<Option<SecretBytes>, NeedError>;

impl Ambient {
    pub(crate) fn new() -> Self {
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT);
        Self { client: builder.build().ok(), kept: Mutex::default() }
    }

    /// The document of credentials of an AWS profile; `None` where the pod has no such profile.
    pub(crate) async fn aws(&self, profile: &str) -> Result<Option<SecretBytes>, NeedError> {
        if let Some(kept) = self.kept(profile) {
            return kept;
        }
        let client =
            self.client.as_ref().ok_or_else(|| failed(profile, "the HTTP client cannot be set up"))?;
        let answer = match profile {
            "instance" => instance(client, profile).await.map(Some),
            _ => container(client, profile).await,
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(profile.to_owned(), (copy(&answer), Instant::now()));
        answer
    }

    /// What was said lately.
    fn kept(&self, profile: &str) -> Option<Answer> {
        self.sweep();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(profile).map(|(answer, _)| copy(answer))
    }

    /// Drops what is too old.
    pub(crate) fn sweep(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (answer, at)| at.elapsed() < if answer.is_ok() { KEPT } else { FAILURE_KEPT });
    }
}

fn copy(answer: &Answer) -> Answer {
    match answer {
        Ok(document) => Ok(document.as_ref().map(SecretBytes::duplicate)),
        Err(error) => Err(error.clone()),
    }
}

/// IMDSv2: a token of this session, the role's name, its credentials. Version 1, which needs no token and so
/// answers to any request that is smuggled to it, is not used.
async fn instance(client: &Client, profile: &str) -> Result<SecretBytes, NeedError> {
    const TOKEN: &str = "X-aws-ec2-metadata-token";
    let put = client.request(Method::PUT, format!("{INSTANCE}/latest/api/token"));
    let token = text(put.header(format!("{TOKEN}-ttl-seconds"), "60"), profile).await?;
    let get = |path: &str| {
        client
            .get(format!("{INSTANCE}/latest/meta-data/iam/security-credentials/{path}"))
            .header(TOKEN, &token)
    };
    let role = text(get(""), profile).await?;
    let role = role.lines().next().unwrap_or_default().trim();
    // A role's name as IAM has it: anything else would be another path.
    let named = !role.is_empty()
        && role
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | ',' | '.' | '@' | '_' | '-'))
        && !role.starts_with('.');
    if !named {
        return Err(failed(profile, "the node has no role"));
    }
    document(get(role), profile).await
}

/// EKS Pod Identity and ECS: what the platform put into the pod's environment says where and with which token.
async fn container(client: &Client, profile: &str) -> Result<Option<SecretBytes>, NeedError> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(url) = container_url(variable).map_err(|why| failed(profile, why))? else { return Ok(None) };
    let mut request = client.get(url);
    let token = match variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        // It is replaced while the process runs, so it is read anew.
        Some(path) => Some(tokio::fs::read_to_string(&path).await.map_err(|error| {
            failed(profile, &format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read: {error}"))
        })?),
        None => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    if let Some(token) = token {
        request = request.header("Authorization", token.trim());
    }
    document(request, profile).await.map(Some)
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
    let platform = [
        IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
        IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    ];
    let trusted = ip.is_some_and(|ip| ip.is_loopback() || platform.contains(&ip));
    if url.scheme() == "http" && trusted {
        Ok(Some(url))
    } else {
        Err("AWS_CONTAINER_CREDENTIALS_FULL_URI is none of EKS's or ECS's addresses")
    }
}

async fn document(request: RequestBuilder, profile: &str) -> Result<SecretBytes, NeedError> {
    Ok(SecretBytes::new(body(request, profile).await?))
}

async fn text(request: RequestBuilder, profile: &str) -> Result<String, NeedError> {
    let bytes = body(request, profile).await?;
    String::from_utf8(bytes).map_err(|_| failed(profile, "the answer is not text"))
}

async fn body(request: RequestBuilder, profile: &str) -> Result<Vec<u8>, NeedError> {
    // The error's own words name the URL, and no more.
    let unreachable = |error: reqwest::Error| failed(profile, &error.without_url().to_string());
    let mut response: Response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if !status.is_success() {
        return Err(failed(profile, &format!("it answered HTTP {}", status.as_u16())));
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        if body.len() + piece.len() > MAX_DOCUMENT {
            return Err(failed(profile, "the answer is too large"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn failed(profile: &str, why: &str) -> NeedError {
    NeedError::Unreadable {
        what: format!("AWS's metadata service ({profile})"),
        detail: Untrusted::new(why),
        transient: true,
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
