//! ExternalSecret: which keys of which store become which Secret, and how often.
//!
//! Field for field the External Secrets Operator's v1. v1beta1 is served with the same schema, so the
//! two versions differ in nothing but their name.

mod data;
mod policy;
mod status;
mod sync_windows;
mod target;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

pub use crate::condition::Condition;
pub use data::{
    DEFAULT_GENERATOR_API_VERSION, DataEntry, DataFrom, Extract, Find, FindName, GeneratorRef, RemoteRef,
    Rewrite, RewriteMerge, RewriteRegexp, RewriteTransform, SourceRef,
};
pub use policy::{
    ConversionStrategy, CreationPolicy, DecodingStrategy, DeletionPolicy, MergeConflictPolicy, MergePolicy,
    MergePriorityPolicy, MergeStrategy, MetadataPolicy, NullBytePolicy, RefreshPolicy, StoreKind, TemplateAs,
};
pub use status::{Binding, ExternalSecretStatus, KeyFailure, KeyNature, KeySource};
pub use sync_windows::{SyncWindow, SyncWindowKind, SyncWindows};
pub use target::{
    ManifestRef, Target, Template, TemplateFrom, TemplateMetadata, TemplateRef, TemplateRefItem,
    TemplateTarget,
};

/// What `refreshInterval` is where the manifest does not say: an hour, as a Go duration prints it.
pub const DEFAULT_REFRESH_INTERVAL: &str = "1h0m0s";

/// A Secret made from the values of an external system.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "ExternalSecret",
    doc = "A Secret made from the values of an external system.",
    plural = "externalsecrets",
    shortname = "es",
    category = "external-secrets",
    namespaced,
    status = "ExternalSecretStatus",
    derive = "PartialEq",
    derive = "Default",
    selectable = ".spec.secretStoreRef.name",
    selectable = ".spec.secretStoreRef.kind",
    selectable = ".spec.target.name",
    selectable = ".spec.refreshInterval",
    printcolumn = r#"{"name": "StoreType", "type": "string", "jsonPath": ".spec.secretStoreRef.kind"}"#,
    printcolumn = r#"{"name": "Store", "type": "string", "jsonPath": ".spec.secretStoreRef.name"}"#,
    printcolumn = r#"{"name": "Refresh Interval", "type": "string", "jsonPath": ".spec.refreshInterval"}"#,
    printcolumn = r#"{"name": "Status", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name": "Last Sync", "type": "date", "jsonPath": ".status.refreshTime"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretSpec {
    /// Where values come from; may be left out if every entry has a sourceRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_store_ref: Option<SecretStoreRef>,
    /// When values are read again: CreatedOnce, Periodic (the default) or OnChange.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub refresh_policy: RefreshPolicy,
    /// Time between two reads, as a Go duration ("1h", "2h30m", "10s"); 0 reads once.
    #[serde(default = "default_refresh_interval")]
    pub refresh_interval: String,
    /// Times at which interval refreshes are allowed or denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_windows: Option<SyncWindows>,
    /// The Secret to be made.
    #[serde(default)]
    pub target: Target,
    /// Single values, each under a key of its own. They override what dataFrom brings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataEntry>,
    /// Many values at once, merged in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_from: Vec<DataFrom>,
}

impl Default for ExternalSecretSpec {
    fn default() -> Self {
        Self {
            secret_store_ref: None,
            refresh_policy: RefreshPolicy::default(),
            refresh_interval: default_refresh_interval(),
            sync_windows: None,
            target: Target::default(),
            data: Vec::new(),
            data_from: Vec::new(),
        }
    }
}

fn default_refresh_interval() -> String {
    DEFAULT_REFRESH_INTERVAL.to_owned()
}

/// Names a SecretStore or ClusterSecretStore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretStoreRef {
    /// Name of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub name: Option<String>,
    /// SecretStore (the default) or ClusterSecretStore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<StoreKind>,
}
