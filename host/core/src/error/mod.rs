//! The one error of a reconcile, and what follows from it.
//!
//! A variant is something a user can act on. Its `Display` names the object, the key, the plugin and the
//! remedy, and holds no text from outside; that text is [`Failure::detail`], which only a
//! [`Redactor`] can read. One exhaustive match ([`Failure::class`]) says which condition reason, event
//! and retry follow.

mod call;
mod class;
mod reason;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::access::Refusal;
use crate::provider::Fault;
use crate::redact::Redactor;
use crate::secret::Untrusted;

pub use class::{Class, PARTIALLY_SYNCED, Retry};
pub use reason::Reason;

/// How messages name a store, or a generator: `SecretStore production/vault`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreName {
    /// `SecretStore`, `ClusterSecretStore`, or the generator's.
    pub kind: Cow<'static, str>,
    /// None for a ClusterSecretStore.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// What a store was to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A remote key.
    Key(String),
    /// A search, by its path.
    Search(Option<String>),
}

/// Why an object could not be brought to its desired state.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The manifest says something that cannot be meant.
    #[error("{object} is not valid: correct its manifest")]
    ManifestInvalid {
        /// Kind, namespace and name.
        object: String,
        /// What is wrong.
        detail: Untrusted,
    },
    /// Policies that contradict each other.
    #[error("{why}")]
    PolicyInvalid {
        /// The rule, with its remedy.
        why: String,
    },
    /// No such store.
    #[error("{store} does not exist: create it, or correct the secretStoreRef")]
    StoreNotFound {
        /// What was referred to.
        store: StoreName,
    },
    /// A store or generator that another operator serves. Who names it is left alone, so nobody is told of this.
    #[error("{object} is of controller class {class:?}, which this operator does not serve")]
    OtherController {
        /// What was referred to.
        object: StoreName,
        /// Its `spec.controller`.
        class: String,
    },
    /// No such generator.
    #[error("{generator} does not exist: create it, or correct sourceRef.generatorRef")]
    GeneratorNotFound {
        /// What was referred to.
        generator: StoreName,
    },
    /// No plugin answers to that kind.
    #[error(
        "there is no plugin for generators of kind {kind}: correct the kind, or install a Plugin that has it"
    )]
    GeneratorUnknown {
        /// The kind.
        kind: String,
    },
    /// The store's own condition is not Ready.
    #[error("{store} is not ready ({reason}): {message}")]
    StoreNotReady {
        /// Which.
        store: StoreName,
        /// Its condition's reason.
        reason: String,
        /// Its condition's message, clean already.
        message: String,
    },
    /// A ClusterSecretStore that does not serve this namespace.
    #[error("{store} does not serve namespace {namespace}: its spec.conditions do not match")]
    StoreForbidden {
        /// Which.
        store: StoreName,
        /// Who asked.
        namespace: String,
    },
    /// A key that the store's access policy keeps from this namespace. Nobody was asked.
    #[error("{store}: {} is not for namespace {namespace}: {why}", asked_text(.asked))]
    KeyForbidden {
        /// Which store.
        store: StoreName,
        /// Who asked.
        namespace: String,
        /// For what.
        asked: Asked,
        /// The rule, with what is allowed.
        why: Box<Refusal>,
    },
    /// A store that can only be judged for the namespace of an ExternalSecret.
    #[error(
        "{store} authenticates as the namespace of each ExternalSecret: it shows whether it works when one uses it"
    )]
    StoreReferent {
        /// Which.
        store: StoreName,
    },
    /// No plugin of that name.
    #[error(
        "there is no plugin {name:?}{}: correct the name, or install a Plugin of that name",
        known_plugins(.known)
    )]
    ProviderUnknown {
        /// The key under `spec.provider`, or the engineVersion.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The plugin is there and cannot be used.
    #[error("plugin {name:?} is not loaded: {why}")]
    PluginNotLoaded {
        /// Its name.
        name: String,
        /// Why, with the remedy.
        why: String,
    },
    /// The plugin is being compiled; it was not refused.
    #[error("plugin {name:?} is being loaded: wait, or look at its Plugin object")]
    PluginLoading {
        /// Its name.
        name: String,
    },
    /// The plugin does not serve this namespace.
    #[error(
        "plugin {name:?} may not be used from {}: ask for it in spec.namespaces of its Plugin object",
        namespace_text(.namespace)
    )]
    PluginForbidden {
        /// Its name.
        name: String,
        /// Who asked; empty: nobody may use it at all.
        namespace: String,
    },
    /// The provider's object in the store is wrong.
    #[error("{store}: the configuration of {plugin} is wrong at {}", pointer(.path))]
    InvalidProviderConfig {
        /// Which store.
        store: StoreName,
        /// Which plugin says so.
        plugin: String,
        /// JSON pointer into the provider's object.
        path: String,
        /// What is wrong.
        detail: Untrusted,
    },
    /// Something the store refers to is not there.
    #[error("{store}: {what} does not exist: create it, or correct the reference")]
    ReferenceNotFound {
        /// Which store.
        store: StoreName,
        /// Kind, namespace, name, key.
        what: String,
    },
    /// Something the store refers to may not be used by it.
    #[error("{store}: {why}")]
    ReferenceForbidden {
        /// Which store.
        store: StoreName,
        /// The rule, with the remedy.
        why: String,
    },
    /// Something the store refers to could not be read.
    #[error("{store}: {what} could not be read: check the operator's rights and the API server")]
    ReferenceUnreadable {
        /// Which store.
        store: StoreName,
        /// What.
        what: String,
        /// Whether trying again can help.
        transient: bool,
        /// The API server's text.
        detail: Untrusted,
    },
    /// The backend refused the credential.
    #[error(
        "{store}: the backend refused the credential ({plugin}): check the referenced Secret or ServiceAccount and its role there"
    )]
    AuthenticationFailed {
        /// Which store.
        store: StoreName,
        /// Which plugin.
        plugin: String,
        /// The backend's text.
        detail: Untrusted,
    },
    /// The backend knows us and says no.
    #[error("{store}: access to {} was denied ({plugin}): grant the store's identity the right to read it", key_text(.key))]
    AccessDenied {
        /// Which store.
        store: StoreName,
        /// Which plugin.
        plugin: String,
        /// The remote key, if it was one.
        key: Option<String>,
        /// The backend's text.
        detail: Untrusted,
    },
    /// No such key.
    #[error("{store}: {} does not exist: create it in the backend, or correct remoteRef.key", versioned(.key, .version))]
    RemoteKeyNotFound {
        /// Which store.
        store: StoreName,
        /// `remoteRef.key`.
        key: String,
        /// `remoteRef.version`.
        version: Option<String>,
        /// The backend's text.
        detail: Untrusted,
    },
    /// The key has no such property.
    #[error("{store}: key {key:?} has no property {property:?}: correct remoteRef.property")]
    PropertyNotFound {
        /// Which store.
        store: StoreName,
        /// `remoteRef.key`.
        key: String,
        /// `remoteRef.property`.
        property: String,
    },
    /// What was read cannot be used as it was asked for.
    #[error("{place}: {why}")]
    ValueNotUsable {
        /// `data[2] (key "x")`, `dataFrom[0]`.
        place: String,
        /// Why, without a value.
        why: String,
    },
    /// Some entries could not be had, and the rest was written, as the ExternalSecret asks for.
    #[error("{failed} of {of} entries could not be read: {first}")]
    PartiallySynced {
        /// Entries that failed.
        failed: usize,
        /// Entries of the spec.
        of: usize,
        /// What stands in for all.
        first: Box<Failure>,
    },
    /// Nothing was asked: the backend limited an earlier request of the same account.
    #[error(
        "{store}: the backend limits this account at the moment, so nothing was asked yet: trying again when its pause is over"
    )]
    Held {
        /// Which store.
        store: StoreName,
        /// How long.
        left: Duration,
    },
    /// The backend asks for patience.
    #[error("{store}: the backend limits our requests ({plugin}), trying again later")]
    RateLimited {
        /// Which store.
        store: StoreName,
        /// Which plugin.
        plugin: String,
        /// How long.
        retry_after: Option<Duration>,
        /// The backend's text.
        detail: Untrusted,
    },
    /// The backend cannot be reached or does not work.
    #[error(
        "{store}: the backend is unavailable ({plugin}): check that it runs and that the address in the store is right"
    )]
    ProviderUnavailable {
        /// Which store.
        store: StoreName,
        /// Which plugin.
        plugin: String,
        /// What happened.
        detail: Untrusted,
    },
    /// The backend answered something the plugin has no name for.
    #[error("{store}: {} failed ({plugin})", key_text(.key))]
    ProviderFailed {
        /// Which store.
        store: StoreName,
        /// Which plugin.
        plugin: String,
        /// The remote key, if it was one.
        key: Option<String>,
        /// The plugin's text.
        detail: Untrusted,
    },
    /// The plugin itself failed; it was contained.
    #[error("{plugin}: {fault}: see its Plugin object, or try another version")]
    PluginFault {
        /// Which plugin.
        plugin: String,
        /// How.
        fault: Fault,
    },
    /// A template does not parse or fails.
    #[error("template {template}{}: correct the template", position(*.line, *.column))]
    TemplateFailed {
        /// `data.connection-string`.
        template: String,
        /// From 1; 0 if unknown.
        line: u32,
        /// From 1; 0 if unknown.
        column: u32,
        /// The engine's text.
        detail: Untrusted,
    },
    /// What a template is read from is not there.
    #[error("{kind} {namespace}/{name}{} does not exist: create it, or correct templateFrom", .key.as_ref().map(|key| format!(", key {key:?},")).unwrap_or_default())]
    TemplateSourceNotFound {
        /// ConfigMap or Secret.
        kind: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The key, if the object is there.
        key: Option<String>,
    },
    /// Another controller owns the target.
    #[error("{secret} is owned by {owner}: choose another target.name, or creationPolicy Merge")]
    TargetOwned {
        /// Kind, namespace and name.
        secret: String,
        /// Kind and name of the owner.
        owner: String,
    },
    /// Another ExternalSecret writes the same fields.
    #[error("{secret} is written by another ExternalSecret too ({}): let only one of them write each key", .managers.join("; "))]
    TargetConflict {
        /// Kind, namespace and name.
        secret: String,
        /// What the API server says of the owners of the fields.
        managers: Vec<String>,
    },
    /// The target is immutable and would have to change.
    #[error("{secret} is immutable and its data would change: delete the Secret to have it made anew")]
    TargetImmutable {
        /// Kind, namespace and name.
        secret: String,
    },
    /// The target has another type than the template asks for, and types cannot be changed.
    #[error(
        "{secret} is of type {is} and the template asks for {wanted}, but the type of a Secret cannot be changed: delete the Secret to have it made anew, or correct template.type"
    )]
    TargetTypeFixed {
        /// Kind, namespace and name.
        secret: String,
        /// Its type.
        is: String,
        /// The template's.
        wanted: String,
    },
    /// The target is being deleted.
    #[error("{secret} is being deleted and waits for its finalizers: it is made anew when it is gone")]
    TargetTerminating {
        /// Kind, namespace and name.
        secret: String,
    },
    /// A kind of Secret that would hand out rights.
    #[error("a Secret of type {type_} is refused: it would {why}")]
    TargetForbidden {
        /// The type.
        type_: String,
        /// What it would do.
        why: &'static str,
    },
    /// What a PushSecret pushes is not there.
    #[error(
        "could not get source secret: Secret {secret} does not exist: create it, or correct selector.secret.name"
    )]
    SourceNotFound {
        /// Its namespace and name.
        secret: String,
    },
    /// Another PushSecret writes there, which is older.
    #[error("{store}: {place} is written by {owner}, which was made before: let only one of them push there")]
    PlaceTaken {
        /// Which store.
        store: StoreName,
        /// Key and property.
        place: String,
        /// The other, if it may be told.
        owner: String,
    },
    /// The store's provider has no way of writing.
    #[error("{store}: nothing can be written there ({plugin}): take another store, or a plugin that writes")]
    StoreReadOnly {
        /// Which store.
        store: StoreName,
        /// Which plugin.
        plugin: String,
    },
    /// The backend, or the provider, refuses a write.
    #[error(
        "{store}: writing {} was refused ({plugin}): it is not managed by external-secrets, or the store's identity may not write it",
        key_text(.key)
    )]
    WriteRefused {
        /// Which store.
        store: StoreName,
        /// Which plugin.
        plugin: String,
        /// The remote key.
        key: Option<String>,
        /// The backend's text.
        detail: Untrusted,
    },
    /// The API server refused or failed.
    #[error("{doing} {object} failed{}", api_answer(*.code))]
    ApiServer {
        /// `reading`, `writing` …
        doing: &'static str,
        /// Kind, namespace, name.
        object: String,
        /// HTTP status, if it answered.
        code: Option<u16>,
        /// Its text.
        detail: Untrusted,
    },
}

