//! `external_account` credential configurations: what of them is taken, and what is refused, by ESO's rules and
//! because a store must not use what is the operator's pod's.

use std::collections::BTreeMap;

use claviger_plugin_sdk::{Error, invalid_config};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::credential::{Exchange, HOUR, Hidden, Impersonation, Shown, TokenUrl};
use crate::endpoint::{is_location, split};
use crate::key;

/// Kind of token that is shown unless the configuration says otherwise (as ESO).
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// Google's own STS.
pub const TOKEN_URL: &str = "https://sts.googleapis.com/v1/token";

/// The longest life of a token that Google gives for a service account that is acted as.
const MAX_SECONDS: u64 = 12 * HOUR;

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    audience: String,
    #[serde(default)]
    subject_token_type: String,
    #[serde(default)]
    token_url: String,
    #[serde(default)]
    service_account_impersonation_url: String,
    #[serde(default)]
    service_account_impersonation: Life,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    universe_domain: String,
    #[serde(default)]
    credential_source: Source,
}

#[derive(Default, Deserialize)]
struct Life {
    #[serde(default)]
    token_lifetime_seconds: u64,
}

#[derive(Default, Deserialize)]
struct Source {
    #[serde(default)]
    url: String,
    #[serde(default)]
    file: String,
    #[serde(default)]
    environment_id: String,
    executable: Option<IgnoredAny>,
    certificate: Option<IgnoredAny>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
struct Format {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    subject_token_field_name: String,
}

/// What the store's manifest says besides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manifest<'a> {
    /// Instead of the configuration's.
    pub audience: Option<&'a str>,
    /// The service account to act as, instead of the configuration's.
    pub email: Option<&'a str>,
    /// Pointer to the field that must repeat the token's URL, and what stands there: a configuration lies in a
    /// ConfigMap, and who may write that may be another than who writes the store. None for the operator's own,
    /// which may name any STS that is granted.
    pub endpoint: Option<(&'a str, &'a str)>,
}

