//! Pushing, deleting and looking: what is asked for `push` to decide, and what it decided, sent. One key after the
//! other, since a push has few.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::Facet;
use claviger_plugin_sdk::provider::writer::{Outcome, Removal, Write};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::ask::{Ask, Of};
use crate::client::Client;
use crate::path::{self, Kv};
use crate::push::{self, PlanV1, Stored, Wanted};
use crate::world::Reply;
use crate::{read, reserved};

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

/// One answer per key.
///
/// # Errors
/// As [`push`].
pub fn exists(client: &Client<'_>, keys: &[String]) -> Result<Vec<Result<bool, Error>>, Error> {
    client.token()?;
    Ok(keys.iter().map(|key| Place::of(client, key)?.exists()).collect())
}

fn push_one(client: &Client<'_>, write: &Write) -> Result<Outcome, Error> {
    let place = Place::of(client, &write.key)?;
    let (metadata, expected) = (write.metadata.as_deref(), write.expected_version.as_deref());
    let wanted = named(&write.key, Wanted::parse(&write.value, metadata, expected, write.replace))?;
    if client.config.kv == Kv::V1 {
        let stored = place.stored_v1()?;
        return match named(&write.key, push::plan_v1(stored.as_deref(), &wanted))? {
            PlanV1::Unchanged => Ok(Outcome::Unchanged),
            PlanV1::Delete => client.one(place.remove()).map(|_| Outcome::Updated),
            PlanV1::Write(value, outcome) => client.one(place.write(&place.data, &value)?).map(|_| outcome),
        };
    }
    let stored = place.stored(&write.key)?;
    let plan = named(&write.key, push::plan(stored.as_ref(), &wanted))?;
    if let Some((custom, cas)) = &plan.metadata {
        let mut body = json!({"custom_metadata": custom});
        if let Some(cas) = cas {
            body["metadata_cas"] = json!(cas);
        }
        client.one(Ask::put(Of::Kv, place.metadata.clone(), &body))?;
    }
    if let Some(cas) = plan.cas {
        #[derive(Serialize)]
        struct Body<'a> {
            data: &'a RawValue,
            options: Options,
        }
        #[derive(Serialize)]
        struct Options {
            cas: u64,
        }
        client.one(place.write(&place.data, &Body { data: wanted.json, options: Options { cas } })?)?;
    }
    Ok(plan.outcome)
}

fn delete_one(client: &Client<'_>, removal: &Removal) -> Result<(), Error> {
    let place = Place::of(client, &removal.key)?;
    let expected = removal.expected_version.as_deref();
    let delete = if client.config.kv == Kv::V1 {
        if expected.is_some() {
            return Err(push::no_versions());
        }
        match place.stored_v1()? {
            Some(json) => named(&removal.key, push::managed_v1(&json)).map(|_| true)?,
            None => false,
        }
    } else {
        match place.stored(&removal.key)? {
            Some(stored) => named(&removal.key, push::plan_removal(&stored, expected))?,
            None => false,
        }
    };
    match delete.then(|| client.one(place.remove())) {
        Some(Err(Error::NotFound(_))) | None => Ok(()),
        Some(answer) => answer.map(|_| ()),
    }
}

/// Errors of `push` do not know the key.
fn named<T>(key: &str, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|error| match error {
        Error::Denied(text) => Error::Denied(format!("{key}: {text}")),
        Error::Conflict(text) => Error::Conflict(format!("{key}: {text}")),
        Error::Other(text) => Error::Other(format!("{key}: {text}")),
        other => other,
    })
}

/// Where a key is.
struct Place<'c, 's> {
    client: &'c Client<'s>,
    mount: String,
    data: String,
    /// Version 2 only.
    metadata: String,
}

impl<'c, 's> Place<'c, 's> {
    fn of(client: &'c Client<'s>, key: &str) -> Result<Self, Error> {
        let config = &client.config;
        let (mount, key) = (config.mount.as_deref(), path::clean(key)?);
        reserved::allowed(mount, &key)?;
        let place = Self {
            client,
            mount: mount.unwrap_or_else(|| path::mount_of(config.kv, &key)).to_owned(),
            data: path::data(mount, config.kv, &key),
            metadata: path::metadata(mount, &key),
        };
        // A read of another engine may make something, and a write set it up otherwise. That it is KV version 2 shows in
        // what it answers.
        if config.kv == Kv::V1 {
            match client.engine(&place.data, Some(&place.mount)) {
                Ok(engine) if engine.makes() => {
                    return Err(Error::Unsupported(format!(
                        "{key}: what is mounted at {} is {}, and only KV is written to",
                        engine.mount, engine.kind
                    )));
                }
                Ok(_) | Err(Error::Denied(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(place)
    }

    fn exists(&self) -> Result<bool, Error> {
        let answer = self.client.one(Ask::get(self.data.clone()));
        let answer = answer.and_then(|reply| read::value(self.client, Facet::Value, &reply.body));
        Ok(self.found(answer)?.is_some())
    }

    fn stored_v1(&self) -> Result<Option<String>, Error> {
        let answer = self.client.one(Ask::get(self.data.clone()));
        let answer = answer.and_then(|reply| crate::answer::secret(&reply.body, Kv::V1));
        Ok(self.found(answer)?.map(|secret| secret.json))
    }

    fn stored(&self, key: &str) -> Result<Option<Stored>, Error> {
        let asks = [Ask::get(self.metadata.clone()), Ask::get(self.data.clone())];
        let mut answers = self.client.call(&asks)?.into_iter();
        let mut next = || self.found(answers.next().unwrap_or_else(no_answer));
        let (metadata, data) = (next()?, next()?);
        let body = |reply: &Option<Reply>| reply.as_ref().map(|reply| reply.body.clone());
        named(key, Stored::parse(body(&metadata).as_deref(), body(&data).as_deref()))
    }

    /// What is missing, if the mount is right: nothing is written to a place that the store does not mean.
    fn found<T>(&self, answer: Result<T, Error>) -> Result<Option<T>, Error> {
        match answer {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound(detail)) => match self.client.missing(&self.mount, detail) {
                Error::NotFound(_) => Ok(None),
                error => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn write(&self, path: &str, body: &impl Serialize) -> Result<Ask, Error> {
        let body = serde_json::to_string(body).map_err(|_| crate::answer::odd())?;
        Ok(Ask { method: "PUT", body, ..Ask::get(path.to_owned()) })
    }

    fn remove(&self) -> Ask {
        let path = if self.client.config.kv == Kv::V1 { &self.data } else { &self.metadata };
        Ask { method: "DELETE", ..Ask::get(path.clone()) }
    }
}

fn no_answer() -> Result<Reply, Error> {
    Err(Error::Other("a request without an answer".to_owned()))
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
