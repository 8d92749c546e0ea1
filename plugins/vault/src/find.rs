//! `find`: keys below a folder, a page at a time, by name and by custom metadata. Names are the host's to
//! compare; here they only spare requests.

use claviger_plugin_sdk::provider::interface::{Facet, Found, Page, Query};
use claviger_plugin_sdk::{Error, invalid_config};
use regex_lite::Regex;

use crate::answer;
use crate::ask::Ask;
use crate::client::Client;
use crate::path::{self, Kv, Root};
use crate::read::{self, AT_ONCE};
use crate::reserved;

/// Folders that one page lists, one after the other: at 100 ms each a third of the time that a call has.
const FOLDERS: usize = 100;
/// Keys of a page. A folder that holds more is listed again for the next, so few would cost many listings.
const KEYS: usize = 1_000;
/// Keys of a page whose metadata is read, [`AT_ONCE`] at a time.
const TAGGED: usize = 200;

/// What the query asks for: keys as a manifest's `key` would name them. The cursor is the first entry that is
/// not handled yet, a folder with its slash.
///
/// # Errors
/// A search that cannot be made, or whatever the server answers.
pub fn find(client: &Client<'_>, query: &Query, cursor: Option<&str>) -> Result<Page, Error> {
    let (mount, kv) = (client.config.mount.as_deref(), client.config.kv);
    let start = path::clean(query.path.as_deref().unwrap_or_default())?;
    if mount.is_none() && start.is_empty() {
        return Err(invalid_config("/path", "finding needs the mount to look in: set path, or find.path"));
    }
    reserved::allowed(mount, &start)?;
    if !query.tags.is_empty() && kv == Kv::V1 {
        return Err(Error::Unsupported("KV version 1 has no custom metadata to find by".to_owned()));
    }
    let (root, folder) = Root::split(mount, kv, &start);
    let name = query.name_regexp.as_deref().and_then(name_filter);
    let wanted =
        |name_of: &str| name.as_ref().is_none_or(|regex| !name_of.is_ascii() || regex.is_match(name_of));
    let room = if query.tags.is_empty() { KEYS } else { TAGGED };
    let (mut keys, next) = walk(client, &root, &folder, cursor, room, &wanted)?;
    if !query.tags.is_empty() {
        keys = tagged(client, &root, keys, &query.tags)?;
    }
    Ok(Page { found: with_values(client, &root, keys)?, next })
}

/// Of an expression that means the same here and to the host: so only for ASCII, where neither has classes or
/// cases of its own. What does not compile is left to the host.
fn name_filter(expression: &str) -> Option<Regex> {
    Regex::new(expression).ok().filter(|_| expression.is_ascii())
}

/// Keys below a folder in the order of their names, from the cursor on, and the next cursor.
fn walk(
    client: &Client<'_>,
    root: &Root,
    start: &str,
    cursor: Option<&str>,
    room: usize,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(Vec<String>, Option<String>), Error> {
    let start = if start.is_empty() { String::new() } else { format!("{start}/") };
    let mut pending = vec![start.clone()];
    let (mut keys, mut listed, mut brought) = (Vec::new(), 0, 0);
    while let Some(entry) = pending.pop() {
        if !entry.is_empty() && !entry.ends_with('/') {
            if !wanted(&root.name(&entry)) {
                continue;
            }
            // Values that come along are an answer too.
            let value = usize::from(root.value(&entry).is_some());
            if keys.len() == room || brought + value > AT_ONCE {
                return Ok((keys, Some(entry)));
            }
            brought += value;
            keys.push(entry);
            continue;
        }
        // On the way to where the last page ended, a folder does not count: every page gets further.
        let way = cursor.and_then(|cursor| cursor.strip_prefix(&entry)).filter(|way| !way.is_empty());
        if way.is_none() && listed == FOLDERS {
            return Ok((keys, Some(entry)));
        }
        listed += usize::from(way.is_none());
        let answer = match client.one(Ask::list(root.list(&entry))) {
            Ok(answer) => answer,
            // Nothing there is an answer, an empty one; but not of the wrong version's mount.
            Err(Error::NotFound(detail)) if entry == start => match client.missing(root.mount(), detail) {
                Error::NotFound(_) => continue,
                error => return Err(error),
            },
            Err(Error::NotFound(_)) => continue,
            Err(error) => return Err(error),
        };
        let mut names = answer::keys(&answer.body)?;
        // No key has a part `.` or `..`: a server that says so would have another place read than it lists.
        names.retain(|name| !name.trim_matches('/').is_empty() && path::clean(name).is_ok());
        if let Some(way) = way {
            let next = way.split_inclusive('/').next().unwrap_or_default();
            names.retain(|name| name.as_str() >= next);
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        pending.extend(names.into_iter().map(|name| format!("{entry}{name}")));
    }
    Ok((keys, None))
}

/// As in ESO, Vault's own fields count among the tags.
fn tagged(
    client: &Client<'_>,
    root: &Root,
    keys: Vec<String>,
    tags: &[(String, String)],
) -> Result<Vec<String>, Error> {
    let asks: Vec<Ask> = keys.iter().map(|key| Ask::get(root.list(key))).collect();
    let mut found = Vec::new();
    for (key, answer) in keys.into_iter().zip(client.call(&asks)?) {
        let metadata = match answer {
            Err(Error::NotFound(_)) => continue,
            answer => answer::metadata(&answer?.body)?,
        };
        if tags.iter().all(|(name, value)| metadata.get(name) == Some(value)) {
            found.push(key);
        }
    }
    Ok(found)
}

/// What the host would ask for under a found key's name may be another key: then its value comes along.
fn with_values(client: &Client<'_>, root: &Root, keys: Vec<String>) -> Result<Vec<Found>, Error> {
    let asks: Vec<Ask> = keys.iter().filter_map(|key| root.value(key)).map(Ask::get).collect();
    let mut answers = if asks.is_empty() { Vec::new() } else { client.call(&asks)? }.into_iter();
    let mut found = Vec::new();
    for key in keys {
        let value = match root.value(&key).and_then(|_| answers.next()) {
            None => None,
            Some(answer) => {
                let value = answer.and_then(|answer| read::value(client, Facet::Value, &answer.body));
                match value {
                    Err(Error::NotFound(_)) => continue,
                    value => Some(value?),
                }
            }
        };
        found.push(Found { key: root.name(&key), value });
    }
    Ok(found)
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
