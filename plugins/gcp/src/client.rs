//! Requests to Secret Manager: with a token that is in the memo, logging in when there is none or it has ended.
//! Which paths are asked for is `read`'s, `find`'s and `writer`'s; where the token comes from, `session`'s.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::Session;
use google_credentials::{Class, Endpoints, Failure, Plan, Reply, Request};

use crate::config::Config;
use crate::name::Parent;
use crate::session::{TOKEN, Token};
use crate::world::World;

/// That a token fresh from a login was refused: another login would not help, and is not tried for so long.
const REFUSED: (&str, u64) = ("refused", 60_000);

/// Why there is no answer that is a success.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Google said so.
    Said(Failure),
    /// There was no answer of Google's.
    Nothing(Error),
}

impl Trouble {
    /// As an error: `action` is the right that is needed, `what` the resource.
    pub fn error(&self, action: &str, what: &str) -> Error {
        match self {
            Self::Said(failure) => failure.error(action, what),
            Self::Nothing(error) => error.clone(),
        }
    }

    fn is_refused(&self) -> bool {
        matches!(self, Self::Said(failure) if failure.class() == Class::Refused)
    }
}

/// The body of a success, or what it is instead.
pub type Answer = Result<Vec<u8>, Trouble>;

/// A request below `/v1/`.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Its method.
    pub method: &'static str,
    /// Its path, with its query.
    pub path: String,
    /// Its JSON; empty if it has none.
    pub body: Vec<u8>,
}

impl Ask {
    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: Vec::new() }
    }
}

/// A connected Secret Manager.
pub struct Client<'a> {
    /// The store's.
    pub config: Config,
    /// Where its secrets are.
    pub parent: Parent,
    pub(crate) plan: Plan,
    pub(crate) endpoints: Endpoints,
    pub(crate) world: &'a dyn World,
    base: String,
}

impl<'a> Client<'a> {
    /// Of a session.
    ///
    /// # Errors
    /// A wrong config, or one that the session does not go with.
    pub fn new(session: &Session, world: &'a dyn World) -> Result<Self, Error> {
        let config = Config::parse(&session.config)?;
        let endpoints = Endpoints::parse(&session.settings)?;
        let parent = config.parent(&session.have)?;
        let plan = config.access.plan(&session.have)?;
        let base = endpoints.secret_manager(config.location.as_deref());
        Ok(Self { config, parent, plan, endpoints, world, base })
    }

    /// One read.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn one(&self, path: String) -> Result<Answer, Error> {
        self.send_one(Ask::get(path))
    }

    /// One request.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn send_one(&self, ask: Ask) -> Result<Answer, Error> {
        let none = || Err(Trouble::Nothing(Error::Other("a request without an answer".to_owned())));
        Ok(self.ask(&[ask])?.pop().unwrap_or_else(none))
    }

    /// Reads of paths below `/v1/`, with their queries.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn call(&self, paths: &[String]) -> Result<Vec<Answer>, Error> {
        self.ask(&paths.iter().map(Ask::get).collect::<Vec<_>>())
    }

    /// Requests, each of which is answered with success or its trouble. A token that was refused is given up and logged
    /// in for once more, for all of them: what was refused for it has done nothing.
    ///
    /// # Errors
    /// If there is no token to ask with.
    pub fn ask(&self, asks: &[Ask]) -> Result<Vec<Answer>, Error> {
        let token = self.token()?;
        let mut answers = self.send(asks.iter(), &token);
        let is_refused = |answer: &Answer| answer.as_ref().is_err_and(Trouble::is_refused);
        let again: Vec<usize> =
            answers.iter().enumerate().filter(|(_, answer)| is_refused(answer)).map(|(at, _)| at).collect();
        if again.is_empty() || !token.kept || self.world.memo().peek(REFUSED.0).is_some() {
            return Ok(answers);
        }
        self.world.memo().evict(TOKEN, token.token.0.as_bytes());
        let anew = match self.token() {
            Ok(token) => self.send(again.iter().filter_map(|at| asks.get(*at)), &token),
            Err(error) => again.iter().map(|_| Err(Trouble::Nothing(error.clone()))).collect(),
        };
        if anew.iter().any(is_refused) {
            self.world.memo().keep(REFUSED.0, &[], REFUSED.1);
        }
        for (at, answer) in again.into_iter().zip(anew) {
            if let Some(place) = answers.get_mut(at) {
                *place = answer;
            }
        }
        Ok(answers)
    }

    fn send<'p>(&self, asks: impl Iterator<Item = &'p Ask>, token: &Token) -> Vec<Answer> {
        let secret = token.token.0.as_str();
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {secret}"))];
        let quota = self.plan.quota_project.iter();
        headers.extend(quota.map(|project| ("x-goog-user-project".to_owned(), project.clone())));
        let request = |ask: &Ask| {
            let json =
                (!ask.body.is_empty()).then(|| ("content-type".to_owned(), "application/json".to_owned()));
            Request {
                method: ask.method,
                url: format!("{}/v1/{}", self.base, ask.path),
                headers: headers.iter().cloned().chain(json).collect(),
                body: ask.body.clone(),
            }
        };
        let answer = |reply: Result<Reply, Error>| match reply {
            Ok(reply) if (200..=299).contains(&reply.status) => Ok(reply.body),
            Ok(reply) => {
                let failure =
                    Failure::read(reply.status, reply.retry_after_ms, &reply.body).without(&[secret]);
                let message = self.parent.relative(&failure.message);
                Err(Trouble::Said(Failure { message, ..failure }))
            }
            Err(error) => Err(Trouble::Nothing(error)),
        };
        self.world.send(asks.map(request).collect()).into_iter().map(answer).collect()
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
pub(crate) mod tests;
