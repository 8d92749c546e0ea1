//! Schemas of the provider blocks that are declared in `spec.provider`.
//!
//! They exist so that the API server documents the fields, fills in defaults and does not prune. They
//! are never deserialized: a block reaches its plugin as JSON, and the plugin has the last word. Where a
//! field has two accepted spellings both are declared, and neither can then be required here.

pub mod aws;
pub mod azurekv;
pub mod fake;
pub mod gcpsm;
pub mod kubernetes;
pub mod onepassword;
pub mod openbao;
pub mod vault;
pub mod webhook;

use std::collections::BTreeMap;

/// Names and texts.
pub type Texts = BTreeMap<String, String>;
