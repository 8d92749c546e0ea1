//! PushSecret: which keys of which Secret go to which store, under which names.
//!
//! Field for field the External Secrets Operator's v1alpha1. What is written and what is deleted is decided elsewhere.

mod data;
mod status;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::external_secret::{DEFAULT_REFRESH_INTERVAL, GeneratorRef, StoreKind, Template};
use crate::schema;
use crate::store::LabelSelector;

pub use data::{DataTo, DataToMatch, PushConversion, PushData, PushMatch, PushRemoteRef, PushRewrite};
pub use status::{PushSecretStatus, SyncedPushSecrets};

/// A Secret whose values are written to an external system.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1alpha1",
    kind = "PushSecret",
    doc = "A Secret whose values are written to an external system.",
    plural = "pushsecrets",
    shortname = "ps",
    category = "external-secrets",
    namespaced,
    status = "PushSecretStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name": "Status", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name": "Last Sync", "type": "date", "jsonPath": ".status.refreshTime"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretSpec {
    /// Time after which the stores are compared with the Secret again, as a Go duration; 0 compares once. A change of the
    /// Secret is pushed at once.
    #[serde(default = "default_refresh_interval")]
    pub refresh_interval: String,
    /// Where to. An entry names one store, or selects several by their labels.
    pub secret_store_refs: Vec<PushStoreRef>,
    /// Replace keeps what is there the same; IfNotExists writes only what is not there.
    #[serde(default)]
    pub update_policy: UpdatePolicy,
    /// Delete takes back what was pushed when it is wanted no more.
    #[serde(default)]
    pub deletion_policy: PushDeletionPolicy,
    /// What is pushed: one Secret, the Secrets with some labels, or what a generator makes.
    pub selector: PushSelector,
    /// Single keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<PushData>,
    /// Many keys at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_to: Vec<DataTo>,
    /// Changes the values before they are pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
}

impl Default for PushSecretSpec {
    fn default() -> Self {
        Self {
            refresh_interval: default_refresh_interval(),
            secret_store_refs: Vec::new(),
            update_policy: UpdatePolicy::default(),
            deletion_policy: PushDeletionPolicy::default(),
            selector: PushSelector::default(),
            data: Vec::new(),
            data_to: Vec::new(),
            template: None,
        }
    }
}

fn default_refresh_interval() -> String {
    DEFAULT_REFRESH_INTERVAL.to_owned()
}

/// Names a store, or selects stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushStoreRef {
    /// Name of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub name: Option<String>,
    /// Labels of the stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    /// SecretStore (the default) or ClusterSecretStore.
    #[serde(default)]
    pub kind: StoreKind,
}

/// What is pushed; exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct PushSelector {
    /// Secrets of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<PushSource>,
    /// A generator: what it makes is pushed, another value at each refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_ref: Option<GeneratorRef>,
}

/// One Secret by its name, or several by their labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSource {
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub name: Option<String>,
    /// Labels of the Secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// What happens to what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpdatePolicy {
    /// It is kept the same as the Secret.
    #[default]
    Replace,
    /// It is left as it is, whoever wrote it.
    IfNotExists,
}

/// What happens to what was pushed when it is wanted no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PushDeletionPolicy {
    /// It is deleted.
    Delete,
    /// It stays.
    #[default]
    None,
}
