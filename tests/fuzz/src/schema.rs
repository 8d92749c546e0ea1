//! Config schemas, which plugins write and which are run on what tenants write: a pointer and a config in lines, the
//! schema behind them.
//!
//! Holds: a schema that is taken can be used, on any config and for any pointer; what is said of a config names a place
//! and no value of it.

use claviger_core::provider::ProviderError;
use claviger_core::redact::Redactor;
use claviger_plugins::ConfigSchema;
use serde_json::Value;

use crate::input::{lines, text};

/// See the module.
pub fn run(data: &[u8]) {
    let ([pointer, config], schema) = lines(data);
    let schema_text = text(schema);
    let Ok(schema) = ConfigSchema::new(schema_text) else { return };
    let _ = schema.mark(pointer);
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let Err(error) = schema.check(&config) else { return };
    let ProviderError::InvalidConfig { path, detail } = error else { panic!("{error:?}") };
    assert!(config.pointer(&path).is_some(), "{path:?} is no place in the config");
    let said = Redactor::default().clean(&detail);
    let Some(Value::String(value)) = config.pointer(&path) else { return };
    // What stands in the schema too is no secret.
    assert!(
        value.len() < 12 || !said.contains(value.as_str()) || schema_text.contains(value.as_str()),
        "{said}"
    );
}
