//! The lines themselves, built purely from names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use claviger_core::error::StoreName;
use claviger_core::provider::PluginId;
use jiff::Timestamp;
use serde::Serialize;

use crate::watch::Object;

/// Bytes of a key, a version or the like: longer ones are cut. Backends' own limits are lower.
const MAX_TEXT: usize = 4096;

/// Names of keys in one line: a Secret of so many has a megabyte of names.
const MAX_KEYS: usize = 10_000;

/// An object by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ObjectName<'a> {
    /// Its kind.
    pub kind: Cow<'a, str>,
    /// Its namespace, if it has one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl<'a> From<&'a StoreName> for ObjectName<'a> {
    fn from(store: &'a StoreName) -> Self {
        let namespace = store.namespace.as_deref().unwrap_or_default();
        Self { kind: Cow::Borrowed(&store.kind), namespace, name: &store.name }
    }
}

impl<'a> From<&'a Object> for ObjectName<'a> {
    fn from(object: &'a Object) -> Self {
        Self { kind: Cow::Borrowed(object.kind()), namespace: object.namespace(), name: object.name() }
    }
}

/// For whom it was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Who<'a> {
    /// The object.
    #[serde(flatten)]
    pub object: ObjectName<'a>,
    /// Its uid; empty if it is gone.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub uid: &'a str,
}

/// Something that a provider was asked for.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    /// `connect`, `validate`, `get`, `find`, `push`, `delete`, `exists`, `generate`, `renew`, `revoke`, `cleanUp`, `poll` or
    /// `acknowledge`.
    pub operation: &'static str,
    /// The store or the generator.
    pub store: &'a StoreName,
    /// The plugin that asked.
    pub plugin: &'a PluginId,
    /// The key there; of `find` the path; of a renewal the key that the lease came with.
    pub key: Option<&'a str>,
    /// The properties that the manifest takes of it.
    pub properties: Vec<&'a str>,
    /// Of `connect`: the objects that the plugin got something of.
    pub references: Vec<ObjectName<'a>>,
    /// The version that was answered; without an answer, the one that was asked for.
    pub version: Option<&'a str>,
    /// `ok`, or the word for why not (`claviger_core::outcome`).
    pub result: &'static str,
    /// Of a push: `created`, `updated` or `unchanged`.
    pub effect: Option<&'static str>,
    /// Of a search: how many keys were found. Of `poll` and `acknowledge` how many notices.
    pub found: Option<usize>,
    /// Whether the answer is another's read, just before or at the same time.
    pub shared: bool,
    /// How long the call took that it was a part of.
    pub took: Duration,
}

/// A write to Kubernetes.
#[derive(Clone, Debug)]
pub(crate) struct Write<'a> {
    /// `apply` or `delete`.
    pub operation: &'static str,
    /// What was written.
    pub target: Target<'a>,
    /// Keys of the data; none where that is not known.
    pub keys: Option<Keys<'a>>,
    /// Who owns the fields then; none for a deletion.
    pub field_manager: Option<&'a str>,
    /// `ok`; `conflict` if it was another object by then, and nothing was written; else the reason of the failure.
    pub result: &'static str,
}

/// The object that is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target<'a> {
    /// The object.
    #[serde(flatten)]
    pub object: ObjectName<'a>,
    /// Its uid.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub uid: &'a str,
    /// Its version: after a write the new one, of a deletion the one that was deleted.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub resource_version: &'a str,
}

/// What became of the keys of the data, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Keys<'a> {
    /// There since.
    pub added: Vec<&'a str>,
    /// With another value.
    pub changed: Vec<&'a str>,
    /// Not there any more.
    pub removed: Vec<&'a str>,
}

impl<'a> Keys<'a> {
    /// Compares what stands for the values: their hashes.
    pub(crate) fn between<V: PartialEq>(
        before: Option<&'a BTreeMap<String, V>>,
        after: Option<&'a BTreeMap<String, V>>,
    ) -> Self {
        let all = |map: Option<&'a BTreeMap<String, V>>| map.into_iter().flatten();
        let of = |map: Option<&'a BTreeMap<String, V>>, key: &str| map.and_then(|map| map.get(key));
        let mut keys = Self::default();
        for (key, value) in all(after).take(MAX_KEYS) {
            match of(before, key) {
                None => keys.added.push(key),
                Some(known) if known != value => keys.changed.push(key),
                Some(_) => {}
            }
        }
        let gone = all(before).map(|(key, _)| key.as_str()).filter(|key| of(after, key).is_none());
        keys.removed = gone.take(MAX_KEYS).collect();
        keys
    }
}

#[derive(Serialize)]
struct Line<'a, T> {
    timestamp: String,
    level: &'static str,
    audit: &'static str,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    who: Option<&'a Who<'a>>,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessLine<'a> {
    operation: &'static str,
    store: ObjectName<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    references: &'a [ObjectName<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    plugin: String,
    digest: &'a str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<usize>,
    shared: bool,
    duration_ms: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WriteLine<'a> {
    operation: &'static str,
    target: &'a Target<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<&'a Keys<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_manager: Option<&'a str>,
    result: &'static str,
}

#[derive(Serialize)]
struct LostLine {
    lines: u64,
    message: &'static str,
}

/// A line about an access.
pub(super) fn access(now: Timestamp, who: &Who<'_>, access: &Access<'_>) -> String {
    let what = AccessLine {
        operation: access.operation,
        store: access.store.into(),
        key: access.key.map(cut),
        properties: access.properties.iter().map(|property| cut(property)).collect(),
        references: &access.references,
        version: access.version.map(cut),
        plugin: access.plugin.to_string(),
        digest: &access.plugin.digest,
        result: access.result,
        effect: access.effect,
        found: access.found,
        shared: access.shared,
        duration_ms: u64::try_from(access.took.as_millis()).unwrap_or(u64::MAX),
    };
    text(now, "info", "secretAccess", Some(who), what)
}

/// A line about a write.
pub(super) fn sync(now: Timestamp, who: &Who<'_>, write: &Write<'_>) -> String {
    let what = WriteLine {
        operation: write.operation,
        target: &write.target,
        keys: write.keys.as_ref(),
        field_manager: write.field_manager,
        result: write.result,
    };
    text(now, "info", "secretSync", Some(who), what)
}

/// A line in place of those that got lost.
pub(super) fn lost(now: Timestamp, lines: u64) -> String {
    let message = "lines of the audit log were lost here: standard output was not read fast enough";
    text(now, "error", "lost", None, LostLine { lines, message })
}

fn text(
    now: Timestamp,
    level: &'static str,
    audit: &'static str,
    who: Option<&Who<'_>>,
    what: impl Serialize,
) -> String {
    let line = Line { timestamp: format!("{now:.6}"), level, audit, who, what };
    // Maps with keys that are texts: it does not fail. If it did, the line would be missed by its absence.
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}
