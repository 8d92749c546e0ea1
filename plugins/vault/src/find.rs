//! `find`: every key below a folder, by name and custom metadata.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Found, Query};
use serde::Deserialize;

use crate::client::Client;
use crate::path::{self, Kv};

/// Keys of one search. Each folder is a request, and with tags each key too.
const MAX_KEYS: usize = 2_000;

#[derive(Deserialize)]
struct Listing {
    data: Keys,
}

#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    data: Custom,
}

#[derive(Deserialize)]
struct Custom {
    #[serde(default)]
    custom_metadata: Option<BTreeMap<String, String>>,
}

/// Lists what the query asks for, by full key below the mount.
pub(crate) fn find(client: &Client<'_>, query: &Query) -> Result<Vec<Found>, Error> {
    let mount = client.config.mount.as_deref();
    if mount.is_none() {
        return Err(Error::Unsupported("finding needs the store's path (the mount to look in)".to_owned()));
    }
    if !query.tags.is_empty() && client.config.kv == Kv::V1 {
        return Err(Error::Unsupported("KV version 1 has no custom metadata to find by".to_owned()));
    }
    let mut folders = vec![query.path.clone().unwrap_or_default().trim_matches('/').to_owned()];
    let mut keys = Vec::new();
    while let Some(folder) = folders.pop() {
        let answer = match client.call("LIST", &path::list(mount, client.config.kv, &folder), "") {
            Ok(answer) => answer,
            // Nothing there is an answer: an empty one.
            Err(Error::NotFound(_)) => continue,
            Err(error) => return Err(error),
        };
        let listing: Listing = serde_json::from_slice(&answer.body)
            .map_err(|_| Error::Other("the listing is not Vault's".to_owned()))?;
        for key in listing.data.keys {
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
        if query.tags.is_empty() || has_tags(client, &key, &query.tags)? {
            found.push(Found { key, value: None });
        }
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

fn has_tags(client: &Client<'_>, key: &str, tags: &[(String, String)]) -> Result<bool, Error> {
    let answer = client.call("GET", &path::metadata(client.config.mount.as_deref(), key), "")?;
    let metadata: Metadata = serde_json::from_slice(&answer.body)
        .map_err(|_| Error::Other("the metadata is not Vault's".to_owned()))?;
    let custom = metadata.data.custom_metadata.unwrap_or_default();
    Ok(tags.iter().all(|(name, value)| custom.get(name) == Some(value)))
}
