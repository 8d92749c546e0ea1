//! The token of a session: from the memo, from the metadata service, or by a login, whose refusal is kept for a
//! while. What is sent at a login is in `login`, what a refusal means in `entra`.

use claviger_plugin_sdk::{Error, invalid_config};
use serde::{Deserialize, Serialize};

use crate::auth::Auth;
use crate::client::{Client, refused};
use crate::identity;
use crate::needs::MANAGED;
use crate::world::Request;
use crate::{entra, login};

/// The memo's key of the token.
const TOKEN: &str = "token";
/// That a login was refused: who else wants the token is told the same without another try, since Entra locks an
/// application out after many. A changed credential is another memo; what is set right in the directory is
/// noticed after so long.
const LOGIN_REFUSED: (&str, u64) = ("login-refused", 10_000);

/// A refusal as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Of a wrong config.
    at: Option<String>,
    detail: String,
}

impl Client<'_> {
    /// The session's token.
    ///
    /// # Errors
    /// A refused login, or whatever keeps Entra from answering.
    pub(crate) fn token(&self) -> Result<String, Error> {
        let token = self.found_token()?;
        self.hide(&token);
        Ok(token)
    }

    /// Whether there can be another token than the one that is there.
    pub(crate) fn logs_in(&self) -> bool {
        !matches!(self.config.auth, Auth::Managed { .. })
    }

    /// Another token than one that was refused.
    ///
    /// # Errors
    /// As [`Client::token`].
    pub(crate) fn renewed(&self, token: &str) -> Result<String, Error> {
        self.world.evict(TOKEN, token.as_bytes());
        self.token()
    }

    fn found_token(&self) -> Result<String, Error> {
        if !self.logs_in() {
            let granted = login::token(self.slots().bytes(MANAGED)?).ok_or_else(|| {
                Error::Unauthenticated("the metadata service's answer has no access_token".to_owned())
            })?;
            return Ok(granted.0);
        }
        // Inside, so that those who waited for a login that was refused hear of it.
        let raw = self.world.get_or_make(TOKEN, &mut || match self.refusal() {
            Some(error) => Err(error),
            None => self.login().inspect_err(|error| self.keep_refusal(error)),
        })?;
        String::from_utf8(raw)
            .map_err(|_| Error::Other("what was kept of the login cannot be read".to_owned()))
    }

    fn refusal(&self) -> Option<Error> {
        let kept: Kept = serde_json::from_slice(&self.world.peek(LOGIN_REFUSED.0)?).ok()?;
        Some(match kept.at {
            Some(at) => invalid_config(&at, kept.detail),
            None => Error::Unauthenticated(kept.detail),
        })
    }

    fn keep_refusal(&self, error: &Error) {
        let kept = match error {
            Error::Unauthenticated(detail) => Kept { at: None, detail: detail.clone() },
            Error::InvalidConfig(wrong) => {
                Kept { at: Some(wrong.path.clone()), detail: wrong.detail.clone() }
            }
            // Whether the credential is taken is not known.
            _ => return,
        };
        if let Ok(kept) = serde_json::to_vec(&kept) {
            self.world.keep(LOGIN_REFUSED.0, &kept, LOGIN_REFUSED.1);
        }
    }

    fn login(&self) -> Result<(Vec<u8>, u64), Error> {
        let (config, slots) = (&self.config, self.slots());
        let identity = identity::of(&config.auth, slots)?
            .ok_or_else(|| Error::Other("a managed identity has no login of its own".to_owned()))?;
        let login = login::request(config, &identity, slots, self.world.now())?;
        self.hide(&login.secret);
        // They are none, but a reference may name the wrong key.
        for id in [&identity.client_id, &identity.tenant] {
            if id.from == Some(identity::SECRET) {
                self.hide(&id.value);
            }
        }
        let headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        let body = login.body.into_bytes();
        let sent = self.world.send(vec![Request { method: "POST", url: login.url, headers, body }]).pop();
        let reply = sent.unwrap_or_else(|| Err(Error::Other("no answer".to_owned())))?;
        if !(200..=299).contains(&reply.status) {
            return Err(self.clean(entra::error(&refused(&reply), config, &identity)));
        }
        let (token, ttl_ms) = login::token(&reply.body).ok_or_else(|| {
            let detail = "login: the answer has no token, so it is not Entra's: a proxy's?";
            Error::Unavailable(detail.to_owned())
        })?;
        Ok((token.into_bytes(), ttl_ms))
    }
}
