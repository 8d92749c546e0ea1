//! Somebody says that a key changed: the provider, its config as JSON, and the key in lines, and a manifest's key behind.
//!
//! Holds: who reads the very key that is named is meant; a provider whose spellings nobody knows means no other.

use claviger_core::change::Keys;
use serde_json::Value;

use crate::input::{lines, text};

/// See the module.
pub fn run(data: &[u8]) {
    let ([provider, config, changed], rest) = lines(data);
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let read = text(rest);
    let keys = Keys::new(provider, &config, [changed]);
    let meant = keys.has(read);
    let known = ["aws", "vault", "openBao", "azurekv", "gcpsm"].contains(&provider);
    assert!(known || meant == (read == changed && !read.is_empty()), "{read:?} and {changed:?}");
    let same = Keys::new(provider, &config, [read]);
    // What names nothing (slashes alone, an ARN of another service) is read by nobody, and a prefix that makes an ARN of
    // a key is none.
    let prefixed = format!("{}{read}", config["prefix"].as_str().unwrap_or_default()).starts_with("arn:");
    let nothing = same == Keys::new(provider, &config, []) || (provider == "aws" && prefixed);
    assert!(same.has(read) || nothing, "{read:?} changed, and its reader is not meant");
}
