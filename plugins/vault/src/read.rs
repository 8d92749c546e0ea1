//! Reading keys: from an item to a request, from an answer to a value. A key that is missing is only said to
//! be when the mount is what the store says; and only what is missing, where a key may mean either, is looked for among what
//! is made. How that is read is `dynamic`'s.

use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature, Value};
use claviger_plugin_sdk::{Error, json};

use crate::answer;
use crate::ask::Ask;
use crate::client::Client;
use crate::config::Config;
use crate::engine::Engine;
use crate::path::{self, Kv};
use crate::{dynamic, reserved};

/// Requests at once, and items of a batch, so that a batch waits for its slowest answer and not for the sum.
/// Vault reads one key a request, so more items save instances and nothing else; and eight entries of the
/// 512 KiB that Vault's Consul storage takes by default are the 4 MiB that the host lets a call answer.
pub const AT_ONCE: usize = 8;

/// One answer per item.
///
/// # Errors
/// If there is no token to ask with.
pub fn get(client: &Client<'_>, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
    if items.iter().any(|item| needs_look(&client.config, item)) {
        client.token()?;
    }
    let mut look = Look { client, failed: None };
    let plans: Vec<Plan> =
        items.iter().map(|item| look.plan(item).unwrap_or_else(|error| Plan::Answer(Err(error)))).collect();
    let stored = |plan: &Plan| if let Plan::Stored(ask) = plan { Some(ask.clone()) } else { None };
    let asks: Vec<Ask> = plans.iter().filter_map(stored).collect();
    let mut replies = if asks.is_empty() { Vec::new() } else { client.call(&asks)? }.into_iter();
    let mut answers = Vec::with_capacity(items.len());
    for (item, plan) in items.iter().zip(plans) {
        answers.push(match plan {
            Plan::Stored(_) => {
                let none = || Err(Error::Other("a request without an answer".to_owned()));
                let reply = replies.next().unwrap_or_else(none);
                look.found(item, reply.and_then(|reply| value(client, item.facet, &reply.body)))
            }
            plan => plan,
        });
    }
    let made = |plan: &Plan| if let Plan::Made(path) = plan { Some(path.clone()) } else { None };
    let paths: Vec<String> = answers.iter().filter_map(made).collect();
    let mut made = if paths.is_empty() { Vec::new() } else { dynamic::read(client, &paths) }.into_iter();
    let answer = |plan| match plan {
        Plan::Answer(answer) => answer,
        Plan::Stored(_) | Plan::Made(_) => {
            made.next().unwrap_or_else(|| Err(Error::Other("a read without an answer".to_owned())))
        }
    };
    Ok(answers.into_iter().map(answer).collect())
}

/// What is done about an item.
enum Plan {
    /// KV is asked.
    Stored(Ask),
    /// It is made, by a read of this path.
    Made(String),
    /// There is nothing to do.
    Answer(Result<Value, Error>),
}

/// Whether the engine is looked at before the read: with `version: v1` any engine may be where the store points, and
/// without `path` where the key does.
fn needs_look(config: &Config, item: &Item) -> bool {
    config.kv == Kv::V1 || item.nature == Nature::Dynamic || (config.mount.is_none() && may_be_made(item))
}

/// What is made has neither versions nor metadata, so who asks for these means what is stored.
fn may_be_made(item: &Item) -> bool {
    item.nature != Nature::Stored && item.facet == Facet::Value && item.version.is_none()
}

/// Looks at mounts and engines for the items of one call.
struct Look<'c, 's> {
    client: &'c Client<'s>,
    /// What keeps one from being looked at keeps the others too.
    failed: Option<Error>,
}

impl Look<'_, '_> {
    fn plan(&mut self, item: &Item) -> Result<Plan, Error> {
        let config = &self.client.config;
        let (mount, key) = (config.mount.as_deref(), path::clean(&item.key)?);
        if item.nature == Nature::Dynamic {
            return self.made(item, &key);
        }
        let ask = ask(config, item, &key)?;
        if !needs_look(config, item) {
            return Ok(Plan::Stored(ask));
        }
        let path = if config.kv == Kv::V1 { ask.path.as_str() } else { key.as_str() };
        // Whoever may not look reads as if there were nothing but KV.
        let below = mount.unwrap_or_else(|| path::mount_of(config.kv, &key));
        match self.engine(path, (config.kv == Kv::V1).then_some(below)) {
            Ok(engine) if engine.makes() && may_be_made(item) => Ok(Plan::Made(path.to_owned())),
            Ok(engine) if engine.makes() && config.kv == Kv::V1 => Err(Error::NotFound(format!(
                "{key} is not stored: it is made by the {} engine at {}",
                engine.kind, engine.mount
            ))),
            Ok(_) | Err(Error::Denied(_)) => Ok(Plan::Stored(ask)),
            Err(error) => Err(error),
        }
    }

