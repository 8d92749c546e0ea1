//! A store's object, and what `connect` makes of it.

use claviger_plugin_sdk::json::text;
use claviger_plugin_sdk::provider::connection::{
    ConnectInput, Need, ObjectKind, ObjectNeed, Origin, Reach, Ready, Resolved, Step,
};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

/// What refers to the token.
pub const TOKEN_AT: &str = "/auth/secretRef/connectTokenSecretRef";
const TOKEN: &str = "token";

/// More than anybody lists; each is a request or two for every key.
const MOST_VAULTS: usize = 50;

/// All of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    /// scheme://host[:port] of the Connect server.
    pub origin: String,
    /// What stands before `/v1` in its paths, without a slash at the end.
    pub path: String,
    /// Names or ids, in the order in which they are searched.
    pub vaults: Vec<String>,
    /// Each namespace has a token of its own.
    pub referent: bool,
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn parse(config: &str, of_cluster: bool) -> Result<Self, Error> {
        let json: Value = serde_json::from_str(config)
            .map_err(|_| Error::Other("the host gave a config that is no JSON".to_owned()))?;
        let (origin, path) = server(text(&json, "/connectHost").unwrap_or_default())
            .map_err(|why| invalid_config("/connectHost", why))?;
        let mut vaults = Vec::new();
        for (name, order) in json.pointer("/vaults").and_then(Value::as_object).into_iter().flatten() {
            let order =
                order.as_i64().ok_or_else(|| invalid_config("/vaults", "an order is a whole number"))?;
            vaults.push((order, name.clone()));
        }
        vaults.sort();
        if vaults.is_empty() || vaults.len() > MOST_VAULTS {
            return Err(invalid_config(
                "/vaults",
                format!("one vault at least is needed, and {MOST_VAULTS} at most"),
            ));
        }
        if vaults.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(invalid_config(
                "/vaults",
                "two have the same number: it says which is searched first",
            ));
        }
        Ok(Self {
            origin,
            path,
            vaults: vaults.into_iter().map(|(_, name)| name).collect(),
            referent: of_cluster && text(&json, &format!("{TOKEN_AT}/namespace")).is_none(),
        })
    }
}

fn server(url: &str) -> Result<(String, String), &'static str> {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| url.starts_with(scheme));
    let scheme = scheme.ok_or("it is no URL of http or https")?;
    let rest = &url[scheme.len()..];
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if authority.is_empty() || !authority.chars().all(plain) {
        return Err("it is no URL of a server: a host and perhaps a port");
    }
    if path.contains(['?', '#', ' ', '%', '\\']) || path.split('/').any(|part| part == "..") {
        return Err("its path is none that a server is below");
    }
    Ok((format!("{scheme}{authority}"), path.trim_end_matches('/').to_owned()))
}

/// One round.
///
/// # Errors
/// A wrong config.
pub fn connect(input: &ConnectInput) -> Result<Step, Error> {
    let config = Config::parse(&input.config, input.store.namespace.is_none())?;
    if input.have.is_empty() {
        return Ok(Step::Need(vec![Need::Object(ObjectNeed {
            slot: TOKEN.to_owned(),
            at: TOKEN_AT.to_owned(),
            kind: ObjectKind::Secret,
            default_key: None,
            hidden: false,
            optional: false,
        })]));
    }
    token(input)?;
    Ok(Step::Ready(Ready {
        origins: vec![Origin {
            url: config.origin,
            reach: Reach::Network,
            paths: vec![format!("{}/v1/vaults", config.path)],
            tls: None,
            purpose: "1Password Connect server".to_owned(),
            max_response_bytes: None,
            max_header_bytes: None,
        }],
        partition: config.referent.then(|| input.requester.namespace.clone()),
        account: Some(String::new()),
    }))
}

/// The token, as a header takes it.
///
/// # Errors
/// If it is none.
pub fn token(session: &ConnectInput) -> Result<String, Error> {
    let given = session.have.iter().find(|slot| slot.slot == TOKEN).map(|slot| &slot.value);
    let Some(Resolved::Bytes(bytes)) = given else {
        return Err(Error::Other("the host gave no token".to_owned()));
    };
    let token = String::from_utf8_lossy(bytes).trim().to_owned();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let why =
            "the token is empty, or not one word of ASCII, as tokens are: is it the right key of the Secret?";
        return Err(Error::Unauthenticated(format!("{TOKEN_AT}: {why}")));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::fake::session_of;

    fn parse(host: &str, vaults: Value) -> Result<Config, String> {
        let config = json!({"connectHost": host, "vaults": vaults, "auth": {}});
        Config::parse(&config.to_string(), false).map_err(|error| match error {
            Error::InvalidConfig(wrong) => wrong.path,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn vaults_are_in_the_order_of_their_numbers() {
        let config = parse("http://connect:8080/", json!({"last": 10, "first": -1, "second": 2})).unwrap();
        assert_eq!(config.vaults, ["first", "second", "last"]);
        assert_eq!((config.origin.as_str(), config.path.as_str()), ("http://connect:8080", ""));
        let config = parse("https://gw.example/op/connect/", json!({"v": 1})).unwrap();
        assert_eq!((config.origin.as_str(), config.path.as_str()), ("https://gw.example", "/op/connect"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (host, vaults, expected) in [
            ("http://c", json!({}), "/vaults"),
            ("http://c", json!({"a": 1, "b": 1}), "/vaults"),
            ("http://c", json!({"a": "1"}), "/vaults"),
            ("c:8080", json!({"a": 1}), "/connectHost"),
            ("http://user@c", json!({"a": 1}), "/connectHost"),
            ("http://c/a/../b", json!({"a": 1}), "/connectHost"),
            ("http://c/?a", json!({"a": 1}), "/connectHost"),
            ("", json!({"a": 1}), "/connectHost"),
        ] {
            assert_eq!(parse(host, vaults), Err(expected.to_owned()), "{host}");
        }
    }

    #[test]
    fn it_reaches_vaults_and_nothing_else() {
        let session = session_of("\n the-token \n");
        let Step::Ready(ready) = connect(&session).unwrap() else { panic!("needs") };
        assert_eq!(ready.origins[0].url, "http://connect:8080");
        assert_eq!(ready.origins[0].paths, ["/v1/vaults"]);
        assert_eq!(token(&session).unwrap(), "the-token");
        assert!(matches!(connect(&session_of(" \n")), Err(Error::Unauthenticated(_))));
    }
}
