//! Requests to Vault: with a token that is in the memo, logging in when there is none or it has ended.

use std::cell::RefCell;
use std::time::SystemTime;

use claviger_plugin_sdk::http::{self, Answer};
use claviger_plugin_sdk::provider::connection::{Resolved, Session};
use claviger_plugin_sdk::{Error, memo};

use crate::auth::{Auth, Credential};
use crate::config::Config;
use crate::headers::merge_index;
use crate::iam;
use crate::login::{self, Held};
use crate::mount;
use crate::path::encode;
use crate::refusal::{self, Asked, Hint, LoginAsked, Refused};

const TOKEN: &str = "token";
/// How long a token that was found to be known counts as known when a policy refuses it: so keys that are
/// denied cost one look a minute, whatever their number.
const KNOWN: (&str, u64) = ("known", 60_000);
/// Where the refusal does not tell: only those who were refused at the same time share a look.
const UNCLEAR: (&str, u64) = ("unclear", 2_000);
/// That a token fresh from a login was refused as if it were unknown (its address, a disabled entity):
/// another login would not help, and is not tried for so long.
const REFUSED: (&str, u64) = ("refused", 60_000);
/// That the mount is what the store says, or that the token may not know.
const MOUNT: (&str, u64) = ("mount", 300_000);

/// A connected Vault.
pub(crate) struct Client<'a> {
    pub(crate) config: Config,
    auth: Auth,
    session: &'a Session,
    /// What answers of this call told of `X-Vault-Index`, besides the login's.
    index: RefCell<Vec<String>>,
}

/// A token, and the very bytes of the memo, by which it is evicted.
struct Token {
    held: Held,
    raw: Vec<u8>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(session: &'a Session) -> Result<Self, Error> {
        let config = Config::parse(&session.config)?;
        let auth = Auth::parse(&config.json)?;
        Ok(Self { config, auth, session, index: RefCell::default() })
    }

    /// Reads a path.
    pub(crate) fn get(&self, path: &str, query: &str) -> Result<Answer, Error> {
        self.call("GET", path, query)
    }

    /// Lists a folder.
    pub(crate) fn list(&self, path: &str) -> Result<Answer, Error> {
        self.call("LIST", path, "")
    }

    /// A request that is answered with success, or its error. A token that was refused is given up and
    /// logged in for once more.
    fn call(&self, method: &str, path: &str, query: &str) -> Result<Answer, Error> {
        let namespace = self.config.namespace.as_deref();
        let capability = if method == "LIST" { "list" } else { "read" };
        let login_namespace = self.config.login_namespace.as_deref();
        let asked = Asked { path, capability, namespace, login_namespace };
        let checked = |answer: Answer| match answer.status {
            200..=299 => Ok(answer),
            _ => Err(refusal::error(&refused(&answer), &asked)),
        };
        let token = self.token()?;
        let answer = self.send(method, path, query, &token, namespace)?;
        if answer.status != 403 || memo::peek(REFUSED.0).is_some() {
            return checked(answer);
        }
        if self.is_known(&token, refusal::hint(&answer.body))? {
            return checked(answer);
        }
        if self.auth.login_path().is_none() {
            return Err(self.ended());
        }
        memo::evict(TOKEN, &token.raw);
        let answer = self.send(method, path, query, &self.token()?, namespace)?;
        if answer.status == 403 && refusal::hint(&answer.body) != Hint::Known {
            memo::keep(REFUSED.0, &[], REFUSED.1);
        }
        checked(answer)
    }