/// Longest message in a condition, bytes: the API server allows 32 KiB, a human reads a few lines.
const MAX_MESSAGE: usize = 1024;

impl Failure {
    /// The text from outside, if there is one.
    pub fn detail(&self) -> Option<&Untrusted> {
        match self {
            Self::ManifestInvalid { detail, .. }
            | Self::InvalidProviderConfig { detail, .. }
            | Self::ReferenceUnreadable { detail, .. }
            | Self::AuthenticationFailed { detail, .. }
            | Self::AccessDenied { detail, .. }
            | Self::WriteRefused { detail, .. }
            | Self::RemoteKeyNotFound { detail, .. }
            | Self::RateLimited { detail, .. }
            | Self::ProviderUnavailable { detail, .. }
            | Self::ProviderFailed { detail, .. }
            | Self::TemplateFailed { detail, .. }
            | Self::ApiServer { detail, .. } => Some(detail).filter(|detail| !detail.is_empty()),
            Self::PartiallySynced { first, .. } => first.detail(),
            _ => None,
        }
    }

    /// The message for a condition, an event or a terminal: what, where, remedy, and the cleaned detail.
    pub fn message(&self, redactor: &Redactor) -> String {
        let mut message = redactor.clean_text(&self.to_string());
        if let Some(detail) = self.detail() {
            message.push_str(": ");
            message.push_str(&redactor.clean(detail));
        }
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        message
    }

