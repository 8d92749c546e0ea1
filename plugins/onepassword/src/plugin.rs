//! 1Password behind the plugin interface.

use claviger_plugin_sdk::prelude::*;

use crate::client::Client;
use crate::config::Manifest;
use crate::{config, find, read};

/// The provider.
pub struct OnePassword;

impl Provider for OnePassword {
    const NAME: &'static str = "onepassword";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: &'static str = include_str!("../config-schema.json");
    type Config = Manifest;

    fn describe() -> Description {
        Description {
            // A property is a field or a file, and a file is a request of its own.
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::FIND_BY_PATH
                | Capability::FIND_BY_TAGS
                | Capability::OWN_PROPERTIES,
            property_order: Vec::new(),
            origins: vec!["the store's connectHost".to_owned()],
            max_batch: read::AT_ONCE as u32,
            ..described::<Self>()
        }
    }

    fn connect(store: &mut Store<Manifest>) -> Result<Ready, Error> {
        config::connect(store)
    }

    fn validate(session: &Session<'_, Manifest>) -> Result<Health, Error> {
        read::health(&Client::new(session)?)
    }

    fn get_all(session: &Session<'_, Manifest>, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
        read::get(&Client::new(session)?, items)
    }

    fn find(session: &Session<'_, Manifest>, query: &Query, _cursor: Option<&str>) -> Result<Page, Error> {
        find::find(&Client::new(session)?, query)
    }
}

export_provider!(OnePassword);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_current() {
        claviger_plugin_sdk::testing::check_schema::<OnePassword>(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/config-schema.json"
        ));
    }
}
