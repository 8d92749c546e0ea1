//! 1Password behind the plugin interface.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{ConnectInput, Guest as Connection, Step};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Guest as Provider, Health, Item, Page, Query, Session, Value,
};

use crate::client::Client;
use crate::world::Host;
use crate::{config, find, read};

struct OnePassword;

impl Connection for OnePassword {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        config::connect(&input)
    }
}

impl Provider for OnePassword {
    fn describe() -> Description {
        Description {
            name: "onepassword".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: include_str!("../config-schema.json").to_owned(),
            push_metadata_schema: None,
            // A property is a field or a file, and a file is a request of its own.
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::FIND_BY_PATH
                | Capability::FIND_BY_TAGS
                | Capability::OWN_PROPERTIES,
            property_order: Vec::new(),
            metadata_order: Vec::new(),
            origins: vec!["the store's connectHost".to_owned()],
            max_batch: read::AT_ONCE as u32,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        read::health(&Client::new(&session, &Host)?)
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        read::get(&Client::new(&session, &Host)?, &items)
    }

    fn find(session: Session, query: Query, _cursor: Option<String>) -> Result<Page, Error> {
        find::find(&Client::new(&session, &Host)?, &query)
    }
}

claviger_plugin_sdk::provider::export_provider!(OnePassword);
