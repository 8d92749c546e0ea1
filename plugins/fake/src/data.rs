//! The manifest's data as a key-value store. Pure.

use claviger_plugin_sdk::prelude::*;
use serde::Deserialize;

/// The provider's object.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// What is in it
    pub data: Vec<Entry>,
    /// ESO's enumeration: 0 ready, 1 unknown, 2 error
    #[serde(default)]
    pub validation_result: u8,
}

/// One key in one version.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name
    pub key: String,
    /// Its value, as it stands
    pub value: String,
    /// Its version; empty: without one
    #[serde(default)]
    pub version: String,
}

impl Config {
    /// The entry of that key and version; of several the last, as ESO's map does.
    pub fn get(&self, key: &str, version: &str) -> Option<&Entry> {
        self.data.iter().rev().find(|entry| entry.key == key && entry.version == version)
    }

    /// Keys that match, each once: its entry without a version, else its greatest version.
    pub fn find(&self, matches: impl Fn(&str) -> bool) -> Vec<&Entry> {
        let mut found: Vec<&Entry> = Vec::new();
        for entry in self.data.iter().filter(|entry| matches(&entry.key)) {
            match found.iter_mut().find(|known| known.key == entry.key) {
                None => found.push(entry),
                Some(known) if known.version.is_empty() && !entry.version.is_empty() => {}
                Some(known) if entry.version.is_empty() || entry.version >= known.version => *known = entry,
                Some(_) => {}
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config() -> Config {
        serde_json::from_str(
            r#"{"data":[{"key":"a","value":"1"},{"key":"a","value":"2","version":"v2"},
                {"key":"b","value":"old","version":"v1"},{"key":"b","value":"new","version":"v2"},
                {"key":"a","value":"3"}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn keys_and_versions() {
        let config = config();
        let value = |key, version| config.get(key, version).map(|entry| entry.value.as_str());
        assert_eq!(value("a", ""), Some("3"));
        assert_eq!(value("a", "v2"), Some("2"));
        assert_eq!(value("b", ""), None, "a version has to be asked for");
        assert_eq!(value("c", ""), None);
    }

    #[test]
    fn finding_gives_each_key_once() {
        let config = config();
        let found: Vec<_> = config.find(|_| true).into_iter().map(|entry| entry.value.as_str()).collect();
        assert_eq!(found, ["3", "new"]);
    }
}
