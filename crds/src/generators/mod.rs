//! Generators: objects that a `dataFrom[].sourceRef.generatorRef` names, whose plugin makes values for who asks.
//!
//! Schema only. Their specs are read as JSON and checked by the plugin that answers to the kind.

mod vault_dynamic_secret;

pub use vault_dynamic_secret::{ResultType, VaultDynamicSecret, VaultDynamicSecretSpec};