    /// Whether a key or property that is not there is all that is wrong: deletionPolicy decides then.
    pub fn is_missing_key(&self) -> bool {
        matches!(self, Self::RemoteKeyNotFound { .. })
    }
}

fn api_answer(code: Option<u16>) -> String {
    match code {
        Some(code @ (401 | 403)) => {
            format!(" (HTTP {code}): the operator's ServiceAccount lacks the right to do that")
        }
        Some(code) => format!(" (HTTP {code})"),
        None => ": the API server did not answer".to_owned(),
    }
}

fn known_plugins(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(" (there are: {})", known.join(", ")) }
}

fn namespace_text(namespace: &str) -> String {
    if namespace.is_empty() { "any namespace".to_owned() } else { format!("namespace {namespace}") }
}

fn pointer(path: &str) -> &str {
    if path.is_empty() { "its top level" } else { path }
}

fn key_text(key: &Option<String>) -> String {
    key.as_ref().map_or_else(|| "the request".to_owned(), |key| format!("key {key:?}"))
}

/// A key may be as long as a manifest, and what is said behind it matters more.
fn asked_text(asked: &Asked) -> String {
    let short = |text: &str| format!("{:?}", text.chars().take(200).collect::<String>());
    match asked {
        Asked::Key(key) => format!("key {}", short(key)),
        Asked::Search(Some(path)) => format!("a search at {}", short(path)),
        Asked::Search(None) => "a search".to_owned(),
    }
}

fn versioned(key: &str, version: &Option<String>) -> String {
    match version {
        Some(version) => format!("version {version:?} of key {key:?}"),
        None => format!("key {key:?}"),
    }
}

fn position(line: u32, column: u32) -> String {
    match (line, column) {
        (0, _) => String::new(),
        (line, 0) => format!(", line {line}"),
        (line, column) => format!(", line {line}, column {column}"),
    }
}
