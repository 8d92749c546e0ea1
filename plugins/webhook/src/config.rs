//! A store's object or a generator's spec: ESO's fields, and which keys of which Secrets its templates want.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::{Error, invalid_config};
use go_template::mentions;
use serde_json::Value;

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

/// All of it.
#[derive(Debug)]
pub struct Config {
    /// The request's method.
    pub method: &'static str,
    /// A template.
    pub url: String,
    /// scheme://host[:port] of it.
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
    pub fn parse(config: &str, of_cluster: bool) -> Result<Self, Error> {
        let json: Value = serde_json::from_str(config)
            .map_err(|_| Error::Other("the host gave a config that is no JSON".to_owned()))?;
        if given(&json, "/auth/ntlm") {
            return Err(invalid_config(
                "/auth/ntlm",
                "NTLM is not supported: put a proxy before the server that logs in by it, or use a header",
            ));
        }
        let method = text(&json, "/method").unwrap_or("GET");
        let method = METHODS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(method))
            .ok_or_else(|| invalid_config("/method", format!("it is none of {}", METHODS.join(", "))))?;
        let url = text(&json, "/url").unwrap_or_default();
        let origin = place::origin(url).map_err(|why| invalid_config("/url", why))?;
        let headers = headers(&json)?;
        let body = text(&json, "/body").unwrap_or_default();
        let json_path = text(&json, "/result/jsonPath").unwrap_or_default();
        let templates: Vec<BTreeSet<String>> = [url, body, json_path]
            .into_iter()
            .chain(headers.iter().map(|(_, template)| template.as_str()))
            .map(mentions)
            .collect();
        let secrets = secrets(&json, &templates)?;
        Ok(Self {
            method,
            url: url.to_owned(),
            origin: origin.to_owned(),
            body: body.to_owned(),
            timeout: timeout(&json)?,
            json_path: json_path.to_owned(),
            headers,
            secrets,
            ca: ca(&json, of_cluster)?,
            // Whose request it is stands in it, if a template says so in any of many ways.
            apart: of_cluster,
        })
    }
}

fn headers(json: &Value) -> Result<Vec<(String, String)>, Error> {
    let mut headers = Vec::new();
    for (name, value) in json.pointer("/headers").and_then(Value::as_object).into_iter().flatten() {
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
            headers.push((name.clone(), value.as_str().unwrap_or_default().to_owned()));
        }
    }
    Ok(headers)
}

fn timeout(json: &Value) -> Result<Option<Duration>, Error> {
    let Some(written) = text(json, "/timeout") else { return Ok(None) };
    match go_template::parse_duration(written).and_then(|nanos| u64::try_from(nanos).ok()) {
        // As Go's client: none.
        Some(0) => Ok(None),
        Some(nanos) => Ok(Some(Duration::from_nanos(nanos).min(LONGEST))),
        None => Err(invalid_config("/timeout", "it is no duration, such as 5s or 1m30s")),
    }
}

/// Keys that templates may ask a Secret for are all names in those that mention it: more cannot be told without
/// rendering them, and those that the Secret lacks are nobody's.
fn secrets(json: &Value, templates: &[BTreeSet<String>]) -> Result<Vec<Secret>, Error> {
    let list = json.pointer("/secrets").and_then(Value::as_array);
    let mut secrets = Vec::new();
    for (index, entry) in list.into_iter().flatten().enumerate() {
        let at = format!("/secrets/{index}/secretRef");
        let name = text(entry, "/name").unwrap_or_default().to_owned();
        let named = text(entry, "/secretRef/key");
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
fn ca(json: &Value, of_cluster: bool) -> Result<Ca, Error> {
    if text(json, CA_BUNDLE_AT).is_some() {
        return Ok(Ca::Inline);
    }
    if !given(json, CA_PROVIDER_AT) {
        return Ok(Ca::Public);
    }
    if of_cluster && text(json, &format!("{CA_PROVIDER_AT}/namespace")).is_none() {
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
