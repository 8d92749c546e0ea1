//! Another cluster's Secrets behind the plugin interface.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{ConnectInput, Guest as Connection, Step};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Guest as Provider, Health, Item, Page, PropertyStep, Query, Session, Value,
};

use crate::client::Client;
use crate::world::Host;
use crate::{connect, find, health, read};

struct Kubernetes;

impl Connection for Kubernetes {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        connect::connect(&input)
    }
}

impl Provider for Kubernetes {
    fn describe() -> Description {
        // As ESO: a key of the Secret, or a path into one; and so with labels and annotations.
        let order = vec![PropertyStep::Literal, PropertyStep::Nested];
        Description {
            name: "kubernetes".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: include_str!("../config-schema.json").to_owned(),
            push_metadata_schema: None,
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::FIND_BY_TAGS
                | Capability::METADATA,
            property_order: order.clone(),
            metadata_order: order,
            origins: vec![
                "the store's server".to_owned(),
                "the server of its kubeconfig (which the store's server.url or a grant must name)".to_owned(),
            ],
            max_batch: read::AT_ONCE as u32,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        health::check(&Client::new(&session, &Host)?)
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        Ok(read::get(&Client::new(&session, &Host)?, &items))
    }

    fn find(session: Session, query: Query, cursor: Option<String>) -> Result<Page, Error> {
        find::find(&Client::new(&session, &Host)?, &query, cursor.as_deref())
    }
}

claviger_plugin_sdk::provider::export_provider!(Kubernetes);
