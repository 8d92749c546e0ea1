//! Requests to Vault: with a token that is in the memo, logging in when there is none or it has ended.

use claviger_plugin_sdk::http::{self, Answer};
use claviger_plugin_sdk::provider::connection::{Resolved, Session};
use claviger_plugin_sdk::{Error, memo};
use serde_json::{Value, json};

use crate::answer::{self, Envelope};
use crate::auth::Auth;
use crate::config::Config;
use crate::path::encode;

const TOKEN: &str = "token";
/// A token that does not expire is logged in for again after an hour, so that a role that was taken away
/// is noticed.
const UNLIMITED_MS: u64 = 3_600_000;

/// A connected Vault.
pub(crate) struct Client<'a> {
    pub(crate) config: Config,
    auth: Auth,
    session: &'a Session,
}

impl<'a> Client<'a> {
    pub(crate) fn new(session: &'a Session) -> Result<Self, Error> {
        let config = Config::parse(&session.config)?;
        let auth = Auth::parse(&config.json)?;
        Ok(Self { config, auth, session })
    }

    /// A request that is answered with success, or its error. A token that was refused is given up and
    /// logged in for once more.
    pub(crate) fn call(&self, method: &str, path: &str, query: &str) -> Result<Answer, Error> {
        let token = self.token()?;
        let answer = self.send(method, path, query, &token)?;
        if answer.status == 403 && self.auth != Auth::Token && self.token_has_ended(&token)? {
            memo::evict(TOKEN, token.as_bytes());
            let token = self.token()?;
            return self.checked(self.send(method, path, query, &token)?, path);
        }
        if answer.status == 403 && self.auth == Auth::Token && self.token_has_ended(&token)? {
            return Err(Error::Unauthenticated("the token is not valid (any more)".to_owned()));
        }
        self.checked(answer, path)
    }

    fn checked(&self, answer: Answer, path: &str) -> Result<Answer, Error> {
        match answer.status {
            200..=299 => Ok(answer),
            status => Err(answer::error(status, answer.retry_after_ms, &answer.body, path)),
        }
    }

    /// Vault says 403 both to an unknown token and to a known one without the right. The default policy
    /// lets every token look at itself.
    fn token_has_ended(&self, token: &str) -> Result<bool, Error> {
        Ok(self.send("GET", "auth/token/lookup-self", "", token)?.status == 403)
    }

    fn token(&self) -> Result<String, Error> {
        let bytes = match self.auth {
            Auth::Token => self.slot(TOKEN)?,
            _ => memo::get_or_make(TOKEN, || self.login())?,
        };
        String::from_utf8(bytes)
            .map(|token| token.trim().to_owned())
            .map_err(|_| Error::Unauthenticated("the token is not text".to_owned()))
    }

    fn login(&self) -> Result<(Vec<u8>, u64), Error> {
        let path = self.auth.login_path().unwrap_or_default();
        let body = match &self.auth {
            Auth::Token => Value::Null,
            Auth::AppRole { role_id, .. } => {
                let role_id = role_id.clone().map_or_else(|| self.text("role-id"), Ok)?;
                json!({"role_id": role_id, "secret_id": self.text("secret-id")?})
            }
            Auth::Jwt { role, .. } => json!({"role": role, "jwt": self.text("jwt")?}),
            Auth::Password { .. } => json!({"password": self.text("password")?}),
            Auth::Cert { role, .. } => json!({"name": role}),
        };
        let mut headers = self.headers(self.config.login_namespace.as_deref());
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let url = format!("{}/v1/{}", self.config.server, encode(&path));
        let answer = http::send("POST", &url, &headers, body.to_string().into_bytes())?;
        match answer.status {
            200..=299 => {}
            // Vault has one code for a wrong role, a wrong secret and a wrong token.
            400 | 401 | 403 | 404 => {
                let (Error::Other(detail)
                | Error::NotFound(detail)
                | Error::Denied(detail)
                | Error::Unauthenticated(detail)) = answer::error(answer.status, None, &answer.body, &path)
                else {
                    return Err(Error::Unauthenticated(path));
                };
                return Err(Error::Unauthenticated(detail));
            }
            status => return Err(answer::error(status, answer.retry_after_ms, &answer.body, &path)),
        }
        let envelope: Envelope<'_> = serde_json::from_slice(&answer.body)
            .map_err(|_| Error::Other("the answer to the login is not Vault's".to_owned()))?;
        let login =
            envelope.auth.ok_or_else(|| Error::Other("the answer to the login has no token".to_owned()))?;
        // A tenth of its life early, so that it does not end on the way.
        let ttl_ms = match login.lease_duration {
            0 => UNLIMITED_MS,
            seconds => seconds.saturating_mul(900),
        };
        Ok((login.client_token.into_bytes(), ttl_ms))
    }

    fn send(&self, method: &str, path: &str, query: &str, token: &str) -> Result<Answer, Error> {
        let mut headers = self.headers(self.config.namespace.as_deref());
        headers.push(("x-vault-token".to_owned(), token.to_owned()));
        http::send(
            method,
            &format!("{}/v1/{}{query}", self.config.server, encode(path)),
            &headers,
            Vec::new(),
        )
    }

    fn headers(&self, namespace: Option<&str>) -> Vec<(String, String)> {
        let mut headers = self.config.headers.clone();
        headers.push(("x-vault-request".to_owned(), "true".to_owned()));
        if let Some(namespace) = namespace {
            headers.push(("x-vault-namespace".to_owned(), namespace.to_owned()));
        }
        headers
    }

    fn slot(&self, name: &str) -> Result<Vec<u8>, Error> {
        let found = self.session.have.iter().find(|slot| slot.slot == name);
        match found.map(|slot| &slot.value) {
            Some(Resolved::Bytes(bytes)) => Ok(bytes.clone()),
            _ => Err(Error::Other(format!("the host gave no {name}"))),
        }
    }

    fn text(&self, name: &str) -> Result<String, Error> {
        let text = String::from_utf8(self.slot(name)?);
        text.map(|text| text.trim().to_owned())
            .map_err(|_| Error::Unauthenticated(format!("the {name} is not text")))
    }
}
