//! Pushing, deleting and looking: what is asked for `push` to decide, and what it decided, sent. One key after the
//! other, since a push has few.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};
use claviger_plugin_sdk::provider::writer::{Outcome, Removal, Write};
use google_credentials::{Class, Failure};
use serde_json::{Map, Value, json};

use crate::client::{Answer, Ask, Client, Trouble};
use crate::config::Selection;
use crate::metadata::Spec;
use crate::push::{self, Change, Current, Stored, Wanted};
use crate::read::{ACCESS, GET};
use crate::{answer, name, read};

/// The rights to write.
const CREATE: &str = "secretmanager.secrets.create";
const UPDATE: &str = "secretmanager.secrets.update";
const DELETE: &str = "secretmanager.secrets.delete";
const ADD: &str = "secretmanager.versions.add";

/// One answer per write.
///
/// # Errors
/// If there is no token to ask with.
pub fn push(client: &Client<'_>, writes: &[Write]) -> Result<Vec<Result<Outcome, Error>>, Error> {
    client.token()?;
    Ok(writes.iter().map(|write| push_one(client, write)).collect())
}

/// One answer per removal.
///
/// # Errors
/// As [`push`].
pub fn delete(client: &Client<'_>, removals: &[Removal]) -> Result<Vec<Result<(), Error>>, Error> {
    client.token()?;
    Ok(removals.iter().map(|removal| delete_one(client, removal)).collect())
}

/// One answer per key: whether it has a version that could be read, or could be enabled.
///
/// # Errors
/// As [`push`].
pub fn exists(client: &Client<'_>, keys: &[String]) -> Result<Vec<Result<bool, Error>>, Error> {
    client.token()?;
    let exists = |key: &String| Ok(!matches!(Place::of(client, key)?.current()?, Current::None));
    Ok(keys.iter().map(exists).collect())
}

fn push_one(client: &Client<'_>, write: &Write) -> Result<Outcome, Error> {
    let place = Place::of(client, &write.key)?;
    let spec = write.metadata.as_deref().map(Spec::parse).transpose();
    let wanted = Wanted {
        value: &write.value,
        spec: place.named(spec)?,
        expected: write.expected_version.as_deref(),
        replace: write.replace,
    };
    let (stored, current) = place.both()?;
    let regional = client.config.location.is_some();
    let plan = place.named(push::plan(stored.as_ref(), current, &wanted, regional))?;
    match plan.secret {
        Change::None => {}
        Change::Create(body) => place.create(&body)?,
        Change::Patch { fields, etag } => place.patch(fields, etag)?,
    }
    if plan.add {
        place.add(wanted.value)?;
    }
    Ok(plan.outcome)
}

fn delete_one(client: &Client<'_>, removal: &Removal) -> Result<(), Error> {
    let place = Place::of(client, &removal.key)?;
    let expected = removal.expected_version.as_deref();
    // Who deletes whatever is there need not have the right to read it.
    let (stored, current) = if expected.is_some() { place.both()? } else { (place.stored()?, Current::None) };
    let Some(stored) = stored else { return Ok(()) };
    place.named(push::check_removal(&stored, &current, expected))?;
    place.delete(&stored.etag)
}

/// Where a key is.
struct Place<'c, 's> {
    client: &'c Client<'s>,
    id: String,
    /// Below the store's project and location, as messages have it.
    what: String,
}

impl<'c, 's> Place<'c, 's> {
    fn of(client: &'c Client<'s>, key: &str) -> Result<Self, Error> {
        let name::Key { id, version } = name::read(key, &client.parent)?;
        if version.is_some() {
            return Err(Error::Other(format!(
                "{key}: a version cannot be written or deleted by itself: leave it out of the key"
            )));
        }
        Ok(Self { client, what: format!("secrets/{id}"), id })
    }

