//! Requests to etcd, with a login where the store has one. The token is kept by the host between calls;
//! when etcd refuses it, exactly that token is given up and one more login is tried. No other retries:
//! when to try again is the host's decision.

use claviger_plugin_sdk::provider::connection::{Resolved, Session};
use claviger_plugin_sdk::{Error, http, memo};
use serde_json::Value;

use crate::config::Config;
use crate::wire::{self, Refusal};

/// Slot of the password, and key of the token in the memo.
pub(crate) const PASSWORD: &str = "password";
const TOKEN: &str = "token";

/// etcd's simple tokens live for five minutes.
const TOKEN_TTL_MS: u64 = 4 * 60 * 1000;

/// A connected etcd.
pub(crate) struct Client<'a> {
    pub(crate) config: Config,
    session: &'a Session,
}

impl<'a> Client<'a> {
    pub(crate) fn new(session: &'a Session) -> Result<Self, Error> {
        Ok(Self { config: Config::parse(&session.config)?, session })
    }

    /// A range request; `what` names it in errors.
    pub(crate) fn range(&self, body: &Value, what: &str) -> Result<wire::Answer, Error> {
        let token = self.token()?;
        let refusal = match self.post("/v3/kv/range", body, token.as_deref())? {
            Ok(body) => return wire::Answer::parse(&body),
            Err(refusal) => refusal,
        };
        let Some(old) = token.filter(|_| refusal.wants_login()) else { return Err(refusal.error(what)) };
        // Only if it is still that token: another call may have logged in again already.
        memo::evict(TOKEN, old.as_bytes());
        let token = self.token()?;
        match self.post("/v3/kv/range", body, token.as_deref())? {
            Ok(body) => wire::Answer::parse(&body),
            Err(refusal) => {
                // Whoever answers that a credential was refused leaves no token behind.
                if let Some(token) = token.filter(|_| refusal.wants_login()) {
                    memo::evict(TOKEN, token.as_bytes());
                }
                Err(refusal.error(what))
            }
        }
    }

    /// The token of the memo, or of a login that all who wait for it share.
    fn token(&self) -> Result<Option<String>, Error> {
        let Some(auth) = &self.config.auth else { return Ok(None) };
        let token = memo::get_or_make(TOKEN, || {
            let body = wire::login(&auth.username, self.password()?);
            let answer = self.post("/v3/auth/authenticate", &body, None)?;
            let token = wire::token(&answer.map_err(|refusal| refusal.error("login"))?)?;
            Ok((token.into_bytes(), TOKEN_TTL_MS))
        })?;
        String::from_utf8(token).map(Some).map_err(|_| Error::Other("the token is not text".to_owned()))
    }

    /// What the host found at the reference.
    fn password(&self) -> Result<&str, Error> {
        let slot = self.session.have.iter().find(|slot| slot.slot == PASSWORD);
        let Some(Resolved::Bytes(bytes)) = slot.map(|slot| &slot.value) else {
            return Err(Error::Other("the host gave no password".to_owned()));
        };
        // A line end is the editor's and not the password's.
        std::str::from_utf8(bytes)
            .map(|text| text.trim_end_matches(['\r', '\n']))
            .map_err(|_| Error::Unauthenticated("the password is not text".to_owned()))
    }

    fn post(&self, path: &str, body: &Value, token: Option<&str>) -> Result<Result<Vec<u8>, Refusal>, Error> {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if let Some(token) = token {
            headers.push(("authorization".to_owned(), token.to_owned()));
        }
        let url = format!("{}{path}", self.config.endpoint);
        // What is no answer at all is `unavailable` already.
        let answer = http::send("POST", &url, &headers, body.to_string().into_bytes())?;
        Ok(match answer.status {
            200..=299 => Ok(answer.body),
            status => Err(Refusal::parse(status, answer.retry_after_ms, &answer.body)),
        })
    }
}
