//! Reading keys: from an item to a request, from an answer to a value. A key that is missing is only said to
//! be when the mount is what the store says.

use claviger_plugin_sdk::provider::interface::{Facet, Item, Value};
use claviger_plugin_sdk::{Error, json};

use crate::answer;
use crate::client::{Ask, Client};
use crate::config::Config;
use crate::path::{self, Kv};
use crate::reserved;

/// Requests at once, and items of a batch, so that a batch waits for its slowest answer and not for the sum.
/// Vault reads one key a request, so more items save instances and nothing else; and eight entries of the
/// 512 KiB that Vault's Consul storage takes by default are the 4 MiB that the host lets a call answer.
pub const AT_ONCE: usize = 8;

/// One answer per item.
///
/// # Errors
/// If there is no token to ask with.
pub fn get(client: &Client<'_>, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
    let plans: Vec<Result<Ask, Error>> = items.iter().map(|item| ask(&client.config, item)).collect();
    let asks: Vec<Ask> = plans.iter().filter_map(|plan| plan.as_ref().ok().cloned()).collect();
    let mut replies = if asks.is_empty() { Vec::new() } else { client.call(&asks)? }.into_iter();
    // What keeps the mount from being looked at for one keeps it from the others too.
    let mut failed: Option<Error> = None;
    let mut answers = Vec::with_capacity(items.len());
    for (item, plan) in items.iter().zip(plans) {
        let found = plan.and_then(|_| {
            let none = || Err(Error::Other("a request without an answer".to_owned()));
            value(client, item.facet, &replies.next().unwrap_or_else(none)?.body)
        });
        answers.push(match (found, &failed) {
            (Err(Error::NotFound(_)), Some(error)) => Err(error.clone()),
            (Err(Error::NotFound(detail)), None) => {
                let error = client.missing(&mount(&client.config, &item.key), detail);
                let lasts = matches!(
                    error,
                    Error::Unauthenticated(_) | Error::Unavailable(_) | Error::RateLimited(_)
                );
                failed = lasts.then(|| error.clone());
                Err(error)
            }
            (found, _) => found,
        });
    }
    Ok(answers)
}

fn mount(config: &Config, key: &str) -> String {
    config
        .mount
        .clone()
        .unwrap_or_else(|| path::mount_of(config.kv, &path::clean(key).unwrap_or_default()).to_owned())
}

fn ask(config: &Config, item: &Item) -> Result<Ask, Error> {
    let (mount, kv) = (config.mount.as_deref(), config.kv);
    let key = path::clean(&item.key)?;
    reserved::allowed(mount, &key)?;
    match (item.facet, kv, &item.version) {
        (Facet::Metadata, Kv::V1, _) => Err(Error::Unsupported("KV version 1 has no metadata".to_owned())),
        (Facet::Metadata, Kv::V2, _) => Ok(Ask::get(path::metadata(mount, &key))),
        (Facet::Value, Kv::V1, Some(_)) => {
            Err(Error::Unsupported("KV version 1 keeps no versions: leave version out".to_owned()))
        }
        (Facet::Value, Kv::V2, Some(version)) if !version.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(Error::Unsupported(format!("version {version}: versions of KV are numbers")))
        }
        (Facet::Value, _, version) => {
            let query = version.as_ref().map(|version| format!("?version={version}")).unwrap_or_default();
            Ok(Ask { method: "GET", path: path::data(mount, kv, &key), query })
        }
    }
}

/// What an answer holds.
///
/// # Errors
/// If it is not Vault's, or the version's data is gone.
pub fn value(client: &Client<'_>, facet: Facet, body: &[u8]) -> Result<Value, Error> {
    let value = |data: String, version: Option<String>, shareable: bool| Value {
        data: data.into_bytes(),
        version,
        metadata: None,
        lease: None,
        shareable,
        dynamic: false,
    };
    match facet {
        Facet::Metadata => Ok(value(json::go_map(&answer::metadata(body)?), None, true)),
        Facet::Value => {
            let found = answer::secret(body, client.config.kv)?;
            Ok(value(found.json, found.version, !found.leased))
        }
    }
}
