//! What a PushSecret reports about itself. Written by the operator only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PushData;
use crate::condition::Condition;
use crate::schema;

/// What was pushed: by store (`SecretStore/vault`), then by place (`remote-key`, or `remote-key/property`).
pub type SyncedPushSecrets = BTreeMap<String, BTreeMap<String, PushData>>;

/// State of a PushSecret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretStatus {
    /// When everything was last pushed or compared (RFC 3339); may lag behind by the persisting period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::date_time")]
    pub refresh_time: Option<String>,
    /// Generation and metadata hash that the last push was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_resource_version: Option<String>,
    /// Which versions of which objects the last push was made from, as a hash: a restart does not push again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_source: Option<String>,
    /// What was pushed, also what was there already.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub synced_push_secrets: SyncedPushSecrets,
    /// What is being pushed for the first time, in the same form: it may be there or not, until syncedPushSecrets has it.
    /// Only with deletionPolicy Delete.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pushing: SyncedPushSecrets,
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
