//! The access token of a session: from the memo, from the metadata server, or by a login, whose refusal is kept
//! for a while. How one logs in is in `claviger-plugin-google-credentials`.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::login::keep_ms;
use google_credentials::credential::{Credential, Hidden};
use google_credentials::login;

use crate::client::Client;

/// The memo's key of the token.
pub(crate) const TOKEN: &str = "token";

/// A token.
pub(crate) struct Token {
    pub(crate) token: Hidden,
    /// The memo holds it, so that there can be a newer one.
    pub(crate) kept: bool,
}

impl Client<'_> {
    /// The session's token.
    ///
    /// # Errors
    /// A refused login, or whatever keeps Google from answering.
    pub(crate) fn token(&self) -> Result<Token, Error> {
        if let (Credential::Token(token), None) = (&self.plan.credential, &self.plan.impersonation) {
            return Ok(Token { token: token.clone(), kept: false });
        }
        let raw = claviger_plugin_sdk::login::token(self.world.memo(), TOKEN, &mut || self.login())?;
        let token = String::from_utf8(raw)
            .map_err(|_| Error::Other("what was kept of the login cannot be read".to_owned()))?;
        Ok(Token { token: Hidden(token), kept: true })
    }

    fn login(&self) -> Result<(Vec<u8>, u64), Error> {
        let token = login(self.world, &self.plan, &self.endpoints)?;
        Ok((token.token.0.into_bytes(), keep_ms(token.seconds)))
    }
}
