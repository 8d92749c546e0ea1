//! The provider and the generator behind the plugin interface.

use claviger_plugin_sdk::Generator;
use claviger_plugin_sdk::plugin::Asked;
use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::provider::generator::{Generated, Kind};

use crate::config::Manifest;
use crate::request::Moment;
use crate::{connect, read};

/// The provider.
pub struct Webhook;

impl Provider for Webhook {
    const NAME: &'static str = "webhook";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: &'static str = include_str!("../config-schema.json");
    type Config = Manifest;

    fn describe() -> Description {
        Description {
            // What a property is, the store's templates say.
            capabilities: Capability::GET
                | Capability::VERSIONS
                | Capability::GENERATOR
                | Capability::OWN_PROPERTIES,
            property_order: Vec::new(),
            origins: vec!["the server of the store's url".to_owned()],
            max_batch: read::AT_ONCE as u32,
            ..described::<Self>()
        }
    }

    fn connect(store: &mut Store<Manifest>) -> Result<Ready, Error> {
        connect::connect(store)
    }

    fn validate(session: &Session<'_, Manifest>) -> Result<Health, Error> {
        read::check(session)
    }

    fn get_all(session: &Session<'_, Manifest>, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
        read::get(session, items)
    }

    fn find(_session: &Session<'_, Manifest>, _query: &Query, _cursor: Option<&str>) -> Result<Page, Error> {
        Err(Error::Unsupported("an HTTP API has no list that it could search: use extract".to_owned()))
    }
}

/// As ESO, nothing is taken back: nobody knows how.
impl Generator for Webhook {
    fn kinds() -> Vec<Kind> {
        let spec_schema = Self::CONFIG_SCHEMA.to_owned();
        vec![Kind { name: "Webhook".to_owned(), spec_schema, config_at: String::new() }]
    }

    fn generate(session: &Session<'_, Manifest>, asked: &Asked) -> Result<Generated, Error> {
        let moment = Moment { now_ms: asked.options.now_ms, seed: asked.options.seed.clone() };
        Ok(Generated { values: read::generate(session, &moment)?, state: None, lease: None })
    }
}

export_provider!(Webhook: Generator);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_current() {
        claviger_plugin_sdk::testing::check_schema::<Webhook>(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/config-schema.json"
        ));
    }
}
