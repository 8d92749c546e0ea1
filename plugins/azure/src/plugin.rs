//! Azure Key Vault behind the plugin interface.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{ConnectInput, Guest as Connection, Step};
use claviger_plugin_sdk::provider::generator::{Generated, Guest as Generator, Kind, Options};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Guest as Provider, Health, Item, Page, PropertyStep, Query, Session, Value,
};
use claviger_plugin_sdk::provider::writer::{Guest as Writer, Outcome, Removal, Write};

use crate::client::Client;
use crate::config::Config;
use crate::world::Host;
use crate::{find, health, needs, read, ready, registry, writer};

struct Azure;

impl Connection for Azure {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        if input.store.kind == registry::KIND {
            return registry::connect(&input);
        }
        let config = Config::parse(&input.config, &input.settings)?;
        let needs = needs::next(&config, &input.have)?;
        if !needs.is_empty() {
            return Ok(Step::Need(needs));
        }
        Ok(Step::Ready(ready::ready(&config, &input)?))
    }
}

impl Provider for Azure {
    fn describe() -> Description {
        Description {
            name: "azurekv".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: include_str!("../config-schema.json").to_owned(),
            push_metadata_schema: Some(include_str!("../push-metadata-schema.json").to_owned()),
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::FIND_BY_TAGS
                | Capability::METADATA
                | Capability::VERSIONS
                | Capability::WRITER
                | Capability::GENERATOR,
            // As ESO: a path as it stands, then with its dots escaped; a tag by its name, or a path into one.
            property_order: vec![PropertyStep::Path, PropertyStep::EscapedPath],
            metadata_order: vec![PropertyStep::Literal, PropertyStep::Nested],
            origins: vec![
                "https://*.vault.azure.net".to_owned(),
                "https://login.microsoftonline.com".to_owned(),
                "the registry of an ACRAccessToken".to_owned(),
                "those of the other clouds, and of the store's customCloudConfig".to_owned(),
            ],
            max_batch: read::AT_ONCE as u32,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        health::check(&Client::new(&session, &Host)?)
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        read::get(&Client::new(&session, &Host)?, &items)
    }

    fn find(session: Session, query: Query, cursor: Option<String>) -> Result<Page, Error> {
        find::find(&Client::new(&session, &Host)?, &query, cursor.as_deref())
    }
}

impl Writer for Azure {
    fn push(session: Session, writes: Vec<Write>) -> Result<Vec<Result<Outcome, Error>>, Error> {
        writer::push(&Client::new(&session, &Host)?, &writes)
    }

    fn delete(session: Session, removals: Vec<Removal>) -> Result<Vec<Result<(), Error>>, Error> {
        writer::delete(&Client::new(&session, &Host)?, &removals)
    }

    fn exists(session: Session, keys: Vec<String>) -> Result<Vec<Result<bool, Error>>, Error> {
        writer::exists(&Client::new(&session, &Host)?, &keys)
    }
}

impl Generator for Azure {
    fn kinds() -> Vec<Kind> {
        vec![registry::kind()]
    }

    fn generate(
        session: Session,
        _kind: String,
        _spec: String,
        _previous: Option<String>,
        _options: Options,
    ) -> Result<Generated, Error> {
        registry::generate(&session, &Host)
    }

    /// There is nothing to clean up after a token.
    fn cleanup(_session: Session, _kind: String, _spec: String, _state: String) -> Result<(), Error> {
        Ok(())
    }
}

claviger_plugin_sdk::provider::export_managing_provider!(Azure);
