//! `find`: the ids of secrets, a page of Google's at a time. Values are the host's to read, and the name's
//! expression is its to apply.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Found, Page, Query};

use crate::answer;
use crate::client::Client;
use crate::name;

/// Secrets of a page. One has at most 16 KiB of annotations, some 8 KiB of labels and a few of the rest, and the
/// host takes 8 MiB of an answer.
const PAGE: usize = 250;

/// The right to list.
pub(crate) const LIST: &str = "secretmanager.secrets.list";

/// One page.
///
/// # Errors
/// Whatever Google answers.
pub fn find(client: &Client<'_>, query: &Query, cursor: Option<&str>) -> Result<Page, Error> {
    let path = query.path.as_deref().unwrap_or_default();
    if !(path.is_empty() || name::is_id(path)) {
        // No name begins so.
        return Ok(Page { found: Vec::new(), next: None });
    }
    let filter = filter(path, &query.tags);
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.append_pair("pageSize", &PAGE.to_string());
    if !filter.is_empty() {
        parameters.append_pair("filter", &filter);
    }
    if let Some(cursor) = cursor {
        parameters.append_pair("pageToken", cursor);
    }
    let below = client.parent.path();
    let body = client.one(format!("{below}/secrets?{}", parameters.finish()))?;
    let what = client.parent.relative(&below);
    let body = body.map_err(|trouble| trouble.error(LIST, &what))?;
    let (secrets, next) = answer::secrets(&body, &what)?;
    let mut found = Vec::new();
    for secret in secrets {
        let Some(id) = name::id_of(&secret.name) else { continue };
        if id.starts_with(path) && has_all(secret.labels.as_ref(), &query.tags) {
            found.push(Found { key: id.to_owned(), value: None });
        }
    }
    Ok(Page { found, next })
}

/// What Google is asked to leave out, as ESO: it looks for the path anywhere in a name, so that, and whatever
/// would mean something else in a filter, is looked at again here.
fn filter(path: &str, tags: &[(String, String)]) -> String {
    let labels = tags
        .iter()
        .filter(|(name, value)| name::is_id(name) && name::is_id(value))
        .map(|(name, value)| format!("labels.{name}={value}"));
    let name = (!path.is_empty()).then(|| format!("name:{path}"));
    labels.chain(name).collect::<Vec<_>>().join(" ")
}

fn has_all(labels: Option<&BTreeMap<String, String>>, tags: &[(String, String)]) -> bool {
    tags.iter().all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
