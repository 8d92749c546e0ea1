//! The provider `plugin-name`: reading a key is `GET <url>/<key>`, with a bearer token if the store has one.
//! It neither writes nor searches.

use claviger_plugin_sdk::prelude::*;
use serde::Deserialize;

/// What stands under `spec.provider.plugin-name` of a store.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Config {
    /// Where keys are read below
    #[schemars(regex(pattern = "^https?://"))]
    url: String,
    /// The key of a Secret that holds a bearer token
    token_secret_ref: Option<SecretRef>,
}

/// Slot of the token, and where its reference stands in the config.
const TOKEN: (&str, &str) = ("token", "/tokenSecretRef");

struct PluginName;

impl Provider for PluginName {
    const NAME: &'static str = "plugin-name";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: &'static str = include_str!("../config-schema.json");
    type Config = Config;

    fn describe() -> Description {
        Description {
            capabilities: Capability::GET,
            origins: vec!["the store's url".to_owned()],
            // Keys of one call; each is a request.
            max_batch: 20,
            ..described::<Self>()
        }
    }

    /// What the store needs, and the only place that can be reached afterwards.
    fn connect(store: &mut Store<Config>) -> Result<Ready, Error> {
        if store.config.token_secret_ref.is_some() {
            store.need(need::secret(TOKEN.0, TOKEN.1));
        }
        let (origin, _) = server(&store.config)?;
        Ok(Ready::to([Origin::new(origin, "the API")]).counted_by_credential())
    }

    /// Whether the API takes the token. What lies at its root is nobody's business.
    fn validate(session: &Session<'_, Config>) -> Result<Health, Error> {
        match ask(session, "", "the API") {
            Ok(_) | Err(Error::NotFound(_)) => Ok(Health::Ready),
            Err(error) => Err(error),
        }
    }

    fn get(session: &Session<'_, Config>, item: &Item) -> Result<Value, Error> {
        let path = url::path(&item.key).map_err(|why| Error::Other(format!("{:?}: {why}", item.key)))?;
        let reply = ask(session, &path, &item.key)?;
        let version = reply.header("etag").map(ToOwned::to_owned);
        Ok(Value::new(reply.body).version(version))
    }
}

/// GETs a path below the store's url; `what` names it in errors. What is not a success is an error of its kind: 404 is
/// `not-found`, 401 `unauthenticated`, 403 `denied`, 429 `rate-limited`, 5xx `unavailable`.
fn ask(session: &Session<'_, Config>, path: &str, what: &str) -> Result<Reply, Error> {
    let (origin, base) = server(&session.config)?;
    let mut request = Request::get(format!("{origin}{base}/{path}"));
    if session.config.token_secret_ref.is_some() {
        request = request.bearer(&session.token(TOKEN.0, TOKEN.1)?);
    }
    session.send(request)?.ok(what)
}

/// The origin of the store's url, and the path behind it.
fn server(config: &Config) -> Result<(String, String), Error> {
    url::server(&config.url).map_err(|why| invalid_config("/url", why))
}

export_provider!(PluginName);

#[cfg(test)]
mod tests;
