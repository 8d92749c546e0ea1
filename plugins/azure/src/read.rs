//! Reading keys: from an item to a request, from an answer to a value.

use claviger_plugin_sdk::provider::interface::{Facet, Item, Value};
use claviger_plugin_sdk::{Error, json};

use crate::answer;
use crate::client::{Ask, Client};
use crate::object::{self, Object};

/// Requests at once, and items of a batch, so that a batch waits for its slowest answer and not for the sum.
/// Key Vault reads one object a request, so more items save instances and nothing else; and sixteen secrets of
/// the 25 KiB that it takes are far below the 4 MiB that the host lets a call answer.
pub const AT_ONCE: usize = 16;

/// One answer per item.
///
/// # Errors
/// If there is no token to ask with.
pub fn get(client: &Client<'_>, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
    let objects: Vec<Result<Object, Error>> = items.iter().map(Object::of).collect();
    let asks: Vec<Ask> = objects.iter().flatten().cloned().map(Ask::get).collect();
    let mut replies = if asks.is_empty() { Vec::new() } else { client.call(&asks)? }.into_iter();
    let mut answers = Vec::with_capacity(items.len());
    for (item, object) in items.iter().zip(objects) {
        answers.push(object.and_then(|object| {
            let none = || Err(Error::Other("a request without an answer".to_owned()));
            value(item, &object, &replies.next().unwrap_or_else(none)?.body)
        }));
    }
    Ok(answers)
}

/// What an answer holds.
fn value(item: &Item, object: &Object, body: &[u8]) -> Result<Value, Error> {
    let named = |error: Error| match error {
        Error::Unavailable(detail) => Error::Unavailable(format!("{}: {detail}", object.text())),
        Error::Other(detail) => Error::Other(format!("{}: {detail}", object.text())),
        other => other,
    };
    let (data, version) = match item.facet {
        Facet::Value => answer::value(body, object.kind).map_err(named)?,
        // Tags and times change without a new version.
        Facet::Metadata => {
            (json::go_map(&answer::metadata(body, object.kind).map_err(named)?).into_bytes(), None)
        }
    };
    let known = item.known_version.as_ref().filter(|_| object::is_fixed(object.kind, item.facet));
    if known.is_some() && known == version.as_ref() {
        return Err(Error::NotModified);
    }
    Ok(Value { data, entries: None, version, metadata: None, lease: None, shareable: true, dynamic: false })
}
