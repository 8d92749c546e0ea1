//! A store's object or a generator's spec: ESO's fields, and which keys of which Secrets its templates want.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use claviger_plugin_sdk::prelude::*;
use go_template::mentions;
use serde::Deserialize;

use crate::place;

/// Where certificate authorities stand.
pub const CA_BUNDLE_AT: &str = "/caBundle";
/// What refers to them.
pub const CA_PROVIDER_AT: &str = "/caProvider";

/// Methods that a request may have.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// A call is ended after 30 s, and somebody has to say why.
const LONGEST: Duration = Duration::from_secs(25);

/// The host takes 64 needs, and one is for authorities.
const MOST_KEYS: usize = 60;

/// Fields of a request that are the connection's own.
const NOT_SENT: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Go's client writes these itself, whatever a manifest says of them.
const ITS_OWN: [&str; 2] = ["host", "content-length"];

/// A store's object as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// GET, if it is left out
    method: Option<String>,
    /// Go template; scheme, host and port must stand there as they are
    url: String,
    /// Go templates
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Go template
    body: Option<String>,
    /// to the first byte of an answer, as a Go duration; 25s at most
    timeout: Option<String>,
    result: Option<Answer>,
    #[serde(default)]
    secrets: Vec<Named>,
    auth: Option<Login>,
    /// base64 of the PEM certificates that sign the server's; without it and caProvider the public ones
    ca_bundle: Option<String>,
    ca_provider: Option<ObjectRef>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Answer {
    /// Go template that makes a JSON path (RFC 9535); without it the whole answer is the value
    json_path: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Named {
    name: String,
    secret_ref: SecretRef,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct Login {
    /// not supported: refused
    ntlm: Option<Ntlm>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "it is refused")]
struct Ntlm {
    username_secret: SecretRef,
    password_secret: SecretRef,
}

/// Certificate authorities of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ca {
    /// The public ones.
    Public,
    /// `caBundle`.
    Inline,
    /// `caProvider`.
    Referred,
}

/// A Secret for the templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name in them.
    pub name: String,
    /// Where the reference stands.
    pub at: String,
    /// Whether the reference names its key.
    pub named: bool,
    /// The key that it names, or those that the templates may ask for.
    pub keys: Vec<String>,
}

/// What is meant by it.
#[derive(Debug)]
pub struct Config {
    /// The request's method.
    pub method: &'static str,
    /// A template.
    pub url: String,
    /// `scheme://host[:port]` of it.
    pub origin: String,
    /// Names, and templates.
    pub headers: Vec<(String, String)>,
    /// A template.
    pub body: String,
    /// To the first byte of an answer.
    pub timeout: Option<Duration>,
    /// A template.
    pub json_path: String,
    /// In the manifest's order.
    pub secrets: Vec<Secret>,
    /// The server's authorities.
    pub ca: Ca,
    /// Namespaces get answers of their own.
    pub apart: bool,
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn of(manifest: &Manifest, of_cluster: bool) -> Result<Self, Error> {
        if manifest.auth.as_ref().is_some_and(|auth| auth.ntlm.is_some()) {
            return Err(invalid_config(
                "/auth/ntlm",
                "NTLM is not supported: put a proxy before the server that logs in by it, or use a header",
            ));
        }
        let method = given(&manifest.method).unwrap_or("GET");
        let method = METHODS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(method))
            .ok_or_else(|| invalid_config("/method", format!("it is none of {}", METHODS.join(", "))))?;
        let url = manifest.url.as_str();
        let origin = place::origin(url).map_err(|why| invalid_config("/url", why))?;
        let headers = headers(&manifest.headers)?;
        let body = given(&manifest.body).unwrap_or_default();
        let json_path =
            manifest.result.as_ref().and_then(|result| given(&result.json_path)).unwrap_or_default();
        let templates: Vec<BTreeSet<String>> = [url, body, json_path]
            .into_iter()
            .chain(headers.iter().map(|(_, template)| template.as_str()))
            .map(mentions)
            .collect();
        let secrets = secrets(&manifest.secrets, &templates)?;
        Ok(Self {
            method,
            url: url.to_owned(),
            origin: origin.to_owned(),
            body: body.to_owned(),
            timeout: timeout(given(&manifest.timeout))?,
            json_path: json_path.to_owned(),
            headers,
            secrets,
            ca: ca(manifest, of_cluster)?,
            // Whose request it is stands in it, if a template says so in any of many ways.
            apart: of_cluster,
        })
    }
}

/// A text that is not empty.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn headers(written: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, Error> {
    let mut headers = Vec::new();
    for (name, value) in written {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let wrong = |why: &str| Err(invalid_config("/headers", format!("{name:?}: {why}")));
        if name.is_empty() || !name.chars().all(token) {
            return wrong("it is no name of a header field");
        }
        let lower = name.to_ascii_lowercase();
        if NOT_SENT.contains(&lower.as_str()) {
            return wrong("it is the connection's own");
        }
        if !ITS_OWN.contains(&lower.as_str()) {
            headers.push((name.clone(), value.clone()));
        }
    }
    Ok(headers)
}

fn timeout(written: Option<&str>) -> Result<Option<Duration>, Error> {
    let Some(written) = written else { return Ok(None) };
    match go_template::parse_duration(written).and_then(|nanos| u64::try_from(nanos).ok()) {
        // As Go's client: none.
        Some(0) => Ok(None),
        Some(nanos) => Ok(Some(Duration::from_nanos(nanos).min(LONGEST))),
        None => Err(invalid_config("/timeout", "it is no duration, such as 5s or 1m30s")),
    }
}

/// Keys that templates may ask a Secret for are all names in those that mention it: more cannot be told without
/// rendering them, and those that the Secret lacks are nobody's.
fn secrets(written: &[Named], templates: &[BTreeSet<String>]) -> Result<Vec<Secret>, Error> {
    let mut secrets = Vec::new();
    for (index, entry) in written.iter().enumerate() {
        let at = format!("/secrets/{index}/secretRef");
        let name = entry.name.clone();
        let named = given(&entry.secret_ref.key);
        let keys = match named {
            Some(key) => vec![key.to_owned()],
            None => {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
                let key = |key: &&String| !key.is_empty() && key.len() <= 253 && key.chars().all(plain);
                let those = templates.iter().filter(|names| names.contains(&name)).flatten();
                those.filter(key).collect::<BTreeSet<_>>().into_iter().cloned().collect()
            }
        };
        secrets.push(Secret { name, at, named: named.is_some(), keys });
    }
    if secrets.iter().map(|secret| secret.keys.len()).sum::<usize>() > MOST_KEYS {
        return Err(invalid_config(
            "/secrets",
            format!("the templates may ask for more than {MOST_KEYS} keys: name a key in each secretRef"),
        ));
    }
    Ok(secrets)
}

/// As ESO: `caBundle` before `caProvider`, and authorities of a ClusterSecretStore are not the tenant's to choose.
fn ca(manifest: &Manifest, of_cluster: bool) -> Result<Ca, Error> {
    if given(&manifest.ca_bundle).is_some() {
        return Ok(Ca::Inline);
    }
    let Some(provider) = &manifest.ca_provider else { return Ok(Ca::Public) };
    if of_cluster && given(&provider.namespace).is_none() {
        return Err(invalid_config(
            CA_PROVIDER_AT,
            "a ClusterSecretStore must name the namespace of authorities",
        ));
    }
    Ok(Ca::Referred)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
