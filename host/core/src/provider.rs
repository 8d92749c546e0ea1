//! What the host asks a provider for and what comes back: the model behind the WIT interface.
//!
//! Plain data, independent of wasmtime and of Kubernetes. The plugin host fills it, the fetch layer
//! shares it, the planner reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::budget::Full;
use crate::secret::{SecretBytes, Untrusted};
use crate::shape::Values;

/// A plugin as every message names it: `vault@0.1.0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginId {
    /// The name under `spec.provider` (or `engineVersion`), i.e. of the `Plugin` object.
    pub name: String,
    /// What `describe` says, capped.
    pub version: String,
    /// `sha256:…` of the component's bytes.
    pub digest: String,
}

impl std::fmt::Display for PluginId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// Value or metadata of a key (`metadataPolicy: Fetch`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Facet {
    /// The secret itself.
    Value,
    /// Tags, labels, custom metadata as JSON.
    Metadata,
}

/// What may answer a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Nature {
    /// What is stored by that name; and only where nothing is, what is made for who asks. For a key that its asker has
    /// never read.
    Any,
    /// Only what is stored: a stored secret that somebody deletes must not turn into a new credential.
    Stored,
    /// Only what is made for who asks.
    Dynamic,
}

/// One read. The host looks properties up, so ten of one key are one read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item {
    /// `remoteRef.key`.
    pub key: String,
    /// `remoteRef.version`.
    pub version: Option<String>,
    /// `remoteRef.property`, of a provider that looks properties up itself; otherwise none.
    pub property: Option<String>,
    /// Value or metadata.
    pub facet: Facet,
    /// What may answer.
    pub nature: Nature,
}

impl Item {
    /// The value that is stored under a key, whole, in its latest version.
    pub fn stored(key: String) -> Self {
        Self { key, version: None, property: None, facet: Facet::Value, nature: Nature::Stored }
    }
}

/// A lease that came with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The backend's id.
    pub id: String,
    /// How long it runs.
    pub duration: Duration,
    /// Whether it may be renewed.
    pub renewable: bool,
    /// Accessor of the login token that holds it, its remaining life, and whether that is renewable.
    pub holder: Option<LeaseHolder>,
}

/// The login token a lease ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseHolder {
    /// Names the token without being it.
    pub accessor: Option<String>,
    /// Remaining life.
    pub ttl: Duration,
    /// Whether it may be renewed.
    pub renewable: bool,
}

/// The answer to an [`Item`].
pub struct Value {
    /// Bytes as the backend has them.
    pub data: SecretBytes,
    /// Of a backend whose secrets are maps of bytes: its entries, of which `data` is a JSON text that replaces what is
    /// no UTF-8.
    pub entries: Option<Values>,
    /// The backend's version, where it has one.
    pub version: Option<String>,
    /// A lease, for dynamic secrets.
    pub lease: Option<Lease>,
    /// Whether another ExternalSecret of the same scope may have this very answer.
    pub shareable: bool,
    /// It was made for who asked: asking again makes another.
    pub dynamic: bool,
}

impl Value {
    /// Bytes of the value and its entries.
    pub fn bytes(&self) -> usize {
        let entries = self.entries.iter().flatten().map(|(key, entry)| key.len() + entry.len());
        self.data.len() + entries.sum::<usize>()
    }
}

/// What a generator made.
pub struct Generated {
    /// By the key it gets.
    pub values: BTreeMap<String, SecretBytes>,
    /// A lease, if it ends by itself and can be taken back.
    pub lease: Option<Lease>,
    /// What the generator needs to take it back, where it has no lease. No secret.
    pub state: Option<serde_json::Value>,
}

impl Generated {
    /// Bytes of the values and their keys.
    pub fn bytes(&self) -> usize {
        self.values.iter().map(|(key, value)| key.len() + value.len()).sum()
    }
}

/// One value to be pushed, whole.
pub struct Write {
    /// `data[].match.remoteRef.remoteKey`.
    pub key: String,
    /// What is written there.
    pub value: std::sync::Arc<SecretBytes>,
    /// Only if this is still its version.
    pub expected_version: Option<String>,
    /// `data[].metadata`, a JSON document.
    pub metadata: Option<serde_json::Value>,
    /// False: only if nothing is there.
    pub replace: bool,
}

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was not there.
    Created,
    /// It was another.
    Updated,
    /// Nothing was written.
    Unchanged,
}

/// One key to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// `remoteRef.remoteKey`.
    pub key: String,
    /// Only if this is still its version.
    pub expected_version: Option<String>,
}

/// How `property` is looked up in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropertyStep {
    /// A top-level key of that very name.
    Literal,
    /// A gjson path.
    Path,
    /// A gjson path with its dots escaped.
    EscapedPath,
    /// Up to the first dot a top-level key; the rest is a key of that very name in its object, or a
    /// gjson path where it is a string that holds JSON (tags, labels and annotations).
    Nested,
}

/// `dataFrom.find`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Prefix or folder.
    pub path: Option<String>,
    /// All of them must match.
    pub tags: BTreeMap<String, String>,
    /// RE2.
    pub name_regexp: Option<String>,
}

/// One key that `find` found; some providers' lists bring the value along.
pub struct Found {
    /// The key, usable in an [`Item`].
    pub key: String,
    /// The value, where listing already returned it.
    pub value: Option<Value>,
}

/// Outcome of a store's validation.
#[derive(Clone, Debug)]
pub enum Health {
    /// A real call worked.
    Ready,
    /// It could not be told, e.g. for referent authentication.
    Unknown(Untrusted),
}