    /// Errors of `push` do not know the key.
    fn named<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        let what = &self.what;
        result.map_err(|error| match error {
            Error::Denied(text) => Error::Denied(format!("{what}: {text}")),
            Error::Conflict(text) => Error::Conflict(format!("{what}: {text}")),
            Error::Other(text) if !text.starts_with(what) => Error::Other(format!("{what}: {text}")),
            other => other,
        })
    }

    fn path(&self) -> String {
        format!("{}/{}", self.client.parent.path(), self.what)
    }

    fn latest(&self) -> String {
        format!("{}/versions/latest:access", self.path())
    }

    fn stored(&self) -> Result<Option<Stored>, Error> {
        let answer = self.client.one(self.path())?;
        self.read_stored(answer)
    }

    fn current(&self) -> Result<Current, Error> {
        let answer = self.client.one(self.latest())?;
        self.read_current(answer)
    }

    /// Both, asked for at the same time.
    fn both(&self) -> Result<(Option<Stored>, Current), Error> {
        let mut answers = self.client.call(&[self.path(), self.latest()])?.into_iter();
        let mut next = || answers.next().unwrap_or_else(no_answer);
        let (stored, current) = (next(), next());
        let stored = self.read_stored(stored)?;
        let current = self.read_current(current)?;
        if stored.is_none() && !matches!(current, Current::None) {
            return Err(Error::Conflict(format!("{}: it was written while it was read", self.what)));
        }
        Ok((stored, current))
    }

    fn read_stored(&self, answer: Answer) -> Result<Option<Stored>, Error> {
        match answer {
            Ok(body) => Stored::parse(&body, &self.what).map(Some),
            Err(Trouble::Said(failure)) if failure.class() == Class::NotFound => Ok(None),
            Err(trouble) => Err(trouble.error(GET, &self.what)),
        }
    }

    /// What `get` tells of the key, by the store's policy for a latest version that is not to be read.
    fn read_current(&self, answer: Answer) -> Result<Current, Error> {
        let what = format!("{}/versions/latest", self.what);
        match answer {
            Ok(body) => answer::payload(&body, &what).map(Current::Value),
            Err(Trouble::Said(failure)) if failure.class() == Class::NotFound => Ok(Current::None),
            Err(Trouble::Said(failure)) if failure.class() == Class::State => {
                match self.client.config.selection {
                    Selection::LatestOrFetch => self.fetched(),
                    Selection::LatestOrFail => Ok(Current::Unreadable(failure.error(ACCESS, &what))),
                }
            }
            Err(trouble) => Err(trouble.error(ACCESS, &what)),
        }
    }

    /// The newest enabled version.
    fn fetched(&self) -> Result<Current, Error> {
        let item = Item {
            key: self.id.clone(),
            version: None,
            property: None,
            facet: Facet::Value,
            known_version: None,
            nature: Nature::Stored,
        };
        match read::get(self.client, &[item])?.pop() {
            Some(Ok(value)) => {
                Ok(Current::Value(answer::Payload { data: value.data, version: value.version }))
            }
            Some(Err(Error::NotFound(_))) => Ok(Current::None),
            // The state of its latest version, and none is enabled.
            Some(Err(Error::Other(text))) => Ok(Current::Unreadable(Error::Other(text))),
            Some(Err(error)) => Err(error),
            None => Ok(Current::None),
        }
    }

    fn create(&self, body: &Value) -> Result<(), Error> {
        let parent = self.client.parent.path();
        // An id needs no escaping.
        let answer = self.send("POST", format!("{parent}/secrets?secretId={}", self.id), body)?;
        match answer {
            Err(Trouble::Said(failure)) if failure.code == "ALREADY_EXISTS" => {
                Err(Error::Conflict(format!("{}: it was created in the meantime", self.what)))
            }
            // The right is the project's.
            answer => done(answer, CREATE, &self.what),
        }
    }

    fn patch(&self, mut fields: Map<String, Value>, etag: String) -> Result<(), Error> {
        let mask: Vec<&str> = fields.keys().map(String::as_str).collect();
        let path = format!("{}?updateMask={}", self.path(), mask.join(","));
        let read = etag.clone();
        fields.insert("etag".to_owned(), json!(etag));
        let answer = self.send("PATCH", path, &Value::Object(fields))?;
        self.checked(answer, UPDATE, &read)
    }

    fn add(&self, value: &[u8]) -> Result<(), Error> {
        // A 64-bit number is text in JSON of Google's.
        let checksum = answer::crc32c(value).to_string();
        let body = json!({"payload": {"data": STANDARD.encode(value), "dataCrc32c": checksum}});
        let answer = self.send("POST", format!("{}:addVersion", self.path()), &body)?;
        done(answer, ADD, &self.what)
    }

    fn delete(&self, etag: &str) -> Result<(), Error> {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("etag", etag).finish();
        let path = format!("{}?{query}", self.path());
        let answer = self.client.send_one(Ask { method: "DELETE", path, body: Vec::new() })?;
        match answer {
            Err(Trouble::Said(failure)) if failure.class() == Class::NotFound => Ok(()),
            answer => self.checked(answer, DELETE, etag),
        }
    }

    /// Google says `FAILED_PRECONDITION` to an etag of another state, and to other things (a topic that it may not
    /// publish to), and in no documented words: so the secret is looked at once more.
    fn checked(&self, answer: Answer, right: &str, etag: &str) -> Result<(), Error> {
        let precondition = |failure: &Failure| failure.code == "FAILED_PRECONDITION";
        if matches!(&answer, Err(Trouble::Said(failure)) if precondition(failure)) {
            let now = self.stored()?;
            if now.is_none_or(|now| now.etag != etag) {
                return Err(Error::Conflict(format!("{}: it was changed in the meantime", self.what)));
            }
        }
        done(answer, right, &self.what)
    }

    fn send(&self, method: &'static str, path: String, body: &Value) -> Result<Answer, Error> {
        self.client.send_one(Ask { method, path, body: body.to_string().into_bytes() })
    }
}

/// What a success says is of no use. A secret that is gone was there when it was looked at.
fn done(answer: Answer, right: &str, what: &str) -> Result<(), Error> {
    match answer {
        Ok(_) => Ok(()),
        Err(Trouble::Said(failure)) if failure.class() == Class::NotFound => {
            Err(Error::Conflict(format!("{what}: it was deleted in the meantime")))
        }
        Err(trouble) => Err(trouble.error(right, what)),
    }
}

fn no_answer() -> Answer {
    Err(Trouble::Nothing(Error::Other("a request without an answer".to_owned())))
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
