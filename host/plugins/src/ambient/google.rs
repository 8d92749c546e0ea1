//! Google's: a token of the service account that the node or the GKE workload runs as, and what project and
//! cluster that is.

use claviger_core::provider::NeedError;
use claviger_core::secret::SecretBytes;
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::{Service, send, variable, whole};

/// The profile whose answer is a credential.
pub(crate) const ACCESS_TOKEN: &str = "access-token";
/// A token, and what Google's own libraries look up here.
pub(super) const PROFILES: [&str; 4] = [ACCESS_TOKEN, "project-id", "cluster-name", "cluster-location"];

/// Google's clients take this address too where nothing names another: a name would have to be looked up.
const HOST: &str = "169.254.169.254";
/// What Secret Manager's tokens are for; without it a token has whatever scopes the node has.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// On both sides, as Google documents it: a request that is smuggled here lacks it, and so does an answer of
/// somebody else.
const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");

/// What a profile says; `None` for what the metadata does not have, as the cluster outside of GKE.
pub(super) async fn ask(client: &Client, profile: &str) -> Result<Option<SecretBytes>, NeedError> {
    let service = Service { cloud: "Google", profile };
    let url = url(profile, variable("GCE_METADATA_HOST").as_deref());
    let url = url.ok_or_else(|| service.refused("GCE_METADATA_HOST is no host, nor a host and a port"))?;
    let response = send(client.get(url).header(FLAVOR.0, FLAVOR.1), &service).await?;
    told(response, &service).await
}

/// What an answer says.
async fn told(response: Response, service: &Service<'_>) -> Result<Option<SecretBytes>, NeedError> {
    if response.headers().get(FLAVOR.0).is_none_or(|flavor| flavor != FLAVOR.1) {
        return Err(service.failed("the answer is not Google's"));
    }
    match response.status() {
        StatusCode::OK => Ok(Some(SecretBytes::new(whole(response, service).await?))),
        StatusCode::NOT_FOUND if service.profile != ACCESS_TOKEN => Ok(None),
        StatusCode::NOT_FOUND => Err(service.failed("there is no service account")),
        status => {
            // On GKE it names the right that is missing.
            let body = whole(response, service).await?;
            let said = String::from_utf8_lossy(&body).trim().chars().take(300).collect::<String>();
            Err(service.answered(status, (!said.is_empty()).then_some(said)))
        }
    }
}

/// Where a profile is, at the host that the environment names (as Google's own libraries) or the usual one.
fn url(profile: &str, host: Option<&str>) -> Option<Url> {
    let path = match profile {
        ACCESS_TOKEN => "instance/service-accounts/default/token",
        "project-id" => "project/project-id",
        "cluster-name" => "instance/attributes/cluster-name",
        "cluster-location" => "instance/attributes/cluster-location",
        _ => return None,
    };
    let host = host.unwrap_or(HOST);
    let mut url = Url::parse(&format!("http://{host}/")).ok()?;
    let only_host = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !only_host || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_path(&format!("/computeMetadata/v1/{path}"));
    if profile == ACCESS_TOKEN {
        url.query_pairs_mut().append_pair("scopes", SCOPE);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_core::redact::Redactor;

    use super::*;

    /// Statuses and header as Google's "About VM metadata" and "Workload Identity Federation for GKE" have them.
    #[tokio::test]
    async fn what_an_answer_says() {
        let large = "x".repeat(64 * 1024 + 1);
        let long = format!("Missing {}", "iam.x ".repeat(100));
        for (profile, flavor, status, body, expected) in [
            ("access-token", Some("Google"), 200, r#"{"access_token":"t"}"#, "is {\"access_token\":\"t\"}"),
            ("project-id", Some("Google"), 200, "", "is "),
            // A proxy's, or somebody else's at that address.
            ("access-token", None, 200, r#"{"access_token":"t"}"#, "later: the answer is not Google's"),
            ("access-token", Some("google"), 200, "t", "later: the answer is not Google's"),
            ("cluster-name", None, 404, "", "later: the answer is not Google's"),
            // A node without a service account; and a machine that is in no cluster.
            ("access-token", Some("Google"), 404, "", "later: there is no service account"),
            ("cluster-name", Some("Google"), 404, "", "none"),
            ("cluster-location", Some("Google"), 404, "<html>", "none"),
            ("access-token", Some("Google"), 403, " no right \n", "never: it answered HTTP 403: no right"),
            ("access-token", Some("Google"), 403, "", "never: it answered HTTP 403"),
            ("access-token", Some("Google"), 403, &long, "never: it answered HTTP 403: Missing iam.x iam.x"),
            ("project-id", Some("Google"), 429, "", "later: it answered HTTP 429"),
            ("project-id", Some("Google"), 503, "x", "later: it answered HTTP 503: x"),
            ("access-token", Some("Google"), 200, &large, "later: the answer is too large"),
            ("access-token", Some("Google"), 403, &large, "later: the answer is too large"),
        ] {
            let flavor = flavor.map(|flavor| ("metadata-flavor", flavor));
            let answer =
                flavor.iter().fold(http::Response::builder().status(status), |answer, (name, value)| {
                    answer.header(*name, *value)
                });
            let answer = Response::from(answer.body(body.to_owned()).unwrap());
            let found = match told(answer, &Service { cloud: "Google", profile }).await {
                Ok(Some(document)) => format!("is {}", String::from_utf8_lossy(document.expose())),
                Ok(None) => "none".to_owned(),
                Err(NeedError::Unreadable { detail, transient, .. }) => {
                    let when = if transient { "later" } else { "never" };
                    format!("{when}: {}", Redactor::default().clean(&detail))
                }
                Err(other) => format!("{other:?}"),
            };
            let cut = if body == long { found.get(..expected.len()) } else { Some(found.as_str()) };
            assert_eq!(cut, Some(expected), "{profile} {status}");
            assert!(found.len() < 350, "{found}");
        }
    }

    #[test]
    fn profiles_have_fixed_addresses() {
        let of = |profile: &str, host: Option<&str>| url(profile, host).map(String::from);
        assert_eq!(
            of("access-token", None).as_deref(),
            Some(
                "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token\
                 ?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"
            )
        );
        assert_eq!(
            of("project-id", Some("127.0.0.1:8080")).as_deref(),
            Some("http://127.0.0.1:8080/computeMetadata/v1/project/project-id")
        );
        assert_eq!(of("instance", None), None);
        for bad in ["evil.example/path", "u@evil.example", "evil.example?x", "evil.example#x", ""] {
            assert_eq!(of("project-id", Some(bad)), None, "{bad}");
        }
    }
}
