//! Pushing, deleting and looking: what is asked for `push` to decide, and what it decided, sent. One key after the
//! other, since a push has few.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};
use claviger_plugin_sdk::provider::writer::{Outcome, Removal, Write};
use serde_json::{Value, json};

use crate::answer::{self, Pushable};
use crate::client::{Ask, Client};
use crate::object::{Kind, Object};
use crate::push::{self, Plan, Spec, Wanted};
use crate::refusal::Way;

/// One answer per write.
///
/// # Errors
/// If there is no token to ask with.
pub fn push(client: &Client<'_>, writes: &[Write]) -> Result<Vec<Result<Outcome, Error>>, Error> {
    client.token()?;
    Ok(writes.iter().map(|write| Place::of(client, &write.key)?.push(write)).collect())
}

/// One answer per removal.
///
/// # Errors
/// As [`push`].
pub fn delete(client: &Client<'_>, removals: &[Removal]) -> Result<Vec<Result<(), Error>>, Error> {
    client.token()?;
    Ok(removals.iter().map(|removal| Place::of(client, &removal.key)?.delete(removal)).collect())
}

/// One answer per key.
///
/// # Errors
/// As [`push`].
pub fn exists(client: &Client<'_>, keys: &[String]) -> Result<Vec<Result<bool, Error>>, Error> {
    client.token()?;
    Ok(keys.iter().map(|key| Ok(Place::of(client, key)?.stored()?.is_some())).collect())
}

/// Where a key is.
struct Place<'c, 's> {
    client: &'c Client<'s>,
    object: Object,
}

impl<'c, 's> Place<'c, 's> {
    fn of(client: &'c Client<'s>, key: &str) -> Result<Self, Error> {
        let item = Item {
            key: key.to_owned(),
            version: None,
            property: None,
            facet: Facet::Value,
            known_version: None,
            nature: Nature::Stored,
        };
        Ok(Self { client, object: Object::of(&item)? })
    }

    fn push(&self, write: &Write) -> Result<Outcome, Error> {
        let wanted = Wanted {
            value: &write.value,
            spec: self.named(Spec::parse(write.metadata.as_deref()))?,
            expected: write.expected_version.as_deref(),
            replace: write.replace,
        };
        let stored = self.stored()?;
        match self.named(push::plan(self.object.kind, stored.as_ref(), &wanted))? {
            Plan::Unchanged => Ok(Outcome::Unchanged),
            Plan::Write(body, outcome) => {
                match self.client.one(self.write(&body)) {
                    // Who has read it a moment ago: it is deleted, and its name is taken until it is purged.
                    Err(Error::Conflict(why)) if stored.is_none() && write.replace => {
                        self.recovered(&body, why)?;
                    }
                    // What comes back would be there before, and stay.
                    Err(Error::Conflict(why)) if stored.is_none() => {
                        return Err(Error::Denied(format!(
                            "it may only be made, and its name is taken (by what is deleted, until somebody purges it): {why}"
                        )));
                    }
                    answer => drop(answer?),
                }
                Ok(outcome)
            }
            Plan::Patch(body) => {
                let version = stored.and_then(|stored| stored.version);
                let object = Object { version, ..self.object.clone() };
                match self.client.one(Ask::write("PATCH", object.path(), &body, Way::Update(object))) {
                    Ok(_) => Ok(Outcome::Updated),
                    Err(Error::NotFound(why)) => Err(Error::Conflict(why)),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// The request that makes a version.
    fn write(&self, body: &Value) -> Ask {
        let path = self.object.path();
        let (method, path) = match self.object.kind {
            Kind::Secret | Kind::Key => ("PUT", path),
            Kind::Certificate => ("POST", format!("{path}/import")),
        };
        Ask::write(method, path, body, Way::Set(self.object.clone()))
    }

    /// Brings back what was deleted, if it was pushed, and writes over it.
    fn recovered(&self, body: &Value, why: String) -> Result<(), Error> {
        let Object { kind, name, .. } = &self.object;
        let path = format!("/deleted{}/{name}", kind.collection());
        let deleted = match self.client.one(Ask::deleted(path.clone(), self.object.clone())) {
            Ok(reply) => self.named(answer::deleted_tags(&reply.body))?,
            // Not that, or purged in the meantime.
            Err(Error::NotFound(_)) => return Err(Error::Conflict(why)),
            Err(error) => return Err(error),
        };
        self.named(push::managed(&deleted).map_err(|error| match error {
            Error::Denied(text) => Error::Denied(format!(
                "{text}: it is deleted and can still be recovered, so its name is taken until somebody purges it"
            )),
            other => other,
        }))?;
        self.client.one(Ask::write(
            "POST",
            format!("{path}/recover"),
            &json!({}),
            Way::Recover(self.object.clone()),
        ))?;
        match self.client.one(self.write(body)) {
            Ok(_) => Ok(()),
            // It takes Key Vault some seconds.
            Err(Error::Conflict(detail) | Error::NotFound(detail)) => Err(Error::Unavailable(format!(
                "it was deleted, and is being recovered so that it can be written: {detail}"
            ))),
            Err(error) => Err(error),
        }
    }

    fn delete(&self, removal: &Removal) -> Result<(), Error> {
        let Some(stored) = self.stored()? else { return Ok(()) };
        self.named(push::check(&stored, removal.expected_version.as_deref()))?;
        match self.client.one(Ask::write(
            "DELETE",
            self.object.path(),
            &Value::Null,
            Way::Delete(self.object.clone()),
        )) {
            Ok(_) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn stored(&self) -> Result<Option<Pushable>, Error> {
        match self.client.one(Ask::get(self.object.clone())) {
            Ok(reply) => self.named(answer::pushable(&reply.body, self.object.kind)).map(Some),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Errors of `push` and `answer` do not know the key.
    fn named<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        let what = self.object.text();
        result.map_err(|error| match error {
            Error::Denied(text) => Error::Denied(format!("{what}: {text}")),
            Error::Conflict(text) => Error::Conflict(format!("{what}: {text}")),
            Error::Unavailable(text) => Error::Unavailable(format!("{what}: {text}")),
            Error::Other(text) => Error::Other(format!("{what}: {text}")),
            other => other,
        })
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
