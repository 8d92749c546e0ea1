//! A store's object, and what `connect` makes of it.

use std::collections::BTreeMap;

use claviger_plugin_sdk::login::word;
use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::provider::connection::Resolved;
use serde::Deserialize;

/// What refers to the token.
pub const TOKEN_AT: &str = "/auth/secretRef/connectTokenSecretRef";
/// Its slot.
pub const TOKEN: &str = "token";

/// More than anybody lists; each is a request or two for every key.
const MOST_VAULTS: usize = 50;

/// A store's object as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Who asks
    pub auth: Auth,
    /// Address of the Connect server
    pub connect_host: String,
    /// Names or ids of vaults, and the order in which they are searched
    pub vaults: BTreeMap<String, i64>,
}

/// The one way to log in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth {
    /// By what Secrets hold
    pub secret_ref: Token,
}

/// What is in them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Token {
    /// A token of the Connect server
    pub connect_token_secret_ref: SecretRef,
}

/// What is meant by it.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    /// `scheme://host[:port]` of the Connect server.
    pub origin: String,
    /// What stands before `/v1` in its paths, without a slash at the end.
    pub path: String,
    /// Names or ids, in the order in which they are searched.
    pub vaults: Vec<String>,
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn of(manifest: &Manifest) -> Result<Self, Error> {
        let (origin, path) =
            url::server(&manifest.connect_host).map_err(|why| invalid_config("/connectHost", why))?;
        let mut vaults: Vec<_> = manifest.vaults.iter().map(|(name, order)| (*order, name.clone())).collect();
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
        Ok(Self { origin, path, vaults: vaults.into_iter().map(|(_, name)| name).collect() })
    }
}

/// What a store needs, and where it goes.
///
/// # Errors
/// A wrong config, or a token that is none.
pub fn connect(store: &mut Store<Manifest>) -> Result<Ready, Error> {
    let config = Config::of(&store.config)?;
    if let Some(Resolved::Bytes(token)) = store.need(need::secret(TOKEN, TOKEN_AT)) {
        word(token, TOKEN, TOKEN_AT)?;
    }
    let origin = Origin {
        paths: vec![format!("{}/v1/vaults", config.path)],
        ..Origin::new(config.origin, "1Password Connect server")
    };
    Ok(Ready::to([origin]).counted_by_credential())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugin_sdk::config;
    use claviger_plugin_sdk::testing::{Bench, Host, kind};
    use serde_json::{Value, json};

    use super::*;
    use crate::OnePassword;

    fn store(host: &str, vaults: Value) -> Value {
        let auth = json!({"secretRef": {"connectTokenSecretRef": {"name": "n", "key": "k"}}});
        json!({"connectHost": host, "vaults": vaults, "auth": auth})
    }

    fn parse(host: &str, vaults: Value) -> Result<Config, String> {
        let manifest = config::parse::<Manifest>(&store(host, vaults).to_string());
        manifest.and_then(|manifest| Config::of(&manifest)).map_err(|error| match error {
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
            ("http://c", json!({"a": "1"}), "/vaults/a"),
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
        let bench = |token: &str| {
            let store = store("http://connect:8080", json!({"v": 1}));
            Bench::<OnePassword>::new(&store, Host::silent()).secret("n", "k", token).cluster_store("team")
        };
        let good = bench("\n the-token \n");
        let ready = good.connect().unwrap();
        assert_eq!(ready.origins[0].url, "http://connect:8080");
        assert_eq!(ready.origins[0].paths, ["/v1/vaults"]);
        assert_eq!((ready.partition.as_deref(), ready.account.as_deref()), (Some("team"), Some("")));
        assert_eq!(good.session().unwrap().token(TOKEN, TOKEN_AT).unwrap(), "the-token");
        assert_eq!(kind(&bench(" \n").connect()), "unauthenticated");
    }
}
