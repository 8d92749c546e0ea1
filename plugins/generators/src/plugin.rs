//! The generators behind the plugin interface.

use claviger_plugin_sdk::provider::connection::{ConnectInput, Guest as Connection, Ready, Step};
use claviger_plugin_sdk::provider::generator::{Generated, Guest as Generator, Kind, Options};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Guest as Provider, Health, Item, Page, Query, Session, Value,
};
use claviger_plugin_sdk::{Error, invalid_config};

use crate::kinds;

struct Generators;

/// What a store that names it by mistake is told.
const NO_STORE: &str =
    "it makes values for generators and has none to be read: name a generator in sourceRef.generatorRef";

impl Connection for Generators {
    /// There is nobody to talk to.
    fn connect(_input: ConnectInput) -> Result<Step, Error> {
        Ok(Step::Ready(Ready { origins: Vec::new(), partition: None, account: None }))
    }
}

impl Provider for Generators {
    fn describe() -> Description {
        Description {
            name: "generators".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: r#"{"type": "object"}"#.to_owned(),
            push_metadata_schema: None,
            capabilities: Capability::GENERATOR,
            property_order: Vec::new(),
            metadata_order: Vec::new(),
            origins: Vec::new(),
            max_batch: 0,
        }
    }

    fn validate(_session: Session) -> Result<Health, Error> {
        Err(invalid_config("", NO_STORE))
    }

    fn get(_session: Session, _items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        Err(Error::Unsupported(NO_STORE.to_owned()))
    }

    fn find(_session: Session, _query: Query, _cursor: Option<String>) -> Result<Page, Error> {
        Err(Error::Unsupported(NO_STORE.to_owned()))
    }
}

impl Generator for Generators {
    fn kinds() -> Vec<Kind> {
        kinds::all()
    }

    fn generate(
        _session: Session,
        kind: String,
        spec: String,
        _previous: Option<String>,
        options: Options,
    ) -> Result<Generated, Error> {
        let values = kinds::generate(&kind, &spec, &options.seed)?;
        Ok(Generated { values, state: None, lease: None })
    }

    /// Nothing is left behind.
    fn cleanup(_session: Session, _kind: String, _spec: String, _state: String) -> Result<(), Error> {
        Ok(())
    }
}

claviger_plugin_sdk::provider::export_generating_provider!(Generators);
