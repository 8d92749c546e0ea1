//! `find`: every key below a folder, by custom metadata. Names are the host's to compare.

use claviger_plugin_sdk::provider::interface::{Found, Query};
use claviger_plugin_sdk::{Error, invalid_config};

use crate::answer;
use crate::client::Client;
use crate::path::{self, Kv};
use crate::plugin::read;

/// Keys of one search. Each folder is a request, and with tags each key too.
const MAX_KEYS: usize = 2_000;

/// Lists what the query asks for: keys as a manifest's `key` would name them.
pub(crate) fn find(client: &Client<'_>, query: &Query) -> Result<Vec<Found>, Error> {
    let (mount, kv) = (client.config.mount.as_deref(), client.config.kv);
    let start = path::clean(query.path.as_deref().unwrap_or_default())?;
    if mount.is_none() && start.is_empty() {
        return Err(invalid_config("/path", "finding needs the mount to look in: set path, or find.path"));
    }
    if !query.tags.is_empty() && kv == Kv::V1 {
        return Err(Error::Unsupported("KV version 1 has no custom metadata to find by".to_owned()));
    }
    let mut folders = vec![start.clone()];
    let mut keys = Vec::new();
    while let Some(folder) = folders.pop() {
        let answer = match client.list(&path::list(mount, kv, &folder)) {
            Ok(answer) => answer,
            // Nothing there is an answer, an empty one; but not of the wrong version's mount.
            Err(Error::NotFound(detail)) if folder == start => match client.missing(detail) {
                Error::NotFound(_) => continue,
                error => return Err(error),
            },
            Err(Error::NotFound(_)) => continue,
            Err(error) => return Err(error),
        };
        for key in answer::keys(&answer.body)? {
            let full = if folder.is_empty() { key } else { format!("{folder}/{key}") };
            match full.strip_suffix('/') {
                Some(folder) => folders.push(folder.to_owned()),
                None => keys.push(full),
            }
        }
        if keys.len() + folders.len() > MAX_KEYS {
            return Err(Error::Other(format!("more than {MAX_KEYS} keys: narrow the search by path")));
        }
    }
    let mut found = Vec::new();
    for key in keys {
        if !query.tags.is_empty() && !has_tags(client, &key, &query.tags)? {
            continue;
        }
        // What the host would ask for under this name is another key, so its value comes along.
        let value = match path::listed(mount, kv, &key) {
            None => None,
            Some(path) => match read(client, &path, "") {
                Err(Error::NotFound(_)) => continue,
                value => Some(value?),
            },
        };
        found.push(Found { key, value });
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

/// As in ESO, Vault's own fields count among the tags.
fn has_tags(client: &Client<'_>, key: &str, tags: &[(String, String)]) -> Result<bool, Error> {
    let answer = match client.get(&path::list(client.config.mount.as_deref(), Kv::V2, key), "") {
        Err(Error::NotFound(_)) => return Ok(false),
        answer => answer?,
    };
    let metadata = answer::metadata(&answer.body)?;
    Ok(tags.iter().all(|(name, value)| metadata.get(name) == Some(value)))
}
