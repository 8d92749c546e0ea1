//! A connected store in a call: its config, what the host resolved, and the host's services.

use std::time::SystemTime;

use serde::de::DeserializeOwned;

use crate::host::Host;
use crate::login::{self, Secrets};
use crate::memo::{Make, Memo};
use crate::provider::connection::{ConnectInput, Resolved};
use crate::request::{Reply, Request};
use crate::{Error, config};

/// See the module.
pub struct Session<'h, C> {
    /// The store's config.
    pub config: C,
    input: ConnectInput,
    host: &'h dyn Host,
    secrets: Secrets,
}

impl<'h, C: DeserializeOwned> Session<'h, C> {
    /// Of what a call was given. Plugins get theirs from the SDK.
    ///
    /// # Errors
    /// A config that does not fit its type.
    pub fn new(input: ConnectInput, host: &'h dyn Host) -> Result<Self, Error> {
        Ok(Self { config: config::parse(&input.config)?, input, host, secrets: Secrets::default() })
    }
}

impl<C> Session<'_, C> {
    /// All that the host said: the store, who asks, the admin's settings. A plugin whose answers depend on `requester` has to
    /// say so with the partition of `Ready`: without one, a tenant is handed what another's namespace was answered.
    pub fn input(&self) -> &ConnectInput {
        &self.input
    }

    /// Of all stores of the cluster, or of one namespace?
    pub fn is_cluster(&self) -> bool {
        self.input.store.namespace.is_none()
    }

    /// What the host found for a need, as it is. None: it was optional, or hidden.
    pub fn bytes(&self, slot: &str) -> Option<&[u8]> {
        match self.input.have.iter().find(|have| have.slot == slot).map(|have| &have.value) {
            Some(Resolved::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// A need that is a text, without the line end that editors put behind it. No error quotes it from then on.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if it is no text.
    pub fn text(&self, slot: &str) -> Result<&str, Error> {
        let bytes = self.bytes(slot).ok_or_else(|| missing(slot))?;
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::Unauthenticated(format!("the {slot} is not text")))?
            .trim_end_matches(['\r', '\n']);
        self.secrets.hide(text);
        Ok(text)
    }

    /// A need that is a token, as a header field takes it. No error quotes it from then on. `at` is where its reference
    /// stands.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if it is empty or not one word of ASCII.
    pub fn token(&self, slot: &str, at: &str) -> Result<String, Error> {
        let bytes = self.bytes(slot).ok_or_else(|| missing(slot))?;
        let token = login::word(bytes, slot, at)?;
        self.secrets.hide(&token);
        Ok(token)
    }

    /// Sends a request and reads the whole answer, whatever its status ([`Reply::ok`] looks at it).
    ///
    /// # Errors
    /// [`Error::Unavailable`] for everything that is not an answer.
    pub fn send(&self, request: Request) -> Result<Reply, Error> {
        let answer = self.host.send(vec![request], 1, None).pop();
        answer.unwrap_or_else(|| Err(Error::Other("a request without an answer".to_owned())))
    }

    /// Sends all, `at_once` of them at a time; one answer or error for each, in order.
    pub fn send_all(&self, requests: Vec<Request>, at_once: usize) -> Vec<Result<Reply, Error>> {
        self.host.send(requests, at_once, None)
    }

    /// Asks with the token of a login that all calls share. It is made by `login` with its time to live in milliseconds
    /// ([`login::keep_ms`]), kept under `key`, and given up when `ask` answers [`Error::Unauthenticated`]: then one more
    /// login is tried, and no third. A login that was refused is not tried again for ten seconds.
    ///
    /// # Errors
    /// What `login` or `ask` says.
    pub fn with_login<T>(
        &self,
        key: &str,
        login: &mut Make<'_>,
        mut ask: impl FnMut(&str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut again = false;
        loop {
            let token = login::token(self.memo(), key, login)?;
            let text =
                std::str::from_utf8(&token).map_err(|_| Error::Other("the token is not text".to_owned()))?;
            self.secrets.hide(text);
            let answer = ask(text);
            if !matches!(answer, Err(Error::Unauthenticated(_))) {
                return answer;
            }
            // Only if it is still that token: another call may have logged in again already.
            self.memo().evict(key, &token);
            if again {
                return answer;
            }
            again = true;
        }
    }

    /// What outlives a call.
    pub fn memo(&self) -> &dyn Memo {
        self.host.memo()
    }

    /// The time.
    pub fn now(&self) -> SystemTime {
        self.host.now()
    }

    /// The host's services as they are.
    pub fn host(&self) -> &dyn Host {
        self.host
    }

    /// What no error of this call may quote.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

fn missing(slot: &str) -> Error {
    Error::Other(format!("the host gave no {slot}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;
    use crate::testing::{self, bytes, kind};

    fn session<'h>(host: &'h testing::Host<'_>) -> Session<'h, serde_json::Value> {
        let have = [("token", bytes(" word\n")), ("key", bytes("p w\r\n")), ("odd", bytes("a b"))];
        Session::new(testing::input(&serde_json::json!({}), &have), host).unwrap()
    }

    #[test]
    fn what_a_need_gave() {
        let host = testing::Host::silent();
        let session = session(&host);
        assert_eq!(session.token("token", "/t").unwrap(), "word");
        assert_eq!(session.text("key").unwrap(), "p w");
        assert_eq!(kind(&session.token("odd", "/t")), "unauthenticated");
        assert_eq!(kind(&session.token("none", "/t")), "other");
        assert_eq!(session.bytes("token").unwrap(), b" word\n");
    }

    /// How often is logged in and asked, by how the backend takes the tokens.
    #[test]
    fn a_refused_token_is_given_up_once() {
        for (good, logins, asked, expected) in
            [(&["1"][..], 1, 1, "value"), (&["2"], 2, 2, "value"), (&["3"], 2, 2, "unauthenticated")]
        {
            let host = testing::Host::silent();
            let session = session(&host);
            let (count, asks) = (Cell::new(0), Cell::new(0));
            let mut login = || {
                count.set(count.get() + 1);
                Ok((count.get().to_string().into_bytes(), 1000))
            };
            let answer = session.with_login("token", &mut login, |token| {
                asks.set(asks.get() + 1);
                match good.contains(&token) {
                    true => Ok(()),
                    false => Err(Error::Unauthenticated("no".to_owned())),
                }
            });
            assert_eq!((kind(&answer), count.get(), asks.get()), (expected, logins, asked), "{good:?}");
            // Whoever answers that a credential was refused leaves no token behind.
            assert_eq!(host.memo.peek("token").is_some(), answer.is_ok());
        }
    }
}
