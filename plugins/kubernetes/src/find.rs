//! `find`: names of the namespace's Secrets, by name and by labels. Names and labels are asked for and no values: most of a
//! namespace is not looked for, and a page of whole Secrets may be larger than any answer. The host compares names, and
//! asks for the values of those that match.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Found, Page, Query};

use crate::answer;
use crate::client::{Ask, Client};
use crate::refusal::Asked;

/// Secrets of a page: at 2 KiB of metadata each half a megabyte of the 8 that the host takes.
const PAGE: usize = 250;

/// Metadata where the server knows it (1.15), else whole Secrets.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// One page. The cursor is the server's.
///
/// # Errors
/// A search by path, or for nothing; or whatever the server answers.
pub fn find(client: &Client<'_>, query: &Query, cursor: Option<&str>) -> Result<Page, Error> {
    if query.path.as_deref().is_some_and(|path| !path.is_empty()) {
        return Err(Error::Unsupported(
            "Secrets lie in no folders: leave find.path out, and search by name or tags (labels)".to_owned(),
        ));
    }
    if query.tags.is_empty() && query.name_regexp.is_none() {
        return Err(Error::Unsupported("find needs name or tags (labels)".to_owned()));
    }
    let selector = selector(&query.tags)?;
    let page = match client.one(ask(&client.config.namespace, &selector, cursor)) {
        // The rest of that list is not known any more: from the beginning. What was found twice is one.
        Err(Error::Conflict(_)) if cursor.is_some() => {
            client.one(ask(&client.config.namespace, &selector, None))
        }
        page => page,
    };
    let page = page.map_err(|error| match error {
        Error::Conflict(detail) => Error::Unavailable(detail),
        other => other,
    })?;
    let answer::Page { names, next } = answer::Page::parse(&page.body)?;
    let found = names.into_iter().map(|key| Found { key, value: None });
    Ok(Page { found: found.collect(), next })
}

fn ask(namespace: &str, selector: &str, cursor: Option<&str>) -> Ask {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &PAGE.to_string());
    if !selector.is_empty() {
        query.append_pair("labelSelector", selector);
    }
    if let Some(cursor) = cursor {
        query.append_pair("continue", cursor);
    }
    let path = format!("/api/v1/namespaces/{namespace}/secrets?{}", query.finish());
    Ask { path, accept: METADATA, body: None, asked: Asked::List }
}

/// The label selector that all of the tags are. What is no label would be another selector.
fn selector(tags: &[(String, String)]) -> Result<String, Error> {
    let mut parts = Vec::with_capacity(tags.len());
    for (name, value) in tags {
        let (prefix, short) =
            name.split_once('/').map_or((None, name.as_str()), |(prefix, name)| (Some(prefix), name));
        let named = is_word(short) && !short.is_empty() && prefix.is_none_or(is_domain);
        if !named || !is_word(value) {
            return Err(Error::Other(format!(
                "find.tags: {name:?} with its value is no label of Kubernetes"
            )));
        }
        parts.push(format!("{name}={value}"));
    }
    Ok(parts.join(","))
}

/// A label's value, or its name without the prefix.
fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    text.len() <= 63 && bytes.iter().copied().all(plain) && ends(bytes.first()) && ends(bytes.last())
}

fn is_domain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(plain)
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