/// What a provider says when it cannot answer; the variants drive behaviour, the texts do not.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProviderError {
    /// No such key or version. Drives deletionPolicy.
    #[error("does not exist")]
    NotFound(Untrusted),
    /// The credential was refused.
    #[error("the credential was refused")]
    Unauthenticated(Untrusted),
    /// Known, and not allowed.
    #[error("access denied")]
    Denied(Untrusted),
    /// Slow down.
    #[error("rate limited")]
    RateLimited {
        /// What the backend asked for.
        retry_after: Option<Duration>,
        /// Its text.
        detail: Untrusted,
    },
    /// Later, perhaps.
    #[error("unavailable")]
    Unavailable(Untrusted),
    /// The store's manifest is wrong at `path`.
    #[error("invalid configuration at {path}")]
    InvalidConfig {
        /// JSON pointer into the provider's object; capped when it is read from the plugin.
        path: String,
        /// The plugin's text.
        detail: Untrusted,
    },
    /// Check-and-set failed.
    #[error("changed meanwhile")]
    Conflict(Untrusted),
    /// The known version is current.
    #[error("not modified")]
    NotModified,
    /// The provider cannot do that.
    #[error("not supported by this provider")]
    Unsupported(Untrusted),
    /// Anything else.
    #[error("failed")]
    Other(Untrusted),
}

/// How a plugin itself failed: contained, and named with the limit it met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The component trapped (a panic, an `unreachable`, a stack overflow).
    #[error("the plugin crashed: {0}")]
    Trapped(String),
    /// It computed longer than its grant.
    #[error("the plugin used more than its limit of {limit_ms} ms of CPU time")]
    CpuLimit {
        /// Grant, milliseconds.
        limit_ms: u64,
    },
    /// It did not finish.
    #[error("the plugin did not answer within its limit of {limit_ms} ms")]
    WallLimit {
        /// Grant, milliseconds.
        limit_ms: u64,
    },
    /// It asked for more memory than its grant.
    #[error("the plugin asked for more than its limit of {limit_mib} MiB of memory")]
    MemoryLimit {
        /// Grant, MiB.
        limit_mib: u64,
    },
    /// Its calls that run at once asked for more memory than they have together.
    #[error(
        "the plugin asked for more than the limit of {limit_mib} MiB of memory that {whose} have together"
    )]
    MemoryShare {
        /// MiB.
        limit_mib: u64,
        /// `all its calls`, or those for one namespace.
        whose: &'static str,
    },
    /// It answered more than the host takes.
    #[error("the plugin's answer is larger than the limit of {limit_bytes} bytes")]
    OutputLimit {
        /// Grant, bytes.
        limit_bytes: u64,
    },
    /// It tried to reach an origin that neither the store nor a grant names.
    #[error("the plugin was refused a connection to {origin}: {why}")]
    EgressDenied {
        /// scheme://host:port, capped.
        origin: String,
        /// Which rule.
        why: String,
    },
    /// It could not be loaded.
    #[error("the plugin is not loaded: {0}")]
    NotLoaded(String),
    /// It broke the interface's rules.
    #[error("the plugin gave a wrong answer: {0}")]
    BadAnswer(String),
}

/// Why a need of a plugin's `connect` could not be met.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NeedError {
    /// The object or key is not there.
    #[error("{kind} {namespace}/{name}{} does not exist", .key.as_ref().map(|k| format!(", key {k:?},")).unwrap_or_default())]
    NotFound {
        /// Secret, ConfigMap or ServiceAccount.
        kind: &'static str,
        /// Where it was looked for.
        namespace: String,
        /// Its name.
        name: String,
        /// The key, if the object is there and the key is not.
        key: Option<String>,
    },
    /// The namespace rule.
    #[error(
        "the reference at {pointer} names namespace {namespace:?}, but a SecretStore reads only in its own: remove the namespace, or use a ClusterSecretStore"
    )]
    ForeignNamespace {
        /// Where it stands in the provider's object.
        pointer: String,
        /// What it names.
        namespace: String,
    },
    /// A reference without a namespace means the asker's, and a store that is validated has none.
    #[error("the reference at {pointer} names no namespace, so it means the ExternalSecret's")]
    NoRequester {
        /// Where.
        pointer: String,
    },
    /// The plugin asked for a place that its schema does not mark, or that is no reference.
    #[error("the reference at {pointer} cannot be used: {why}")]
    BadReference {
        /// Where.
        pointer: String,
        /// Why.
        why: String,
    },
    /// An audience nobody vouches for.
    #[error("a token for audience {audience:?} was refused: {why}")]
    AudienceRefused {
        /// What was asked for.
        audience: String,
        /// Which rule.
        why: String,
    },
    /// Ambient access without a grant.
    #[error(
        "ambient access {profile} is not granted to this plugin: add it to spec.grants.ambient of its Plugin object"
    )]
    AmbientRefused {
        /// The profile.
        profile: String,
    },
    /// It is there, and whoever holds it does not hand it to this store.
    #[error("{what} is not handed to it: {why}")]
    Withheld {
        /// E.g. `Secret production/vault-approle`.
        what: String,
        /// Why, with the remedy.
        why: String,
    },
    /// Reading it failed for another reason.
    #[error("{what} could not be read")]
    Unreadable {
        /// E.g. `Secret production/vault-approle`.
        what: String,
        /// The API server's text.
        detail: Untrusted,
        /// Whether trying again can help.
        transient: bool,
    },
}

/// Everything that can go wrong between the host's question and a plugin's answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The provider answered with an error.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The plugin failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// What it needs could not be given.
    #[error(transparent)]
    Need(#[from] NeedError),
    /// It was not made: the backend limited an earlier one of the same account.
    #[error("not sent, because the backend limited an earlier request of the same account")]
    Held {
        /// How long the account is still left alone.
        left: Duration,
    },
    /// It was not made: who asks holds as much already as it may.
    #[error(transparent)]
    Full(#[from] Full),
}
