//! Requests to etcd, with a login where the store has one. No retries but the one after a token that has ended: when to
//! try again is the host's decision.

use claviger_plugin_sdk::prelude::*;
use serde_json::Value as Json;

use crate::config::Config;
use crate::wire::{self, Refusal};

/// Slot of the password, and key of the token in the memo.
pub(crate) const PASSWORD: &str = "password";
const TOKEN: &str = "token";

/// etcd's simple tokens live for five minutes.
const TOKEN_TTL_MS: u64 = 4 * 60 * 1000;

/// A range request; `what` names it in errors.
pub(crate) fn range(session: &Session<'_, Config>, body: &Json, what: &str) -> Result<wire::Answer, Error> {
    let ask = |token: Option<&str>| {
        let answer = post(session, "/v3/kv/range", body, token)?;
        wire::Answer::parse(&answer.map_err(|refusal| refusal.error(what))?)
    };
    let Some(auth) = &session.config.auth else { return ask(None) };
    // The memo's, or of a login that all who wait for it share.
    let mut login = || {
        let body = wire::login(&auth.username, session.text(PASSWORD)?);
        let answer = post(session, "/v3/auth/authenticate", &body, None)?;
        let token = wire::token(&answer.map_err(|refusal| refusal.error("login"))?)?;
        Ok((token.into_bytes(), TOKEN_TTL_MS))
    };
    session.with_login(TOKEN, &mut login, |token| ask(Some(token)))
}

fn post(
    session: &Session<'_, Config>,
    path: &str,
    body: &Json,
    token: Option<&str>,
) -> Result<Result<Vec<u8>, Refusal>, Error> {
    let mut request = Request::new("POST", session.config.origin()? + path).json(body);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    // What is no answer at all is `unavailable` already.
    let answer = session.send(request)?;
    Ok(match answer.status {
        200..=299 => Ok(answer.body),
        status => Err(Refusal::parse(status, answer.retry_after_ms, &answer.body)),
    })
}
