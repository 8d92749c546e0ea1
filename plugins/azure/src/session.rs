//! The token of a session: from the memo, from the metadata service, or by a login, whose refusal is kept for a
//! while. What is sent at a login is in `login`, what a refusal means in `entra`.

use claviger_plugin_sdk::Error;

use crate::auth::Auth;
use crate::client::{Client, refused};
use crate::identity;
use crate::needs::MANAGED;
use crate::world::Request;
use crate::{entra, login};

/// The memo's key of the token.
const TOKEN: &str = "token";

impl Client<'_> {
    /// The session's token.
    ///
    /// # Errors
    /// A refused login, or whatever keeps Entra from answering.
    pub(crate) fn token(&self) -> Result<String, Error> {
        let token = self.found_token()?;
        self.secrets.hide(&token);
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
        self.world.memo().evict(TOKEN, token.as_bytes());
        self.token()
    }

    fn found_token(&self) -> Result<String, Error> {
        if !self.logs_in() {
            let granted = login::token(self.slots().bytes(MANAGED)?).ok_or_else(|| {
                Error::Unauthenticated("the metadata service's answer has no access_token".to_owned())
            })?;
            return Ok(granted.0);
        }
        let raw = claviger_plugin_sdk::login::token(self.world.memo(), TOKEN, &mut || self.login())?;
        String::from_utf8(raw)
            .map_err(|_| Error::Other("what was kept of the login cannot be read".to_owned()))
    }

    fn login(&self) -> Result<(Vec<u8>, u64), Error> {
        let (config, slots) = (&self.config, self.slots());
        let identity = identity::of(&config.auth, slots)?
            .ok_or_else(|| Error::Other("a managed identity has no login of its own".to_owned()))?;
        let login = login::request(config, &identity, slots, self.world.now())?;
        self.secrets.hide(&login.secret);
        // They are none, but a reference may name the wrong key.
        for id in [&identity.client_id, &identity.tenant] {
            if id.from == Some(identity::SECRET) {
                self.secrets.hide(&id.value);
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
            return Err(self.secrets.clean(entra::error(&refused(&reply), config, &identity)));
        }
        let (token, ttl_ms) = login::token(&reply.body).ok_or_else(|| {
            let detail = "login: the answer has no token, so it is not Entra's: a proxy's?";
            Error::Unavailable(detail.to_owned())
        })?;
        Ok((token.into_bytes(), ttl_ms))
    }
}
