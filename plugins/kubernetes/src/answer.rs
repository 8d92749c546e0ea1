//! What an API server answers with: a Secret, a page of names, what somebody may do.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::Error;
use serde::Deserialize;

type Texts = BTreeMap<String, String>;

/// A Secret.
#[derive(Debug, Deserialize)]
pub struct Secret {
    kind: String,
    metadata: Metadata,
    /// base64.
    #[serde(default)]
    data: Option<Texts>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    labels: Option<Texts>,
    #[serde(default)]
    annotations: Option<Texts>,
}

impl Secret {
    /// Reads one of that name.
    ///
    /// # Errors
    /// If it is another, or none.
    pub fn parse(body: &[u8], name: &str) -> Result<Self, Error> {
        let secret: Option<Self> = serde_json::from_slice(body).ok();
        secret.filter(|secret| secret.kind == "Secret" && secret.metadata.name == name).ok_or_else(|| {
            Error::Other(format!(
                "Secret {name}: the answer is not that Secret: it is a proxy's, or another API's"
            ))
        })
    }

    /// The version that it is of.
    pub fn version(&self) -> Option<&str> {
        Some(self.metadata.resource_version.as_str()).filter(|version| !version.is_empty())
    }

    /// Its keys with their bytes.
    ///
    /// # Errors
    /// If one is not base64.
    pub fn entries(self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let name = self.metadata.name;
        let decode = |(key, text): (String, String)| match STANDARD.decode(text) {
            Ok(bytes) => Ok((key, bytes)),
            Err(_) => Err(Error::Other(format!("Secret {name}: key {key} is not base64"))),
        };
        self.data.unwrap_or_default().into_iter().map(decode).collect()
    }

    /// Its annotations and labels, as ESO has them: each as JSON, and `null` where there are none.
    pub fn metadata(&self) -> [(&'static str, String); 2] {
        [
            ("annotations", written(self.metadata.annotations.as_ref())),
            ("labels", written(self.metadata.labels.as_ref())),
        ]
    }
}

/// As Go's encoder writes a map of texts with `SetEscapeHTML(false)`.
fn written(texts: Option<&Texts>) -> String {
    let json = texts.map_or_else(|| "null".to_owned(), |texts| serde_json::json!(texts).to_string());
    // They can only stand in strings.
    json.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Names, in order.
    pub names: Vec<String>,
    /// Where it goes on.
    pub next: Option<String>,
}

impl Page {
    /// Reads a page of metadata, or of whole Secrets where a server knows no other.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct List {
            kind: String,
            #[serde(default)]
            metadata: ListMetadata,
            items: Option<Vec<Item>>,
        }
        #[derive(Default, Deserialize)]
        struct ListMetadata {
            #[serde(default, rename = "continue")]
            next: String,
        }
        #[derive(Deserialize)]
        struct Item {
            metadata: Name,
        }
        #[derive(Deserialize)]
        struct Name {
            name: String,
        }
        let list: Option<List> = serde_json::from_slice(body).ok();
        let list = list
            .filter(|list| matches!(list.kind.as_str(), "PartialObjectMetadataList" | "SecretList"))
            .ok_or_else(|| {
                Error::Other("the list of Secrets: the answer is none of an API server's".to_owned())
            })?;
        Ok(Self {
            names: list.items.unwrap_or_default().into_iter().map(|item| item.metadata.name).collect(),
            next: Some(list.metadata.next).filter(|next| !next.is_empty()),
        })
    }
}

/// Whether the answer to a SelfSubjectRulesReview has a rule for getting Secrets; as ESO, of whichever names.
///
/// # Errors
/// If it is none.
pub fn may_get(body: &[u8]) -> Result<bool, Error> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        #[serde(default)]
        resource_rules: Option<Vec<Rule>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Rule {
        #[serde(default)]
        verbs: Vec<String>,
        #[serde(default)]
        api_groups: Vec<String>,
        #[serde(default)]
        resources: Vec<String>,
    }
    let review: Review = serde_json::from_slice(body).map_err(|_| no_review())?;
    let has = |list: &[String], name: &str| list.iter().any(|item| item == name || item == "*");
    Ok(review.status.resource_rules.unwrap_or_default().iter().any(|rule| {
        has(&rule.resources, "secrets")
            && has(&rule.verbs, "get")
            && (rule.api_groups.is_empty() || has(&rule.api_groups, ""))
    }))
}

/// Whether the answer to a SelfSubjectAccessReview says yes.
///
/// # Errors
/// If it is none.
pub fn is_allowed(body: &[u8]) -> Result<bool, Error> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(default)]
        allowed: bool,
    }
    let review: Review = serde_json::from_slice(body).map_err(|_| no_review())?;
    Ok(review.status.allowed)
}

fn no_review() -> Error {
    Error::Other("the review of rights: the answer is none of an API server's".to_owned())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
