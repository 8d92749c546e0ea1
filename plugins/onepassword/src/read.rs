//! Reading items: found by id or title in the store's vaults, in their order, and what is meant of each.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Facet, Health, Item as Asked, Value};
use claviger_plugin_sdk::url::escaped;

use crate::client::{Client, Vault, is_id, named, parsed};
use crate::item::{Item, Meant, Summary};

/// Requests at once, and items of a batch.
pub const AT_ONCE: usize = 8;

/// An item that was found: where it is below `/v1`.
struct Place {
    path: String,
}

/// One answer per item.
///
/// # Errors
/// What concerns all: a vault that is not there.
pub fn get(client: &Client<'_>, items: &[Asked]) -> Result<Vec<Result<Value, Error>>, Error> {
    let vaults = client.vaults()?;
    let mut places: Vec<Option<Result<Place, Error>>> =
        items.iter().map(|item| check(item).err().map(Err)).collect();
    let mut whole: Vec<Option<Result<Item, Error>>> = items.iter().map(|_| None).collect();
    for vault in &vaults {
        let open: Vec<usize> = (0..items.len()).filter(|nth| places[*nth].is_none()).collect();
        let asks = open.iter().map(|nth| searched(vault, &items[*nth].key)).collect();
        for (nth, answer) in open.iter().zip(client.all(asks)) {
            match looked(vault, &items[*nth].key, answer) {
                Ok(None) => {}
                Ok(Some(Seen::Listed(place))) => places[*nth] = Some(Ok(place)),
                Ok(Some(Seen::Whole(place, item))) => {
                    places[*nth] = Some(Ok(place));
                    whole[*nth] = Some(Ok(item));
                }
                Err(error) => places[*nth] = Some(Err(error)),
            }
        }
    }
    let listed: Vec<usize> =
        (0..items.len()).filter(|nth| whole[*nth].is_none() && matches!(places[*nth], Some(Ok(_)))).collect();
    let asks = listed.iter().filter_map(|nth| match &places[*nth] {
        Some(Ok(place)) => Some((place.path.clone(), about(&items[*nth].key))),
        _ => None,
    });
    for (nth, answer) in listed.iter().zip(client.all(asks.collect())) {
        whole[*nth] = Some(answer.and_then(|body| parsed(&body, &about(&items[*nth].key))));
    }
    let answers = items.iter().zip(places).zip(whole).map(|((asked, place), item)| match (place, item) {
        (None, _) => {
            let vaults = client.config.vaults.join(", ");
            Err(Error::NotFound(format!("{}: it is in none of the vaults {vaults}", about(&asked.key))))
        }
        (Some(Err(error)), _) => Err(error),
        (Some(Ok(place)), Some(item)) => value(client, &place.path, &item?, asked),
        (Some(Ok(_)), None) => Err(Error::Other("a request without an answer".to_owned())),
    });
    Ok(answers.collect())
}

/// What no request is made for.
fn check(item: &Asked) -> Result<(), Error> {
    if item.version.is_some() {
        return Err(Error::Unsupported(
            "old versions of items cannot be read: leave remoteRef.version out".to_owned(),
        ));
    }
    if item.facet == Facet::Metadata {
        return Err(Error::Unsupported(
            "items have no metadata that can be read: leave metadataPolicy out".to_owned(),
        ));
    }
    if item.key.is_empty() {
        return Err(Error::Other("the key is empty: give an item's title or id".to_owned()));
    }
    Ok(())
}

fn about(key: &str) -> String {
    format!("item {key:?}")
}

fn searched(vault: &Vault, key: &str) -> (String, String) {
    let items = format!("/vaults/{}/items", escaped(&vault.id));
    let path =
        if is_id(key) { format!("{items}/{key}") } else { format!("{items}?filter={}", named("title", key)) };
    (path, about(key))
}

enum Seen {
    Listed(Place),
    Whole(Place, Item),
}

/// Whether a vault has it.
fn looked(vault: &Vault, key: &str, answer: Result<Vec<u8>, Error>) -> Result<Option<Seen>, Error> {
    let place = |id: &str| Place { path: format!("/vaults/{}/items/{}", escaped(&vault.id), escaped(id)) };
    let body = match answer {
        Ok(body) => body,
        Err(Error::NotFound(_)) if is_id(key) => return Ok(None),
        // The vault was there a moment ago.
        Err(Error::NotFound(detail)) => return Err(Error::Unavailable(detail)),
        Err(error) => return Err(error),
    };
    if is_id(key) {
        return Ok(Some(Seen::Whole(place(key), parsed(&body, &about(key))?)));
    }
    let found: Vec<Summary> = parsed(&body, &about(key))?;
    let mut found = found.into_iter().filter(|item| item.title == key);
    match (found.next(), found.count()) {
        (None, _) => Ok(None),
        (Some(item), 0) => Ok(Some(Seen::Listed(place(&item.id)))),
        (Some(_), more) => Err(Error::Other(format!(
            "{}: {} items of a vault have that title: give its id",
            about(key),
            more + 1
        ))),
    }
}

/// What is meant of an item.
fn value(client: &Client<'_>, path: &str, item: &Item, asked: &Asked) -> Result<Value, Error> {
    let (data, entries) = match item.meant(asked.property.as_deref())? {
        Meant::Field(label) => {
            let value = item.field(&label)?;
            (value.clone(), vec![(label, value)])
        }
        // Without such a field the host makes JSON of all.
        Meant::Fields => (item.password().unwrap_or_default(), item.fields()?),
        Meant::File(file) => {
            let mut contents = contents(client, path, std::slice::from_ref(&file))?;
            let content = contents.pop().map(|(_, content)| content).unwrap_or_default();
            (content.clone(), vec![(file.name, content)])
        }
        Meant::Files => {
            let contents = contents(client, path, &item.files)?;
            let first = contents.first().map(|(_, content)| content.clone());
            (first.ok_or_else(|| Error::Other(format!("{}: it has no file", about(&asked.key))))?, contents)
        }
    };
    // An empty text has no entries beside it: it is not to become JSON of them.
    let plain = data.is_empty() && asked.property.is_some();
    Ok(Value { entries: (!plain).then_some(entries), ..Value::new(data) }.version(Some(item.version())))
}

/// Files with their contents.
///
/// # Errors
/// The first that cannot be had.
pub fn contents(
    client: &Client<'_>,
    path: &str,
    files: &[crate::item::File],
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let ask = |file: &crate::item::File| {
        (format!("{path}/files/{}/content", escaped(&file.id)), format!("file {:?}", file.name))
    };
    let answers = client.all(files.iter().map(ask).collect());
    let content = |(file, answer): (&crate::item::File, Result<Vec<u8>, Error>)| match answer {
        Ok(content) => Ok((file.name.clone(), content)),
        // The item has it.
        Err(Error::NotFound(detail)) => Err(Error::Unavailable(detail)),
        Err(error) => Err(error),
    };
    files.iter().zip(answers).map(content).collect()
}

/// Whether the store works: whether the token sees all of its vaults.
///
/// # Errors
/// What keeps it from working.
pub fn health(client: &Client<'_>) -> Result<Health, Error> {
    client.vaults().map(|_| Health::Ready)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
