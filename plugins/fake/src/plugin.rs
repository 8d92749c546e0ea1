//! The data behind the plugin interface.

use claviger_plugin_sdk::provider::connection::{ConnectInput, Guest as Connection, Ready, Step};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Facet, Found, Guest as Provider, Health, Item, Page, PropertyStep, Query,
    Session, Value,
};
use claviger_plugin_sdk::{Error, invalid_config};

use crate::data::{Config, Entry};

struct Fake;

fn config(session: &ConnectInput) -> Result<Config, Error> {
    serde_json::from_str(&session.config)
        .map_err(|_| invalid_config("", "data must be a list of key and value"))
}

fn value(entry: &Entry) -> Value {
    Value {
        data: entry.value.clone().into_bytes(),
        entries: None,
        version: (!entry.version.is_empty()).then(|| entry.version.clone()),
        metadata: None,
        lease: None,
        shareable: true,
        dynamic: false,
    }
}

impl Connection for Fake {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        config(&input)?;
        Ok(Step::Ready(Ready { origins: Vec::new(), partition: None, account: None }))
    }
}

impl Provider for Fake {
    fn describe() -> Description {
        Description {
            name: "fake".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: include_str!("../config-schema.json").to_owned(),
            push_metadata_schema: None,
            capabilities: Capability::GET | Capability::FIND_BY_NAME | Capability::VERSIONS,
            property_order: vec![PropertyStep::Path],
            metadata_order: Vec::new(),
            origins: Vec::new(),
            max_batch: 100,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        match config(&session)?.validation_result {
            0 => Ok(Health::Ready),
            1 => Ok(Health::Unknown("validationResult says so".to_owned())),
            _ => Err(Error::Unavailable("validationResult says so".to_owned())),
        }
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        let config = config(&session)?;
        let one = |item: &Item| {
            if item.facet == Facet::Metadata {
                return Err(Error::Unsupported("the fake provider has no metadata".to_owned()));
            }
            let found = config.get(&item.key, item.version.as_deref().unwrap_or_default());
            found.map(value).ok_or_else(|| Error::NotFound("it is not in the store's data".to_owned()))
        };
        Ok(items.iter().map(one).collect())
    }

    fn find(session: Session, query: Query, _cursor: Option<String>) -> Result<Page, Error> {
        if query.path.is_some() || !query.tags.is_empty() {
            return Err(Error::Unsupported("the fake provider finds by name only".to_owned()));
        }
        let pattern = query.name_regexp.as_deref().map(regex_lite::Regex::new).transpose();
        let pattern =
            pattern.map_err(|_| Error::Unsupported("the name is no regular expression".to_owned()))?;
        let config = config(&session)?;
        let entries = config.find(|key| pattern.as_ref().is_none_or(|pattern| pattern.is_match(key)));
        let found =
            entries.into_iter().map(|entry| Found { key: entry.key.clone(), value: Some(value(entry)) });
        Ok(Page { found: found.collect(), next: None })
    }
}

claviger_plugin_sdk::provider::export_provider!(Fake);
