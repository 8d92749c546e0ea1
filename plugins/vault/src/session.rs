//! The token of a session: from the memo, from the Secret, or by a login, whose refusal is kept for a while.
//! What is sent at a login is in `login`.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::Resolved;

use crate::answer::Login;
use crate::auth::Credential;
use crate::client::{Client, refused};
use crate::login::{self, Held};
use crate::refusal::{self, LoginAsked};
use crate::world::{INDEX, Request};
use crate::{gcp, iam};

/// The memo's key of the token; also the slot of one that needs no login.
pub(crate) const TOKEN: &str = "token";

/// A token, and the very bytes of the memo, by which it is evicted.
pub(crate) struct Token {
    pub(crate) held: Held,
    pub(crate) raw: Vec<u8>,
}

impl Client<'_> {
    /// The session's token.
    ///
    /// # Errors
    /// A refused login, or whatever keeps the server from answering.
    pub(crate) fn token(&self) -> Result<Token, Error> {
        let token = self.found_token()?;
        self.secrets.hide(&token.held.token);
        Ok(token)
    }

    fn found_token(&self) -> Result<Token, Error> {
        if self.auth.credential == Credential::Nothing {
            return Ok(Token { held: Held::default(), raw: Vec::new() });
        }
        if self.auth.credential == Credential::Token {
            let raw = self.slot(TOKEN)?;
            let token = login::text(TOKEN, raw.clone())?.trim().to_owned();
            if token.is_empty() {
                return Err(Error::Unauthenticated("the token of auth.tokenSecretRef is empty".to_owned()));
            }
            return Ok(Token { held: Held { token, index: Vec::new() }, raw });
        }
        let raw = claviger_plugin_sdk::login::token(self.world.memo(), TOKEN, &mut || self.login())?;
        let held = serde_json::from_slice(&raw)
            .map_err(|_| Error::Other("what was kept of the login cannot be read".to_owned()))?;
        Ok(Token { held, raw })
    }

    fn login(&self) -> Result<(Vec<u8>, u64), Error> {
        let (login, held) = self.log_in()?;
        let kept =
            serde_json::to_vec(&held).map_err(|_| Error::Other("the login cannot be kept".to_owned()))?;
        Ok((kept, login::keep_ms(&login)))
    }

    /// A new token. It is not in the memo.
    ///
    /// # Errors
    /// As [`Client::token`].
    pub(crate) fn log_in(&self) -> Result<(Login, Held), Error> {
        let Some(path) = self.auth.login_path() else { return Err(self.ended()) };
        let now = self.world.now();
        let mut kept_aws = None;
        let mut aws = |region: &str, server_id: Option<&str>| {
            let access = iam::access(&self.config.json, &self.session.store, &self.session.requester)?;
            let (credentials, kept) = self.world.aws(&access, self.session, region)?;
            let body = iam::body(self.auth.role.as_deref(), region, server_id, &credentials, now)?;
            kept_aws = Some(credentials).filter(|_| kept);
            Ok(body)
        };
        let mut google =
            |role: &str| gcp::jwt(&gcp::access(&self.config.json)?, self.session, role, self.world);
        let body = login::body(&self.auth, &|name| self.slot(name), &mut aws, &mut google)?;
        for (name, value) in body.as_object().into_iter().flatten() {
            if login::is_secret(name, &self.auth) {
                self.secrets.hide(value.as_str().unwrap_or_default());
            }
        }
        let mut headers = self.headers(self.config.login_namespace.as_deref());
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let body = body.to_string().into_bytes();
        let sent =
            self.world.send(vec![Request { method: "POST", url: self.url(&path, ""), headers, body }]).pop();
        let reply = sent.unwrap_or_else(|| Err(Error::Other("no answer".to_owned())))?;
        if !(200..=299).contains(&reply.status) {
            // They may have been taken back before their time.
            if let (400..=403, Some(aws)) = (reply.status, kept_aws) {
                self.world.evict_aws(aws);
            }
            let asked = LoginAsked {
                method: self.auth.method,
                mount: &self.auth.mount,
                role: self.auth.role.as_deref(),
                namespace: self.config.login_namespace.as_deref(),
                namespace_at: self.config.login_namespace_at(),
            };
            return Err(self.secrets.clean(refusal::login_error(&refused(&reply), &asked)));
        }
        let index = reply.header(INDEX).filter(|_| self.config.read_your_writes);
        let login = login::given(&reply.body, &self.auth)?;
        self.secrets.hide(&login.client_token);
        let held = Held::of(&login, index);
        Ok((login, held))
    }

    /// That the store's own token, or the one that something between should add, is refused.
    pub(crate) fn ended(&self) -> Error {
        let detail = match self.auth.credential {
            Credential::Nothing => {
                "the store has no auth, and nothing between (a Vault Agent or Proxy) adds a token that holds"
            }
            _ => {
                "the token of auth.tokenSecretRef is not valid: revoked, expired, or not for this server or address"
            }
        };
        Error::Unauthenticated(detail.to_owned())
    }

    fn slot(&self, name: &str) -> Result<Vec<u8>, Error> {
        let found = self.session.have.iter().find(|slot| slot.slot == name);
        match found.map(|slot| &slot.value) {
            Some(Resolved::Bytes(bytes)) => Ok(bytes.clone()),
            _ => Err(Error::Other(format!("the host gave no {name}"))),
        }
    }
}
