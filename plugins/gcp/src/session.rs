//! The access token of a session: from the memo, from the metadata server, or by a login, whose refusal is kept
//! for a while. How one logs in is in `claviger-plugin-google-credentials`.

use claviger_plugin_sdk::{Error, invalid_config};
use google_credentials::credential::{Credential, Hidden};
use google_credentials::login;
use serde::{Deserialize, Serialize};

use crate::client::Client;

/// The memo's key of the token.
pub(crate) const TOKEN: &str = "token";
/// That a login was refused: who else wants the token is told the same without another try. A changed credential
/// is another memo; a right that was given on Google's side is noticed after so long.
const LOGIN_REFUSED: (&str, u64) = ("login-refused", 10_000);

/// A token.
pub(crate) struct Token {
    pub(crate) token: Hidden,
    /// The memo holds it, so that there can be a newer one.
    pub(crate) kept: bool,
}

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
    /// A refused login, or whatever keeps Google from answering.
    pub(crate) fn token(&self) -> Result<Token, Error> {
        if let (Credential::Token(token), None) = (&self.plan.credential, &self.plan.impersonation) {
            return Ok(Token { token: token.clone(), kept: false });
        }
        // Inside, so that those who waited for a login that was refused hear of it.
        let raw = self.world.get_or_make(TOKEN, &mut || match self.refusal() {
            Some(error) => Err(error),
            None => self.login().inspect_err(|error| self.keep_refusal(error)),
        })?;
        let token = String::from_utf8(raw)
            .map_err(|_| Error::Other("what was kept of the login cannot be read".to_owned()))?;
        Ok(Token { token: Hidden(token), kept: true })
    }

    fn login(&self) -> Result<(Vec<u8>, u64), Error> {
        let token = login(self.world, &self.plan, &self.endpoints)?;
        let ttl_ms = token.keep_ms();
        Ok((token.token.0.into_bytes(), ttl_ms))
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
}
