//! Requests to Vault: with a token that is in the memo, logging in when there is none or it has ended.
//! Which paths are asked for is `read`'s and `find`'s; where the token comes from, `session`'s; whether the
//! mount is right, `guard`'s.

use std::cell::RefCell;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::login::Secrets;
use claviger_plugin_sdk::provider::connection::Session;

use crate::ask::{Ask, Of};
use crate::auth::Auth;
use crate::config::Config;
use crate::headers::merge_index;
use crate::path::encode;
use crate::refusal::{self, Asked, Hint, Refused};
use crate::session::{TOKEN, Token};
use crate::world::{INDEX, Reply, Request, World};

/// How long a token that was found to be known counts as known when a policy refuses it: so keys that are
/// denied cost one look a minute, whatever their number.
const KNOWN: (&str, u64) = ("known", 60_000);
/// Where the refusal does not tell: only those who were refused at the same time share a look.
const UNCLEAR: (&str, u64) = ("unclear", 2_000);
/// That a token fresh from a login was refused as if it were unknown (its address, a disabled entity):
/// another login would not help, and is not tried for so long.
const REFUSED: (&str, u64) = ("refused", 60_000);

/// Where a token looks at itself.
pub(crate) const LOOKUP_SELF: &str = "auth/token/lookup-self";

