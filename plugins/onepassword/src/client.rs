//! Requests to a Connect server, and what its refusals mean. The body decides and not the bare status: a gateway has a 404
//! of its own, and a missing key may delete a Secret.

use claviger_plugin_sdk::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::{Config, Manifest, TOKEN, TOKEN_AT};
use crate::read::AT_ONCE;

/// Whether a text has the form of a vault's or an item's id.
pub fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

/// A filter for names or titles, as a query has it.
pub fn named(field: &str, name: &str) -> String {
    // A text of SCIM's filters is one of JSON's.
    url::escaped(&format!("{field} eq {}", serde_json::Value::from(name)))
}

/// A vault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Vault {
    /// Its id.
    pub id: String,
    #[serde(default)]
    name: String,
}

/// A connected server.
pub struct Client<'a> {
    /// The store's.
    pub config: Config,
    token: String,
    session: &'a Session<'a, Manifest>,
}

impl<'a> Client<'a> {
    /// Of a session.
    ///
    /// # Errors
    /// A wrong config, or a token that is none.
    pub fn new(session: &'a Session<'a, Manifest>) -> Result<Self, Error> {
        let config = Config::of(&session.config)?;
        Ok(Self { config, token: session.token(TOKEN, TOKEN_AT)?, session })
    }

    /// GETs of paths below `/v1`, each with what it is about.
    pub fn all(&self, asks: Vec<(String, String)>) -> Vec<Result<Vec<u8>, Error>> {
        let request = |path: &str| {
            Request::get(format!("{}{}/v1{path}", self.config.origin, self.config.path))
                .bearer(&self.token)
                .header("accept", "application/json, */*")
        };
        let requests = asks.iter().map(|(path, _)| request(path));
        let answers = self.session.send_all(requests.collect(), AT_ONCE);
        let secrets = self.session.secrets();
        let checked = asks.iter().zip(answers).map(|((_, what), answer)| match answer {
            Ok(reply) if reply.status == 200 => Ok(reply.body),
            Ok(reply) => Err(secrets.clean(refusal(&reply, what))),
            Err(error) => Err(secrets.clean(error)),
        });
        checked.collect()
    }

    /// The store's vaults, in their order.
    ///
    /// # Errors
    /// One that is not there, or whatever the server answers.
    pub fn vaults(&self) -> Result<Vec<Vault>, Error> {
        let ask = |name: &String| {
            let path = match is_id(name) {
                true => format!("/vaults/{name}"),
                false => format!("/vaults?filter={}", named("name", name)),
            };
            (path, format!("vault {name:?}"))
        };
        let answers = self.all(self.config.vaults.iter().map(ask).collect());
        let nobody = |name: &str| {
            invalid_config(
                "/vaults",
                format!("the token sees no vault {name:?}: no such name, or no right to it"),
            )
        };
        let vault = |(name, answer): (&String, Result<Vec<u8>, Error>)| {
            let body = answer.map_err(|error| match error {
                Error::NotFound(_) => nobody(name),
                other => other,
            })?;
            if is_id(name) {
                return parsed(&body, &format!("vault {name:?}"));
            }
            let found: Vec<Vault> = parsed(&body, &format!("vault {name:?}"))?;
            let mut found = found.into_iter().filter(|vault| vault.name == *name);
            match (found.next(), found.next()) {
                (Some(vault), None) => Ok(vault),
                (None, _) => Err(nobody(name)),
                (Some(_), Some(_)) => {
                    Err(invalid_config("/vaults", format!("two vaults are called {name:?}: give its id")))
                }
            }
        };
        self.config.vaults.iter().zip(answers).map(vault).collect()
    }
}

/// An answer's JSON.
///
/// # Errors
/// If it is none of a Connect server's; nothing of it is in the words.
pub fn parsed<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|_| {
        Error::Other(format!(
            "{what}: this is no answer of 1Password Connect: a proxy's, or another server's?"
        ))
    })
}

fn refusal(reply: &Reply, what: &str) -> Error {
    #[derive(Deserialize)]
    struct Said {
        status: u16,
        #[serde(default)]
        message: String,
    }
    let said: Option<Said> = serde_json::from_slice(&reply.body).ok();
    let own = said.filter(|said| said.status == reply.status);
    let message = own.as_ref().map(|said| format!(" {}", said.message.replace(['\r', '\n'], " ")));
    let detail = format!("{what}: HTTP {}{}", reply.status, message.unwrap_or_default());
    match reply.status {
        404 if own.is_none() => Error::Other(detail),
        _ => reply.refusal(detail),
    }
}

#[cfg(test)]
mod tests {
    use claviger_plugin_sdk::testing::kind;

    use super::*;

    /// Bodies of the API's description (1Password Connect 1.7, `ErrorResponse`), and what is none.
    #[test]
    fn refusals() {
        let own = |status: u16| format!(r#"{{"status":{status},"message":"vault x is not in scope"}}"#);
        for (status, retry, body, expected) in [
            (400, None, own(400), "other"),
            (401, None, own(401), "unauthenticated"),
            (403, None, own(403), "denied"),
            (404, None, own(404), "not-found"),
            (404, None, "<html>".to_owned(), "other"),
            (404, None, own(500), "other"),
            (302, None, String::new(), "other"),
            (429, Some(1), String::new(), "rate-limited"),
            (503, Some(1), String::new(), "rate-limited"),
            (503, None, own(503), "unavailable"),
            (500, None, String::new(), "unavailable"),
        ] {
            let reply = Reply { retry_after_ms: retry, ..Reply::new(status, body.clone()) };
            assert_eq!(kind::<()>(&Err(refusal(&reply, "item"))), expected, "{status} {body}");
        }
    }

    #[test]
    fn filters_are_escaped_twice() {
        assert_eq!(named("title", "a \"b\"&c"), "title%20eq%20%22a%20%5C%22b%5C%22%26c%22");
        assert!(is_id("2fcbqwe9ndg175zg2dzwftvkpa") && !is_id("2fcbqwe9ndg175zg2dzwftvkpA") && !is_id("a"));
    }
}