    /// Whether the server takes the store's credential, and the mount is what the store says, as far as
    /// the token may know.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.config.mount.is_some() {
            return match self.check_mount() {
                // Refused, and not because of the token: it may not look, and need not.
                Err(Error::Denied(_)) => Ok(()),
                other => other,
            };
        }
        let token = self.token()?;
        if self.looks_itself_up(&token)? {
            return Ok(());
        }
        if self.auth.login_path().is_none() {
            return Err(self.ended());
        }
        memo::evict(TOKEN, &token.raw);
        self.token().map(|_| ())
    }

    /// Of a store that says v2 and has a version 1 mount, every key is missing. Before that is said, with
    /// all that may follow from it (`deletionPolicy`), the mount is looked at.
    pub(crate) fn missing(&self, not_found: String) -> Error {
        if self.config.mount.is_none() {
            return Error::NotFound(not_found);
        }
        let looked = memo::get_or_make(MOUNT.0, || match self.check_mount() {
            Err(error @ Error::InvalidConfig(_)) => Err(error),
            // As it should be, or not ours to know.
            _ => Ok((Vec::new(), MOUNT.1)),
        });
        match looked {
            Err(error @ Error::InvalidConfig(_)) => error,
            _ => Error::NotFound(not_found),
        }
    }

    fn check_mount(&self) -> Result<(), Error> {
        let Some(path) = &self.config.mount else { return Ok(()) };
        let answer = self.call("GET", &format!("sys/internal/ui/mounts/{path}"), "")?;
        mount::check(&answer.body, path, self.config.kv)
    }

    /// Vault says 403 both to an unknown token and to a known one without the right. What the text leaves
    /// open, the token's look at itself decides; who asks at the same time shares it.
    fn is_known(&self, token: &Token, hint: Hint) -> Result<bool, Error> {
        let (key, ttl_ms) = match hint {
            Hint::Ended => return Ok(false),
            Hint::Known => KNOWN,
            // Somebody else may have logged in meanwhile.
            Hint::Unclear if self.token()?.raw != token.raw => return Ok(false),
            Hint::Unclear => UNCLEAR,
        };
        let entry = |known: bool| format!("{known} {}", token.held.token).into_bytes();
        let found = memo::get_or_make(key, || Ok((entry(self.looks_itself_up(token)?), ttl_ms)))?;
        match [true, false].into_iter().find(|known| entry(*known) == found) {
            Some(known) => Ok(known),
            // Of another token than this one.
            None => {
                memo::evict(key, &found);
                self.looks_itself_up(token)
            }
        }
    }

    /// Without the policy `default` a token may be forbidden to look at itself, and is known all the same.
    fn looks_itself_up(&self, token: &Token) -> Result<bool, Error> {
        let namespace = self.config.login_namespace.as_deref();
        let answer = self.send("GET", "auth/token/lookup-self", "", token, namespace)?;
        Ok(answer.status != 403 || refusal::hint(&answer.body) == Hint::Known)
    }

    fn ended(&self) -> Error {
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

    fn token(&self) -> Result<Token, Error> {
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
        let raw = memo::get_or_make(TOKEN, || self.login())?;
        let held = serde_json::from_slice(&raw)
            .map_err(|_| Error::Other("what was kept of the login cannot be read".to_owned()))?;
        Ok(Token { held, raw })
    }

    fn login(&self) -> Result<(Vec<u8>, u64), Error> {
        let path = self.auth.login_path().unwrap_or_default();
        let now = SystemTime::now();
        let mut aws = None;
        let body = match &self.auth.credential {
            Credential::Iam { region, server_id } => {
                let Session { store, requester, settings, .. } = self.session;
                let access = iam::access(&self.config.json, store, requester)?;
                let sts = iam::sts(region, settings)?;
                let login = aws_credentials::login::login(&access, self.session, region, &sts)?;
                let role = self.auth.role.as_deref();
                let body = iam::body(role, region, server_id.as_deref(), &login.credentials, now)?;
                aws = Some(login);
                body
            }
            _ => login::body(&self.auth, &|name| self.slot(name), now)?,
        };
        let mut headers = self.headers(self.config.login_namespace.as_deref());
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let answer = http::send("POST", &self.url(&path, ""), &headers, body.to_string().into_bytes())?;
        if !(200..=299).contains(&answer.status) {
            // They may have been taken back before their time.
            if let (400..=403, Some(aws)) = (answer.status, &aws) {
                aws.evict();
            }
            let asked = LoginAsked {
                method: self.auth.method,
                mount: &self.auth.mount,
                role: self.auth.role.as_deref(),
                namespace: self.config.login_namespace.as_deref(),
                namespace_at: self.config.login_namespace_at(),
            };
            return Err(refusal::login_error(&refused(&answer), &asked));
        }
        let index = self.config.read_your_writes.then(|| answer.header("x-vault-index")).flatten();
        let (held, ttl_ms) = login::held(&answer.body, index, &self.auth)?;
        let kept =
            serde_json::to_vec(&held).map_err(|_| Error::Other("the login cannot be kept".to_owned()))?;
        Ok((kept, ttl_ms))
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        query: &str,
        token: &Token,
        namespace: Option<&str>,
    ) -> Result<Answer, Error> {
        let mut headers = self.headers(namespace);
        if !token.held.token.is_empty() {
            headers.push(("x-vault-token".to_owned(), token.held.token.clone()));
        }
        if self.config.read_your_writes {
            let mut index = token.held.index.clone();
            for newer in self.index.borrow().iter() {
                index = merge_index(&index, newer);
            }
            headers.extend(index.into_iter().map(|index| ("x-vault-index".to_owned(), index)));
        }
        if self.config.forward_inconsistent {
            headers.push(("x-vault-inconsistent".to_owned(), "forward-active-node".to_owned()));
        }
        let answer = http::send(method, &self.url(path, query), &headers, Vec::new())?;
        if let Some(index) = answer.header("x-vault-index").filter(|_| self.config.read_your_writes) {
            let merged = merge_index(&self.index.borrow(), index);
            self.index.replace(merged);
        }
        Ok(answer)
    }

    fn url(&self, path: &str, query: &str) -> String {
        format!("{}/v1/{}{query}", self.config.server, encode(path))
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
}

fn refused(answer: &Answer) -> Refused<'_> {
    Refused { status: answer.status, retry_after_ms: answer.retry_after_ms, body: &answer.body }
}