/// A connected Vault.
pub struct Client<'a> {
    /// The store's.
    pub config: Config,
    pub(crate) auth: Auth,
    pub(crate) session: &'a Session,
    pub(crate) world: &'a dyn World,
    /// What answers of this call told of `X-Vault-Index`, besides the login's.
    index: RefCell<Vec<String>>,
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
        let auth = Auth::parse(&config.json)?;
        Ok(Self { config, auth, session, world, index: RefCell::default(), secrets: Secrets::default() })
    }

    /// One request.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn one(&self, ask: Ask) -> Result<Reply, Error> {
        let none = || Err(Error::Other("a request without an answer".to_owned()));
        self.call(&[ask])?.pop().unwrap_or_else(none)
    }

    /// Requests, each of which is answered with success or its error. A token that was refused is given up
    /// and logged in for once more, for all of them.
    ///
    /// # Errors
    /// If there is no token to ask with.
    pub fn call(&self, asks: &[Ask]) -> Result<Vec<Result<Reply, Error>>, Error> {
        let token = self.token()?;
        let mut answers = self.send_all(asks.iter(), &token);
        let refused = |answers: &[Result<Reply, Error>]| -> Vec<usize> {
            let is = |answer: &Result<Reply, Error>| answer.as_ref().is_ok_and(|reply| reply.status == 403);
            (0..answers.len()).filter(|at| answers.get(*at).is_some_and(is)).collect()
        };
        let mut again = Vec::new();
        let mut failed: Option<Error> = None;
        for at in refused(&answers) {
            if self.world.memo().peek(REFUSED.0).is_some() {
                break;
            }
            let Some(Ok(reply)) = answers.get(at) else { continue };
            let known = match &failed {
                Some(error) => Err(error.clone()),
                None => self.is_known(&token, refusal::hint(&reply.body)),
            };
            match known {
                Ok(true) => {}
                Ok(false) => again.push(at),
                Err(error) => {
                    failed = Some(error.clone());
                    replace(&mut answers, at, Err(error));
                }
            }
        }
        if !again.is_empty() {
            match self.renewed(&token) {
                Err(error) => again.iter().for_each(|at| replace(&mut answers, *at, Err(error.clone()))),
                Ok(token) => {
                    let anew = self.send_all(again.iter().filter_map(|at| asks.get(*at)), &token);
                    for at in refused(&anew) {
                        let Some(Ok(reply)) = anew.get(at) else { continue };
                        match refusal::hint(&reply.body) {
                            Hint::Known => self.is_known_now(&token),
                            _ => self.world.memo().keep(REFUSED.0, &[], REFUSED.1),
                        }
                    }
                    again.iter().zip(anew).for_each(|(at, answer)| replace(&mut answers, *at, answer));
                }
            }
        }
        Ok(asks.iter().zip(answers).map(|(ask, answer)| self.checked(ask, answer)).collect())
    }

    /// Requests with a token that is not the memo's: a refusal is final.
    pub(crate) fn call_with(&self, token: &Token, asks: &[Ask]) -> Vec<Result<Reply, Error>> {
        let answers = self.send_all(asks.iter(), token);
        asks.iter().zip(answers).map(|(ask, answer)| self.checked(ask, answer)).collect()
    }

    fn checked(&self, ask: &Ask, answer: Result<Reply, Error>) -> Result<Reply, Error> {
        let capability = match ask.method {
            "LIST" => "list",
            // Which of the two depends on whether it is there.
            "PUT" if ask.of == Of::Kv => "create update",
            "PUT" => "update",
            "DELETE" => "delete",
            _ => "read",
        };
        let asked = Asked { namespace: self.namespace(ask.of), ..self.asked(&ask.path, capability) };
        let error = if ask.of == Of::Kv { refusal::error } else { refusal::engine_error };
        match answer {
            Ok(reply) if (200..=299).contains(&reply.status) => Ok(reply),
            Ok(reply) => Err(self.secrets.clean(error(&refused(&reply), &asked))),
            Err(error) => Err(self.secrets.clean(error)),
        }
    }

    /// What is asked of the store's own namespace.
    pub(crate) fn asked<'r>(&'r self, path: &'r str, capability: &'static str) -> Asked<'r> {
        Asked {
            path,
            capability,
            namespace: self.config.namespace.as_deref(),
            login_namespace: self.config.login_namespace.as_deref(),
        }
    }

    fn namespace(&self, of: Of) -> Option<&str> {
        match of {
            Of::Kv | Of::Engine => self.config.namespace.as_deref(),
            Of::Tokens => self.config.login_namespace.as_deref(),
        }
    }

    /// Another token than one that was refused.
    pub(crate) fn renewed(&self, token: &Token) -> Result<Token, Error> {
        if self.auth.login_path().is_none() {
            return Err(self.ended());
        }
        self.world.memo().evict(TOKEN, &token.raw);
        self.token()
    }

    /// Vault says 403 both to an unknown token and to a known one without the right. What the text leaves
    /// open, the token's look at itself decides; who asks at the same time shares it. If something between
    /// (a WAF) keeps that from Vault, the refusal itself counts.
    fn is_known(&self, token: &Token, hint: Hint) -> Result<bool, Error> {
        let (key, ttl_ms) = match hint {
            Hint::Ended => return Ok(false),
            Hint::Known => KNOWN,
            // Somebody else may have logged in meanwhile.
            Hint::Unclear if self.token()?.raw != token.raw => return Ok(false),
            Hint::Unclear => UNCLEAR,
        };
        let look = || Ok(self.looks_itself_up(token)?.unwrap_or(hint == Hint::Known));
        let found = self.world.memo().get_or_make(key, &mut || Ok((entry(token, look()?), ttl_ms)))?;
        match [true, false].into_iter().find(|known| entry(token, *known) == found) {
            Some(known) => Ok(known),
            // Of another token than this one.
            None => {
                self.world.memo().evict(key, &found);
                look()
            }
        }
    }

    /// A policy refuses a token fresh from its login: it needs no look at itself.
    fn is_known_now(&self, token: &Token) {
        let known = entry(token, true);
        if let Some(other) = self.world.memo().peek(KNOWN.0).filter(|found| *found != known) {
            self.world.memo().evict(KNOWN.0, &other);
        }
        self.world.memo().keep(KNOWN.0, &known, KNOWN.1);
    }

    /// Without the policy `default` a token may be forbidden to look at itself, and is known all the same.
    /// `None` if it was not Vault who refused.
    pub(crate) fn looks_itself_up(&self, token: &Token) -> Result<Option<bool>, Error> {
        let ask = Ask { of: Of::Tokens, ..Ask::get(LOOKUP_SELF.to_owned()) };
        let answer = self.send(vec![self.request(&ask, token)]).pop();
        let reply = answer.unwrap_or_else(|| Err(Error::Other("no answer".to_owned())))?;
        Ok(match (reply.status, refusal::hint(&reply.body)) {
            (403, Hint::Known) => Some(true),
            (403, _) if refusal::is_vaults(&reply.body) => Some(false),
            (403, _) => None,
            _ => Some(true),
        })
    }

    fn send_all<'r>(&self, asks: impl Iterator<Item = &'r Ask>, token: &Token) -> Vec<Result<Reply, Error>> {
        self.send(asks.map(|ask| self.request(ask, token)).collect())
    }

    fn request(&self, ask: &Ask, token: &Token) -> Request {
        let mut headers = self.headers(self.namespace(ask.of));
        if !ask.body.is_empty() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        if !token.held.token.is_empty() {
            headers.push(("x-vault-token".to_owned(), token.held.token.clone()));
        }
        if self.config.read_your_writes {
            let mut index = token.held.index.clone();
            for newer in self.index.borrow().iter() {
                index = merge_index(&index, newer);
            }
            headers.extend(index.into_iter().map(|index| (INDEX.to_owned(), index)));
        }
        if self.config.forward_inconsistent {
            headers.push(("x-vault-inconsistent".to_owned(), "forward-active-node".to_owned()));
        }
        let body = ask.body.clone().into_bytes();
        Request { method: ask.method, url: self.url(&ask.path, &ask.query), headers, body }
    }

    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        let answers = self.world.send(requests);
        for index in answers.iter().flatten().filter_map(|reply| reply.header(INDEX)) {
            if self.config.read_your_writes {
                let merged = merge_index(&self.index.borrow(), index);
                self.index.replace(merged);
            }
        }
        answers
    }

    pub(crate) fn url(&self, path: &str, query: &str) -> String {
        format!("{}/v1/{}{query}", self.config.server, encode(path))
    }

    pub(crate) fn headers(&self, namespace: Option<&str>) -> Vec<(String, String)> {
        let mut headers = self.config.headers.clone();
        headers.push(("x-vault-request".to_owned(), "true".to_owned()));
        if let Some(namespace) = namespace {
            headers.push(("x-vault-namespace".to_owned(), namespace.to_owned()));
        }
        headers
    }
}

fn replace(answers: &mut [Result<Reply, Error>], at: usize, new: Result<Reply, Error>) {
    if let Some(answer) = answers.get_mut(at) {
        *answer = new;
    }
}

/// What is kept of a look.
fn entry(token: &Token, known: bool) -> Vec<u8> {
    format!("{known} {}", token.held.token).into_bytes()
}

pub(crate) fn refused(reply: &Reply) -> Refused<'_> {
    Refused { status: reply.status, retry_after_ms: reply.retry_after_ms, body: &reply.body }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
