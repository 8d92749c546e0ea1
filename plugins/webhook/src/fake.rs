//! Configs, sessions and items. Only tests.

use claviger_plugin_sdk::config;
use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::provider::connection::Resolved;
use claviger_plugin_sdk::testing::{Host, input};
use serde_json::Value as Json;

use crate::config::{Config, Manifest};

/// What a store's object means.
pub(crate) fn parsed(config: &Json, of_cluster: bool) -> Result<Config, Error> {
    Config::of(&config::parse::<Manifest>(&config.to_string())?, of_cluster)
}

/// Of a SecretStore.
pub(crate) fn session_of<'h>(
    host: &'h Host<'_>,
    config: &Json,
    have: &[(&str, Resolved)],
) -> Session<'h, Manifest> {
    Session::new(input(config, have), host).unwrap_or_else(|error| panic!("{error:?}"))
}

pub(crate) fn item(key: &str) -> Item {
    Item::new(key)
}
