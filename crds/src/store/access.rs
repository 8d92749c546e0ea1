//! `spec.accessPolicy` of a ClusterSecretStore: which remote keys whoever uses it may reach. What a rule means is
//! decided in `claviger_core::access`; ESO has nothing of the kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LabelSelector;
use crate::schema;

/// Rules of one store.
pub const MAX_RULES: usize = 64;
/// Patterns of one rule.
pub const MAX_KEYS: usize = 64;
/// Bytes of a pattern; the longest names of the known backends (Parameter Store's, as ARNs) have 1011.
pub const MAX_KEY: usize = 1024;

/// Remote keys, and which namespaces may reach them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessRule {
    /// What ServiceAccounts call it in their annotation `external-secrets.io/secret-store-access`; each rule has
    /// a name of its own.
    #[schemars(schema_with = "schema::namespace")]
    pub name: String,
    /// Namespaces that it is for, by name; a namespace that either names or selector mean will do, and without both
    /// it is for all that the store serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "namespaces")]
    pub namespaces: Option<Vec<String>>,
    /// The same by labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// What may be done with the keys: ReadOnly (the default), or ReadWrite, which PushSecrets need.
    #[serde(default)]
    pub access: Access,
    /// The keys, as manifests write them: whole, or how they begin, with a `*` behind it. `{{namespace}}` stands
    /// for the namespace that asks.
    #[schemars(length(min = 1, max = MAX_KEYS), inner(length(min = 1, max = MAX_KEY)))]
    pub keys: Vec<String>,
}

/// What may be done with keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Access {
    /// ExternalSecrets may read them.
    #[default]
    ReadOnly,
    /// PushSecrets may write and delete them too.
    ReadWrite,
}

/// At least one, so that a list that lost its last entry does not come to mean everybody.
fn namespaces(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut list = schema::namespaces(generator);
    list.insert("minItems".to_owned(), 1.into());
    list.insert("maxItems".to_owned(), 1000.into());
    list
}
