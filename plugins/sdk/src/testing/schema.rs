//! The config schema in its file, held current by a test.

use std::path::Path;

use serde_json::Value;

use crate::{Provider, schema};

/// Fails if the file is not the schema of the provider's config type. With `CLAVIGER_WRITE_SCHEMA` in the environment
/// it writes the file instead. Give it `concat!(env!("CARGO_MANIFEST_DIR"), "/config-schema.json")`.
///
/// # Panics
/// If the file is not current, or cannot be written.
pub fn check_schema<P: Provider>(file: &str) {
    let current = schema::of::<P::Config>();
    if std::env::var_os("CLAVIGER_WRITE_SCHEMA").is_some() {
        let written =
            serde_json::to_string_pretty(&current).map(|text| std::fs::write(Path::new(file), text + "\n"));
        assert!(matches!(written, Ok(Ok(()))), "{file} cannot be written");
        return;
    }
    let file = std::fs::read_to_string(file).unwrap_or_default();
    for text in [file.as_str(), P::CONFIG_SCHEMA] {
        if serde_json::from_str::<Value>(text).ok().as_ref() != Some(&current) {
            panic!("the config schema is not the one of the config type: CLAVIGER_WRITE_SCHEMA=1 cargo test");
        }
    }
}
