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
pub(crate) const ACCESS: &str = "secretmanager.versions.access";
/// The right to what is said about a secret.
pub(crate) const GET: &str = "secretmanager.secrets.get";
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
    let mut answers = call(client, asks.iter().flatten().map(Ask::path))?.into_iter();
    let mut found: Vec<Result<Value, Error>> = Vec::with_capacity(items.len());
    let mut open = Vec::new();
    for (at, (item, ask)) in items.iter().zip(&asks).enumerate() {
        found.push(match ask {
            Err(error) => Err(error.clone()),
            Ok(ask) => match (answers.next().unwrap_or_else(none), client.config.selection) {
                (Err(Trouble::Said(failure)), Selection::LatestOrFetch)
                    if ask.latest && failure.class() == Class::State =>
                {
                    open.push(Open { at, secret: &ask.secret, token: String::new() });
                    Err(failure.error(ACCESS, &ask.what()))
                }
                (answer, _) => value(item, ask, answer),
            },
        });
    }
    for (at, newest) in newest(client, open) {
        let (Some(item), Some(place)) = (items.get(at), found.get_mut(at)) else { continue };
        *place = newest.and_then(|(ask, answer)| value(item, &ask, answer));
    }
    Ok(found)
}

fn none() -> Answer {
    Err(Trouble::Nothing(Error::Other("a request without an answer".to_owned())))
}

/// All at once, of paths below the store's project and location.
fn call(client: &Client<'_>, paths: impl Iterator<Item = String>) -> Result<Vec<Answer>, Error> {
    let below = client.parent.path();
    let paths: Vec<String> = paths.map(|path| format!("{below}/{path}")).collect();
    if paths.is_empty() { Ok(Vec::new()) } else { client.call(&paths) }
}

fn value(item: &Item, ask: &Ask, answer: Answer) -> Result<Value, Error> {
    let what = ask.what();
    let plain = |data: Vec<u8>, version: Option<String>| Value {
        data,
        entries: None,
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
        Err(Trouble::Said(failure)) if ask.latest && failure.class() == Class::State => {
            return Err(Error::Other(format!(
                "{what}: {} (enable it, add a version, or set secretVersionSelectionPolicy to LatestOrFetch)",
                failure.said()
            )));
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

/// An item whose latest version is not to be read.
struct Open<'a> {
    /// Its place.
    at: usize,
    secret: &'a str,
    /// Of the page of versions that is next.
    token: String,
}

impl Open<'_> {
    /// The page that is next.
    fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("filter", "state:ENABLED").append_pair("pageSize", &VERSIONS.to_string());
        if !self.token.is_empty() {
            query.append_pair("pageToken", &self.token);
        }
        format!("{}/versions?{}", self.secret, query.finish())
    }

    /// What a page comes to: the newest enabled version if it is on it, else the token of the next.
    fn read(&self, answer: Answer) -> Result<(Option<u64>, Option<String>), Error> {
        let body = answer.map_err(|trouble| trouble.error(LIST_VERSIONS, self.secret))?;
        answer::newest(&body, &format!("{}/versions", self.secret))
    }
}

/// The newest enabled version of an item in its place, and the answer to its access; or why there is none.
type Newest = (usize, Result<(Ask, Answer), Error>);

/// A page of all that are open at a time, then the versions of all that were found. An item without an enabled version
/// is left out, and its error stands.
fn newest(client: &Client<'_>, mut open: Vec<Open<'_>>) -> Vec<Newest> {
    // What was read before stays, also if there is no token any more.
    let answers = |paths: Vec<String>| {
        let count = paths.len();
        call(client, paths.into_iter()).unwrap_or_else(|error| vec![Err(Trouble::Nothing(error)); count])
    };
    let (mut failed, mut enabled) = (Vec::new(), Vec::new());
    for _ in 0..PAGES {
        let pages = answers(open.iter().map(Open::path).collect());
        let mut rest = Vec::new();
        for (item, page) in open.into_iter().zip(pages) {
            match item.read(page) {
                Err(error) => failed.push((item.at, Err(error))),
                Ok((Some(version), _)) => {
                    let version = Some(version.to_string());
                    enabled.push((item.at, Ask { secret: item.secret.to_owned(), version, latest: false }));
                }
                Ok((None, Some(token))) => rest.push(Open { token, ..item }),
                Ok((None, None)) => {}
            }
        }
        open = rest;
        if open.is_empty() {
            break;
        }
    }
    let read = answers(enabled.iter().map(|(_, ask)| ask.path()).collect());
    let read = enabled.into_iter().zip(read).map(|((at, ask), answer)| (at, Ok((ask, answer))));
    read.chain(failed).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
