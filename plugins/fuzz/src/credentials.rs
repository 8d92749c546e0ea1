//! Files that logins are read from: kubeconfigs, Google's key files, certificates with their keys, answers of metadata
//! services.
//!
//! Holds: what is said of one that cannot be used has none of its texts but URLs; a kubeconfig starts nothing, reads no file and
//! impersonates nobody.

use azure::assertion::Certificate;
use claviger_plugin_sdk::Error;
use google_credentials::{Key, file};
use kubernetes::kubeconfig::Kubeconfig;
use kubernetes::yaml;
use serde_json::Value;

use crate::script::{is_telling, text};

/// See the module.
pub fn run(data: &[u8]) {
    let tree = yaml::parse(text(data));
    let mut texts = Vec::new();
    tree.iter().for_each(|tree| collect(tree, &mut texts));
    match Kubeconfig::parse(data) {
        Ok(kubeconfig) => {
            assert!(kubeconfig.token.is_some() || kubeconfig.certificate.is_some(), "nobody logs in");
            assert!(kubeconfig.certificate.is_none() || kubeconfig.server.is_tls());
        }
        Err(error) => quotes(&error, &texts),
    }
    for outcome in
        [Key::read(data, "/at").err(), file::read(data, "/at").err(), Certificate::read(data, "/at").err()]
    {
        outcome.iter().for_each(|error| quotes(error, &texts));
    }
}

fn quotes(error: &Error, texts: &[String]) {
    let said = format!("{error:?}");
    let quoted = texts.iter().find(|text| said.contains(text.as_str()));
    assert!(quoted.is_none(), "{quoted:?} is in {said}");
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_telling(text) && text.chars().all(|c| c.is_ascii_alphanumeric()) => {
            found.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        // URLs are said: what is wrong with one is hard to find otherwise, and they are no secret.
        Value::Object(entries) => {
            let others = entries.iter().filter(|(name, _)| !name.ends_with("url"));
            others.for_each(|(_, entry)| collect(entry, found));
        }
        _ => {}
    }
}
