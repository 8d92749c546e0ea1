//! Reading keys: from an item to a request, from an answer to a value.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Facet, Item, Value};
use google_credentials::Class;

use crate::answer;
use crate::client::{Answer, Client, Trouble};
use crate::config::Selection;
use crate::name;

/// Items of a batch: a payload has 64 KiB at most, so they take half of the 4 MiB that a call may answer.
pub const BATCH: usize = 32;

/// The right to a value.
const ACCESS: &str = "secretmanager.versions.access";
/// The right to what is said about a secret.
const GET: &str = "secretmanager.secrets.get";
/// The right to its versions.
const LIST_VERSIONS: &str = "secretmanager.versions.list";

/// Versions of a page, and pages that are looked at for an enabled one. Listed newest first, so the first page
/// has it, unless the newest are all disabled or destroyed; and a filter leaves pages empty that go on.
const VERSIONS: usize = 100;
const PAGES: usize = 10;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ask {
    /// Its path below the store's project and location.
    secret: String,
    /// None for what is said about the secret.
    version: Option<String>,
    /// Nobody asked for that version, so the store's policy decides.
    latest: bool,
}

impl Ask {
    fn read(client: &Client<'_>, item: &Item) -> Result<Self, Error> {
        let key = name::read(&item.key, &client.parent)?;
        let secret = format!("secrets/{}", key.id);
        if item.facet == Facet::Metadata {
            return Ok(Self { secret, version: None, latest: false });
        }
        let named = match (key.version.as_deref(), item.version.as_deref().filter(|own| !own.is_empty())) {
            (Some(in_key), Some(own)) if in_key != own => {
                let detail = format!("{}: the key names another version than version: remove one", item.key);
                return Err(Error::Other(detail));
            }
            (in_key, own) => in_key.or(own).map(name::version).transpose()?,
        };
        let version = Some(named.unwrap_or("latest").to_owned());
        Ok(Self { secret, version, latest: named.is_none() })
    }

    fn what(&self) -> String {
        match &self.version {
            Some(version) => format!("{}/versions/{version}", self.secret),
            None => self.secret.clone(),
        }
    }

    fn path(&self) -> String {
        match &self.version {
            Some(_) => format!("{}:access", self.what()),
            None => self.secret.clone(),
        }
    }
}

/// One answer per item.
///
/// # Errors
/// If there is no token to ask with.
pub fn get(client: &Client<'_>, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
    let asks: Vec<Result<Ask, Error>> = items.iter().map(|item| Ask::read(client, item)).collect();
    let below = client.parent.path();
    let paths: Vec<String> = asks.iter().flatten().map(|ask| format!("{below}/{}", ask.path())).collect();
    let mut answers = if paths.is_empty() { Vec::new() } else { client.call(&paths)? }.into_iter();
    let mut found = Vec::with_capacity(items.len());
    for (item, ask) in items.iter().zip(asks) {
        found.push(ask.and_then(|ask| {
            let none = || Err(Trouble::Nothing(Error::Other("a request without an answer".to_owned())));
            value(client, item, &ask, answers.next().unwrap_or_else(none))
        }));
    }
    Ok(found)
}

fn value(client: &Client<'_>, item: &Item, ask: &Ask, answer: Answer) -> Result<Value, Error> {
    let what = ask.what();
    let plain = |data: Vec<u8>, version: Option<String>| Value {
        data,
        version,
        metadata: None,
        lease: None,
        shareable: true,
        dynamic: false,
    };
    if ask.version.is_none() {
        let body = answer.map_err(|trouble| trouble.error(GET, &what))?;
        return Ok(plain(answer::metadata(&body, &what)?.into_bytes(), None));
    }
    let body = match answer {
        Ok(body) => body,
        Err(Trouble::Said(failure)) if failure.class() == Class::State => {
            let error = failure.error(ACCESS, &what);
            if !ask.latest {
                return Err(error);
            }
            match client.config.selection {
                Selection::LatestOrFetch => newest(client, ask, error)?,
                Selection::LatestOrFail => {
                    return Err(Error::Other(format!(
                        "{what}: {} (enable it, add a version, or set secretVersionSelectionPolicy to LatestOrFetch)",
                        failure.said()
                    )));
                }
            }
        }
        Err(trouble) => return Err(trouble.error(ACCESS, &what)),
    };
    let payload = answer::payload(&body, &what)?;
    // Also where the payload has come anyway: whoever asked so has it already.
    if payload.version.is_some() && payload.version == item.known_version {
        return Err(Error::NotModified);
    }
    Ok(plain(payload.data, payload.version))
}

/// The newest enabled version's answer; if there is none, the error stands.
fn newest(client: &Client<'_>, ask: &Ask, error: Error) -> Result<Vec<u8>, Error> {
    let what = format!("{}/versions", ask.secret);
    let below = client.parent.path();
    let mut token = String::new();
    for _ in 0..PAGES {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("filter", "state:ENABLED").append_pair("pageSize", &VERSIONS.to_string());
        if !token.is_empty() {
            query.append_pair("pageToken", &token);
        }
        let body = client.one(format!("{below}/{what}?{}", query.finish()))?;
        let body = body.map_err(|trouble| trouble.error(LIST_VERSIONS, &ask.secret))?;
        let (newest, next) = answer::newest(&body, &what)?;
        if let Some(version) = newest {
            let what = format!("{what}/{version}");
            let answer = client.one(format!("{below}/{what}:access"))?;
            return answer.map_err(|trouble| trouble.error(ACCESS, &what));
        }
        match next {
            Some(next) => token = next,
            None => break,
        }
    }
    Err(error)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