    /// Of a key that was made before.
    fn made(&mut self, item: &Item, key: &str) -> Result<Plan, Error> {
        let config = &self.client.config;
        if !may_be_made(item) {
            return Err(Error::Unsupported(format!(
                "{key} is made for who reads it, so it has no versions and no metadata: leave version and metadataPolicy out"
            )));
        }
        let below = path::data(config.mount.as_deref(), config.kv, key);
        let below =
            (config.kv == Kv::V1 && reserved::allowed(config.mount.as_deref(), key).is_ok()).then_some(below);
        let own = dynamic::own_path(config.mount.as_deref(), key).map(ToOwned::to_owned);
        let mut error =
            Error::Other(format!("{key} is below the store's path, or Vault's own: it is not made"));
        for path in below.into_iter().chain(own) {
            match self.engine(&path, None) {
                Ok(engine) if engine.makes() => return Ok(Plan::Made(path)),
                // A denial is not to be taken for something missing.
                Ok(engine) if !matches!(error, Error::Denied(_)) => {
                    let (mount, kind) = (engine.mount, engine.kind);
                    error = Error::NotFound(format!(
                        "{key} is not made any more: what is mounted at {mount} is {kind}"
                    ));
                }
                Ok(_) => {}
                Err(Error::Denied(detail)) => error = Error::Denied(detail),
                Err(error) => return Err(error),
            }
        }
        Err(error)
    }

    /// What KV said, and for a key that is not in it whether it is made.
    fn found(&mut self, item: &Item, found: Result<Value, Error>) -> Plan {
        let answer = match (found, &self.failed) {
            (Err(Error::NotFound(_)), Some(error)) => Err(error.clone()),
            (Err(Error::NotFound(detail)), None) => {
                let error = self.client.missing(&mount(&self.client.config, &item.key), detail);
                Err(self.remembered(error))
            }
            (found, _) => found,
        };
        if !may_be_made(item) {
            return Plan::Answer(answer);
        }
        let key = path::clean(&item.key).unwrap_or_default();
        let Some(path) = dynamic::own_path(self.client.config.mount.as_deref(), &key) else {
            return Plan::Answer(answer);
        };
        match answer {
            Err(Error::NotFound(detail)) => match self.engine(path, None) {
                Ok(engine) if engine.makes() => Plan::Made(path.to_owned()),
                Ok(_) | Err(Error::Denied(_)) => Plan::Answer(Err(Error::NotFound(detail))),
                Err(error) => Plan::Answer(Err(error)),
            },
            // As long as nobody may know whether it is stored, nothing is made.
            Err(Error::Denied(detail)) => Plan::Answer(Err(Error::Denied(match self.engine(path, None) {
                Ok(engine) if engine.makes() => format!(
                    "{detail}. Only a key that KV does not have is read at {} ({})",
                    engine.mount, engine.kind
                ),
                _ => detail,
            }))),
            answer => Plan::Answer(answer),
        }
    }

    fn engine(&mut self, path: &str, denied_below: Option<&str>) -> Result<Engine, Error> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.client.engine(path, denied_below).map_err(|error| self.remembered(error)),
        }
    }

    fn remembered(&mut self, error: Error) -> Error {
        if matches!(error, Error::Unauthenticated(_) | Error::Unavailable(_) | Error::RateLimited(_)) {
            self.failed = Some(error.clone());
        }
        error
    }
}

fn mount(config: &Config, key: &str) -> String {
    config
        .mount
        .clone()
        .unwrap_or_else(|| path::mount_of(config.kv, &path::clean(key).unwrap_or_default()).to_owned())
}

fn ask(config: &Config, item: &Item, key: &str) -> Result<Ask, Error> {
    let (mount, kv) = (config.mount.as_deref(), config.kv);
    reserved::allowed(mount, key)?;
    match (item.facet, kv, &item.version) {
        (Facet::Metadata, Kv::V1, _) => Err(Error::Unsupported("KV version 1 has no metadata".to_owned())),
        (Facet::Metadata, Kv::V2, _) => Ok(Ask::get(path::metadata(mount, key))),
        (Facet::Value, Kv::V1, Some(_)) => {
            Err(Error::Unsupported("KV version 1 keeps no versions: leave version out".to_owned()))
        }
        (Facet::Value, Kv::V2, Some(version)) if !version.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(Error::Unsupported(format!("version {version}: versions of KV are numbers")))
        }
        (Facet::Value, _, version) => {
            let query = version.as_ref().map(|version| format!("?version={version}")).unwrap_or_default();
            Ok(Ask { query, ..Ask::get(path::data(mount, kv, key)) })
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
        entries: None,
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
