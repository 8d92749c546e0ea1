//! The provider and the generator behind the plugin interface.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{ConnectInput, Guest as Connection, Step};
use claviger_plugin_sdk::provider::generator::{Generated, Guest as Generator, Kind, Options};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Guest as Provider, Health, Item, Page, Query, Session, Value,
};

use crate::request::Moment;
use crate::world::Host;
use crate::{connect, read};

struct Webhook;

const SCHEMA: &str = include_str!("../config-schema.json");

impl Connection for Webhook {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        connect::connect(&input)
    }
}

impl Provider for Webhook {
    fn describe() -> Description {
        Description {
            name: "webhook".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: SCHEMA.to_owned(),
            push_metadata_schema: None,
            // What a property is, the store's templates say.
            capabilities: Capability::GET
                | Capability::VERSIONS
                | Capability::GENERATOR
                | Capability::OWN_PROPERTIES,
            property_order: Vec::new(),
            metadata_order: Vec::new(),
            origins: vec!["the server of the store's url".to_owned()],
            max_batch: read::AT_ONCE as u32,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        read::check(&session, &Host)
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        read::get(&session, &Host, &items)
    }

    fn find(_session: Session, _query: Query, _cursor: Option<String>) -> Result<Page, Error> {
        Err(Error::Unsupported("an HTTP API has no list that it could search: use extract".to_owned()))
    }
}

impl Generator for Webhook {
    fn kinds() -> Vec<Kind> {
        vec![Kind { name: "Webhook".to_owned(), spec_schema: SCHEMA.to_owned(), config_at: String::new() }]
    }

    fn generate(
        session: Session,
        _kind: String,
        _spec: String,
        _previous: Option<String>,
        options: Options,
    ) -> Result<Generated, Error> {
        let moment = Moment { now_ms: options.now_ms, seed: options.seed };
        Ok(Generated { values: read::generate(&session, &Host, &moment)?, state: None, lease: None })
    }

    /// As ESO: nobody knows how what was made would be taken back.
    fn cleanup(_session: Session, _kind: String, _spec: String, _state: String) -> Result<(), Error> {
        Ok(())
    }
}

claviger_plugin_sdk::provider::export_generating_provider!(Webhook);
