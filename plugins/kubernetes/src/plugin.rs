//! Another cluster's Secrets behind the plugin interface.

use claviger_plugin_sdk::prelude::*;

use crate::client::Client;
use crate::config::Manifest;
use crate::{connect, find, health, read};

/// The provider.
pub struct Kubernetes;

impl Provider for Kubernetes {
    const NAME: &'static str = "kubernetes";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: &'static str = include_str!("../config-schema.json");
    type Config = Manifest;

    fn describe() -> Description {
        // As ESO: a key of the Secret, or a path into one; and so with labels and annotations.
        let order = vec![PropertyStep::Literal, PropertyStep::Nested];
        Description {
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
            ..described::<Self>()
        }
    }

    fn connect(store: &mut Store<Manifest>) -> Result<Ready, Error> {
        connect::connect(store)
    }

    fn validate(session: &Session<'_, Manifest>) -> Result<Health, Error> {
        health::check(&Client::new(session)?)
    }

    fn get_all(session: &Session<'_, Manifest>, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
        Ok(read::get(&Client::new(session)?, items))
    }

    fn find(session: &Session<'_, Manifest>, query: &Query, cursor: Option<&str>) -> Result<Page, Error> {
        find::find(&Client::new(session)?, query, cursor)
    }
}

export_provider!(Kubernetes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_current() {
        claviger_plugin_sdk::testing::check_schema::<Kubernetes>(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/config-schema.json"
        ));
    }
}
