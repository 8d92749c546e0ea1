//! Reading Secrets: from an item to a request, from an answer to a value.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Facet, Item, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::answer::Secret;
use crate::client::{Ask, Client, JSON};
use crate::refusal::Asked;

/// Requests at once, and items of a batch: each is a request, and a Secret may have 1 MiB of the 4 MiB that the host lets a
/// call answer.
pub const AT_ONCE: usize = 3;

/// What a path takes as it is, of what names of Secrets have.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.');

/// One answer per item.
pub fn get(client: &Client<'_>, items: &[Item]) -> Vec<Result<Value, Error>> {
    let wrong: Vec<Option<Error>> = items.iter().map(|item| check(item).err()).collect();
    let good = items.iter().zip(&wrong).filter(|(_, wrong)| wrong.is_none());
    let asks = good.map(|(item, _)| ask(&client.config.namespace, &item.key)).collect();
    let mut replies = client.all(asks).into_iter();
    let mut answers = Vec::with_capacity(items.len());
    for (item, wrong) in items.iter().zip(wrong) {
        answers.push(match wrong {
            Some(error) => Err(error),
            None => match replies.next() {
                Some(reply) => reply.and_then(|reply| value(item, &reply.body)),
                None => Err(Error::Other("a request without an answer".to_owned())),
            },
        });
    }
    answers
}

/// What no request is made for: names that would be another path, and versions.
fn check(item: &Item) -> Result<(), Error> {
    if item.version.is_some() {
        return Err(Error::Unsupported(
            "Secrets have no versions that can be read: leave remoteRef.version out".to_owned(),
        ));
    }
    if item.key.contains('/') || matches!(item.key.as_str(), "" | "." | "..") {
        return Err(Error::Other(format!(
            "{:?} is no name of a Secret; what it holds is remoteRef.property",
            item.key
        )));
    }
    Ok(())
}

fn ask(namespace: &str, name: &str) -> Ask {
    Ask {
        path: format!("/api/v1/namespaces/{namespace}/secrets/{}", utf8_percent_encode(name, PLAIN)),
        accept: JSON,
        body: None,
        asked: Asked::Secret(name.to_owned()),
    }
}

/// What an answer holds.
fn value(item: &Item, body: &[u8]) -> Result<Value, Error> {
    let secret = Secret::parse(body, &item.key)?;
    let version = secret.version().map(ToOwned::to_owned);
    if version.is_some() && item.known_version == version {
        return Err(Error::NotModified);
    }
    let (data, entries) = match item.facet {
        // The host makes the whole of it.
        Facet::Value => (Vec::new(), secret.entries()?),
        Facet::Metadata => {
            let metadata = secret.metadata();
            let whole: Vec<String> =
                metadata.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
            let entries = metadata.map(|(name, json)| (name.to_owned(), json.into_bytes()));
            (format!("{{{}}}", whole.join(",")).into_bytes(), entries.to_vec())
        }
    };
    Ok(Value { entries: Some(entries), ..Value::new(data) }.version(version))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