/// Reads a configuration that stands at `at` in the config.
///
/// # Errors
/// What is wrong with it, in words that quote no more than URLs.
pub fn read(
    json: &[u8],
    at: &str,
    manifest: Manifest<'_>,
) -> Result<(Exchange, Option<Impersonation>), Error> {
    let wrong = |what: String| Err(invalid_config(at, format!("the credential configuration: {what}")));
    let file = serde_json::from_slice::<File>(json).ok().filter(|file| file.kind == "external_account");
    let Some(file) = file else {
        return wrong("it is no JSON of the form of external_account".to_owned());
    };
    key::universe(&file.universe_domain)?;
    let Some(audience) = manifest.audience.or(Some(&file.audience)).filter(|audience| !audience.is_empty())
    else {
        return wrong("it has no audience, and the store neither".to_owned());
    };
    let token_url = if file.token_url.is_empty() { TOKEN_URL.to_owned() } else { file.token_url };
    // A store's could send what it fetches, with the operator's reach, to somebody who shows it.
    let of_store = manifest.endpoint.is_some();
    let allowed = split(&token_url).is_some_and(|(host, path)| {
        let own = if of_store { is_google_sts(host) } else { host.starts_with("sts.") };
        token_url.starts_with("https://") && own && path == "/v1/token"
    });
    if !allowed {
        let form = match of_store {
            true => "https://sts.googleapis.com/v1/token or https://sts.LOCATION.rep.googleapis.com/v1/token",
            false => "https://sts.HOST/v1/token",
        };
        return wrong(format!("token_url {} is not of the form {form}", short(&token_url)));
    }
    let seconds = match file.service_account_impersonation.token_lifetime_seconds {
        0 => HOUR,
        seconds if seconds <= MAX_SECONDS => seconds,
        _ => return wrong(format!("token_lifetime_seconds is more than {MAX_SECONDS}")),
    };
    let impersonation = match (manifest.email, file.service_account_impersonation_url) {
        (Some(email), _) => Some(Impersonation { seconds, ..Impersonation::of(email) }),
        (None, url) if url.is_empty() => None,
        (None, url) => match impersonated(&url) {
            Some(email) => {
                let email = email.to_owned();
                Some(Impersonation { email, url, delegates: Vec::new(), seconds })
            }
            None => {
                return wrong(format!(
                    "service_account_impersonation_url {} is not of the form https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/NAME@PROJECT.iam.gserviceaccount.com:generateAccessToken",
                    short(&url)
                ));
            }
        },
    };
    let source = file.credential_source;
    let refused = if source.executable.is_some() {
        Some("credential_source.executable names a program: none is run")
    } else if !source.environment_id.is_empty() {
        Some(
            "credential_source.environment_id asks for the AWS credentials of the operator's node, which are not lent: put some into a Secret and use awsSecurityCredentials",
        )
    } else if !source.file.is_empty() {
        Some(
            "credential_source.file names a file of the operator's pod, which no store can read: use serviceAccountRef for a ServiceAccount's token, or credential_source.url",
        )
    } else if source.certificate.is_some() {
        Some("credential_source.certificate is not supported")
    } else if split(&source.url).is_none() {
        Some("credential_source.url is needed, and must be a URL")
    } else {
        None
    };
    if let Some(refused) = refused {
        return wrong(refused.to_owned());
    }
    if let Some((place, endpoint)) = manifest.endpoint.filter(|(_, endpoint)| *endpoint != source.url) {
        let given = if endpoint.is_empty() { "it is needed" } else { "it is another" };
        return Err(invalid_config(
            place,
            format!(
                "{given}: it must repeat the credential configuration's credential_source.url, {}",
                short(&source.url)
            ),
        ));
    }
    let field = match (source.format.kind.as_str(), source.format.subject_token_field_name) {
        ("" | "text", _) => None,
        ("json", field) if !field.is_empty() => Some(field),
        ("json", _) => {
            return wrong("credential_source.format json needs subject_token_field_name".to_owned());
        }
        _ => return wrong("credential_source.format must be text or json".to_owned()),
    };
    let kind = Some(file.subject_token_type).filter(|kind| !kind.is_empty());
    let client = (!file.client_id.is_empty()).then_some((file.client_id, Hidden(file.client_secret)));
    let headers = source.headers.into_iter().map(|(name, value)| (name, Hidden(value))).collect();
    let exchange = Exchange {
        audience: audience.to_owned(),
        token_type: kind.unwrap_or_else(|| JWT.to_owned()),
        token_url,
        client,
        subject: Shown::Url(TokenUrl { url: source.url, headers, field }),
    };
    Ok((exchange, impersonation))
}

/// Whether it is the host of Google's STS, the global one or a location's.
fn is_google_sts(host: &str) -> bool {
    let location = host.strip_prefix("sts.").and_then(|rest| rest.strip_suffix(".rep.googleapis.com"));
    host == "sts.googleapis.com" || location.is_some_and(is_location)
}

/// The service account of a URL at which its tokens are made, if it is one of Google's.
pub fn impersonated(url: &str) -> Option<&str> {
    let (host, path) = split(url).filter(|_| url.starts_with("https://"))?;
    let own = host.strip_prefix("iamcredentials.").and_then(|rest| rest.strip_suffix("googleapis.com"))?;
    if !(own.is_empty() || own.ends_with('.')) || host.contains(':') {
        return None;
    }
    let (project, rest) = path.strip_prefix("/v1/projects/")?.split_once("/serviceAccounts/")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    if project.is_empty() || !project.bytes().all(plain) || project.contains("..") {
        return None;
    }
    rest.strip_suffix(":generateAccessToken").filter(|email| is_service_account(email))
}

/// Whether it is built as the address of a service account, which goes into a path: `NAME@PROJECT.iam.…`, or that
/// of a service of Google's own (`NUMBER-compute@developer.…`).
pub fn is_service_account(email: &str) -> bool {
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('.')
            && !text.contains("..")
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let domain = |rest: &str| rest.strip_suffix(".gserviceaccount.com").map(plain);
    email.len() <= 320
        && email.split_once('@').is_some_and(|(name, rest)| plain(name) && domain(rest) == Some(true))
}

/// A URL of a configuration, as far as it helps.
fn short(url: &str) -> String {
    url.chars().take(150).filter(|char| !char.is_control()).collect()
}

#[cfg(test)]
#[path = "external_tests.rs"]
mod tests;
