//! Requests to Key Vault: with a token that is in the memo, logging in when there is none or it has ended. Which
//! paths are asked for is `read`'s and `find`'s; where the token comes from, `session`'s.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::login::Secrets;
use claviger_plugin_sdk::provider::connection::Session;
use serde_json::Value;

use crate::config::Config;
use crate::object::{API_VERSION, Object};
use crate::refusal::{self, Asked, Refused, Way};
use crate::slots::Slots;
use crate::world::{Reply, Request, World};

/// That a token fresh from its login was refused: another login would not help (a vault of another tenant), and
/// is not tried for so long.
const REFUSED: (&str, u64) = ("refused", 60_000);

/// A request.
#[derive(Clone)]
pub struct Ask {
    method: &'static str,
    body: Vec<u8>,
    path: String,
    query: String,
    asked: Asked,
}

impl Ask {
    /// A read of an object.
    pub fn get(object: Object) -> Self {
        let query = format!("api-version={API_VERSION}");
        Self { method: "GET", body: Vec::new(), path: object.path(), query, asked: Asked::Get(object) }
    }

    /// A page of the list of secrets, by its query.
    pub fn list(query: String) -> Self {
        Self { method: "GET", body: Vec::new(), path: "/secrets".to_owned(), query, asked: Asked::List }
    }

    /// A look at what is deleted and can be recovered.
    pub(crate) fn deleted(path: String, object: Object) -> Self {
        let query = format!("api-version={API_VERSION}");
        Self { method: "GET", body: Vec::new(), path, query, asked: Asked::Get(object) }
    }

    /// One that changes something; the body is JSON, or nothing where it is null.
    pub(crate) fn write(method: &'static str, path: String, body: &Value, way: Way) -> Self {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Self { method, body, path, query: format!("api-version={API_VERSION}"), asked: Asked::Write(way) }
    }
}

/// A connected vault.
pub struct Client<'a> {
    /// The store's.
    pub config: Config,
    pub(crate) world: &'a dyn World,
    session: &'a Session,
    /// What no error may quote.
    pub(crate) secrets: Secrets,
}

impl<'a> Client<'a> {
    /// Of a session.
    ///
    /// # Errors
    /// A wrong config.
    pub fn new(session: &'a Session, world: &'a dyn World) -> Result<Self, Error> {
        let config = Config::parse(&session.config, &session.settings)?;
        Ok(Self::of(config, session, world))
    }

    /// Of a session whose config was read another way.
    pub(crate) fn of(config: Config, session: &'a Session, world: &'a dyn World) -> Self {
        Self { config, world, session, secrets: Secrets::default() }
    }

    /// One request.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn one(&self, ask: Ask) -> Result<Reply, Error> {
        self.call(&[ask])?.pop().unwrap_or_else(none)
    }

    /// Requests, each of which is answered with success or its error. A token that was refused is given up and
    /// logged in for once more, for all of them.
    ///
    /// # Errors
    /// If there is no token to ask with.
    pub fn call(&self, asks: &[Ask]) -> Result<Vec<Result<Reply, Error>>, Error> {
        let answers = self.answers(asks)?;
        Ok(asks.iter().zip(answers).map(|(ask, answer)| self.checked(ask, answer)).collect())
    }

    /// The same, with refusals as they came.
    ///
    /// # Errors
    /// If there is no token to ask with.
    pub(crate) fn answers(&self, asks: &[Ask]) -> Result<Vec<Result<Reply, Error>>, Error> {
        let token = self.token()?;
        let mut answers = self.send(asks.iter(), &token);
        let refused = |answers: &[Result<Reply, Error>]| -> Vec<usize> {
            let is = |answer: &Result<Reply, Error>| answer.as_ref().is_ok_and(|reply| reply.status == 401);
            (0..answers.len()).filter(|at| answers.get(*at).is_some_and(is)).collect()
        };
        let again = refused(&answers);
        if again.is_empty() || !self.logs_in() || self.world.memo().peek(REFUSED.0).is_some() {
            return Ok(answers);
        }
        match self.renewed(&token) {
            Err(error) => again.iter().for_each(|at| replace(&mut answers, *at, Err(error.clone()))),
            Ok(newer) => {
                let anew = self.send(again.iter().filter_map(|at| asks.get(*at)), &newer);
                if !refused(&anew).is_empty() {
                    self.world.memo().keep(REFUSED.0, &[], REFUSED.1);
                }
                again.iter().zip(anew).for_each(|(at, answer)| replace(&mut answers, *at, answer));
            }
        }
        Ok(answers)
    }

    pub(crate) fn checked(&self, ask: &Ask, answer: Result<Reply, Error>) -> Result<Reply, Error> {
        match answer {
            Ok(reply) if (200..=299).contains(&reply.status) => Ok(reply),
            Ok(reply) => Err(self.secrets.clean(refusal::error(&refused(&reply), &ask.asked))),
            Err(error) => Err(self.secrets.clean(error)),
        }
    }

    pub(crate) fn slots(&self) -> Slots<'a> {
        Slots(&self.session.have)
    }

    fn send<'r>(&self, asks: impl Iterator<Item = &'r Ask>, token: &str) -> Vec<Result<Reply, Error>> {
        let vault = self.config.vault.origin();
        let request = |ask: &Ask| Request {
            method: ask.method,
            url: format!("{vault}{}?{}", ask.path, ask.query),
            headers: [
                ("authorization", format!("Bearer {token}")),
                ("accept", "application/json".to_owned()),
                ("content-type", "application/json".to_owned()),
            ]
            .into_iter()
            .filter(|(name, _)| *name != "content-type" || !ask.body.is_empty())
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
            body: ask.body.clone(),
        };
        self.world.send(asks.map(request).collect())
    }
}

fn none<T>() -> Result<T, Error> {
    Err(Error::Other("a request without an answer".to_owned()))
}

fn replace(answers: &mut [Result<Reply, Error>], at: usize, new: Result<Reply, Error>) {
    if let Some(answer) = answers.get_mut(at) {
        *answer = new;
    }
}

pub(crate) fn refused(reply: &Reply) -> Refused<'_> {
    Refused::of(reply)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
