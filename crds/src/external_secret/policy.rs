//! The closed choices of an ExternalSecret. What each does is in the code that acts on it.
//!
//! Where the peer's schema has no default, the value of an absent field is the `Default` here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kind of a store.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum StoreKind {
    /// In the namespace of the ExternalSecret.
    #[default]
    SecretStore,
    /// For the whole cluster.
    ClusterSecretStore,
}

impl StoreKind {
    /// As Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecretStore => "SecretStore",
            Self::ClusterSecretStore => "ClusterSecretStore",
        }
    }

    /// The kind that Kubernetes spells so.
    pub fn of(text: &str) -> Option<Self> {
        [Self::SecretStore, Self::ClusterSecretStore].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// When values are read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RefreshPolicy {
    /// Once; the Secret is made again only if it is missing or tampered with.
    CreatedOnce,
    /// At every interval and after a change of the ExternalSecret.
    #[default]
    Periodic,
    /// After a change of the ExternalSecret only.
    OnChange,
}

/// Who makes and owns the Secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CreationPolicy {
    /// Created here, owned by the ExternalSecret, collected with it.
    #[default]
    Owner,
    /// Created here, outlives the ExternalSecret.
    Orphan,
    /// Never created; keys are added to an existing Secret.
    Merge,
    /// Values are fetched, nothing is written.
    None,
    /// As Orphan, and keys that others put into the Secret stay.
    CreateOrMerge,
}

/// What happens when the values are gone from the external system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// When all are gone, the Secret goes too.
    Delete,
    /// Their keys go, the Secret stays.
    Merge,
    /// A missing value is an error and the Secret stays as it is.
    #[default]
    Retain,
}

/// Whether rendered keys replace the fetched ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergePolicy {
    /// Only rendered keys go into the Secret.
    #[default]
    Replace,
    /// Fetched and rendered keys.
    Merge,
}

/// What a templated text renders to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TemplateAs {
    /// The value of one key.
    #[default]
    Values,
    /// A YAML map of keys and values.
    KeysAndValues,
}

/// How names from the external system become keys of a Secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConversionStrategy {
    /// Characters that a key may not have become `_`.
    #[default]
    Default,
    /// They become `_U` and the code point.
    Unicode,
}

/// How values are decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DecodingStrategy {
    /// Base64, else base64url, else as it is.
    Auto,
    /// Standard alphabet.
    Base64,
    /// URL alphabet.
    #[serde(rename = "Base64URL")]
    Base64Url,
    /// As it is.
    #[default]
    None,
}

/// Value or metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MetadataPolicy {
    /// The value.
    #[default]
    None,
    /// Tags or labels instead of the value.
    Fetch,
}

/// What to do with a value that has a NUL byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NullBytePolicy {
    /// Take it.
    #[default]
    Ignore,
    /// Refuse it.
    Fail,
}

/// Two merged values have the same key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergeConflictPolicy {
    /// The later one wins.
    Ignore,
    /// An error.
    #[default]
    Error,
}

/// A key of the priority list is not among the fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergePriorityPolicy {
    /// Passed over.
    IgnoreNotFound,
    /// An error.
    #[default]
    Strict,
}

/// What merging makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergeStrategy {
    /// The merged keys replace all others.
    #[default]
    Extract,
    /// One JSON object under the key `into`.
    #[serde(rename = "JSON")]
    Json,
}
