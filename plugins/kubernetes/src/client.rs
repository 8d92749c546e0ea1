//! Requests to an API server, as whoever the session is.

use claviger_plugin_sdk::prelude::*;

use crate::config::{Config, Manifest};
use crate::connect::Target;
use crate::read::AT_ONCE;
use crate::refusal::{self, Asked};

/// A request, and what a refusal of it is about.
pub struct Ask {
    /// Behind the server's own path, with its query.
    pub path: String,
    /// `Accept`.
    pub accept: &'static str,
    /// Of a POST; none: it is a GET.
    pub body: Option<String>,
    /// What is asked for.
    pub asked: Asked,
}

/// What every API server answers with.
pub const JSON: &str = "application/json";

/// A connected API server.
pub struct Client<'a> {
    /// The store's.
    pub config: Config,
    target: Target,
    session: &'a Session<'a, Manifest>,
}

impl<'a> Client<'a> {
    /// Of a session.
    ///
    /// # Errors
    /// A wrong config, or a credential that is none.
    pub fn new(session: &'a Session<'a, Manifest>) -> Result<Self, Error> {
        let config = Config::of(&session.config, session.is_cluster())?;
        let target = Target::of(&config, session.input())?;
        target.token.iter().for_each(|token| session.secrets().hide(token));
        Ok(Self { config, target, session })
    }

    /// One request.
    ///
    /// # Errors
    /// A refusal, or that there is no answer.
    pub fn one(&self, ask: Ask) -> Result<Reply, Error> {
        self.all(vec![ask])
            .pop()
            .unwrap_or_else(|| Err(Error::Other("a request without an answer".to_owned())))
    }

    /// Requests, each of which is answered with success or its error.
    pub fn all(&self, asks: Vec<Ask>) -> Vec<Result<Reply, Error>> {
        let requests = asks.iter().map(|ask| self.request(ask)).collect();
        let answers = self.session.send_all(requests, AT_ONCE);
        asks.iter().zip(answers).map(|(ask, answer)| self.checked(ask, answer)).collect()
    }

    fn request(&self, ask: &Ask) -> Request {
        let mut headers = vec![("accept".to_owned(), ask.accept.to_owned())];
        if let Some(token) = &self.target.token {
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        if ask.body.is_some() {
            headers.push(("content-type".to_owned(), JSON.to_owned()));
        }
        Request {
            method: if ask.body.is_some() { "POST" } else { "GET" },
            url: format!("{}{}{}", self.target.server.origin, self.target.server.path, ask.path),
            headers,
            body: ask.body.clone().unwrap_or_default().into_bytes(),
        }
    }

    fn checked(&self, ask: &Ask, answer: Result<Reply, Error>) -> Result<Reply, Error> {
        match answer {
            Ok(reply) if (200..=299).contains(&reply.status) => Ok(reply),
            Ok(reply) => {
                Err(self.session.secrets().clean(refusal::error(&reply, &ask.asked, &self.config.namespace)))
            }
            Err(error) => Err(self.session.secrets().clean(error)),
        }
    }
}
