//! What a case is: the format of the table's files, read strictly.
//!
//! `$case` and `$ns` in any text stand for the case's name and the namespace. How a case is carried out is in `run`,
//! what is compared in `expect`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Names or values of labels, annotations and the like.
pub(super) type Texts = BTreeMap<String, String>;

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Case {
    /// Unique; also the name of the ExternalSecret and of its store.
    pub(super) name: String,
    /// What of the reference it shows: a line of `rules.txt`.
    pub(super) rule: String,
    /// How and why ESO does otherwise; docs/eso-differences.md has a row about it.
    #[serde(default)]
    pub(super) differs: Option<String>,
    /// The version that the manifest is written in.
    #[serde(default = "v1")]
    pub(super) version: String,
    /// What the fake store holds; without it there is no store of the case's own.
    #[serde(default)]
    pub(super) store: Option<Store>,
    /// Objects that are there before.
    #[serde(default)]
    pub(super) existing: Vec<Value>,
    /// Labels of the ExternalSecret.
    #[serde(default)]
    pub(super) labels: Texts,
    /// Its annotations.
    #[serde(default)]
    pub(super) annotations: Texts,
    /// Its spec, but for the store's name and an interval of an hour.
    pub(super) spec: Map<String, Value>,
    /// What comes of it.
    pub(super) expect: Expect,
    /// What happens then.
    #[serde(default)]
    pub(super) steps: Vec<Step>,
    /// The file it stands in.
    #[serde(skip)]
    pub(super) file: String,
}

fn v1() -> String {
    "v1".to_owned()
}

/// A fake store's data: values by key, or entries as they stand in its manifest.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Store {
    Values(Texts),
    Entries(Vec<Value>),
}

impl Store {
    pub(super) fn data(&self) -> Value {
        match self {
            Self::Values(values) => {
                values.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
            }
            Self::Entries(entries) => Value::Array(entries.clone()),
        }
    }
}

/// A change, and what comes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Step {
    /// The store's new data; a refresh is asked for with it.
    #[serde(default)]
    pub(super) store: Option<Store>,
    /// The ExternalSecret's new spec.
    #[serde(default)]
    pub(super) spec: Option<Map<String, Value>>,
    /// Merge patches.
    #[serde(default)]
    pub(super) patch: Vec<Patch>,
    /// `kind/name` of objects that go.
    #[serde(default)]
    pub(super) delete: Vec<String>,
    /// Objects that come.
    #[serde(default)]
    pub(super) create: Vec<Value>,
    /// Asks for a refresh.
    #[serde(default)]
    pub(super) sync: bool,
    pub(super) expect: Expect,
}

/// A merge patch of an object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    /// `kind/name`.
    pub(super) of: String,
    pub(super) merge: Value,
}

/// What has to be seen. Without `fails` and `rejected`: that it is ready, with ESO's words for a success.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Expect {
    /// The target, exactly; without it there must be none.
    #[serde(default)]
    pub(super) secret: Option<Secret>,
    /// More Secrets, likewise.
    #[serde(default)]
    pub(super) also: Vec<Secret>,
    /// Secrets that must not be there.
    #[serde(default)]
    pub(super) absent: Vec<String>,
    /// Reason and message of a success that is not `SecretSynced`, `secret synced`.
    #[serde(default)]
    pub(super) ready: Option<(String, String)>,
    #[serde(default)]
    pub(super) fails: Option<Fails>,
    /// What the API server says of the manifest, which it does not take.
    #[serde(default)]
    pub(super) rejected: Option<String>,
    /// Events about the ExternalSecret, among others: type, reason, message.
    #[serde(default)]
    pub(super) events: Vec<(String, String, String)>,
    /// Fields of the stored spec, by JSON pointer; null: not there.
    #[serde(default)]
    pub(super) stored: BTreeMap<String, Value>,
    /// The change is not acted upon: looked at when everything else is done.
    #[serde(default)]
    pub(super) ignored: bool,
}

/// A failure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fails {
    /// Of the condition.
    pub(super) reason: String,
    /// ESO's words, with which the message begins.
    #[serde(default)]
    pub(super) eso: String,
    /// What the message names.
    #[serde(default)]
    pub(super) says: Vec<String>,
}

/// A Secret, exactly.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Secret {
    /// By default the target's.
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) data: BTreeMap<String, Bytes>,
    /// Without the marks, which come on top.
    #[serde(default)]
    pub(super) labels: Texts,
    #[serde(default)]
    pub(super) annotations: Texts,
    #[serde(rename = "type", default = "opaque")]
    pub(super) type_: String,
    #[serde(default)]
    pub(super) immutable: bool,
    /// Whether the ExternalSecret controls it; by default so with creationPolicy Owner.
    #[serde(default)]
    pub(super) owned: Option<bool>,
    /// Whether it bears ESO's marks.
    #[serde(default = "yes")]
    pub(super) marked: bool,
    /// Whether it bears the hash of its data.
    #[serde(default = "yes")]
    pub(super) hashed: bool,
    #[serde(default)]
    pub(super) finalizers: Vec<String>,
}

fn opaque() -> String {
    "Opaque".to_owned()
}

fn yes() -> bool {
    true
}

/// A value: text, or what is none.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Bytes {
    Text(String),
    Binary { base64: String },
}

impl Bytes {
    pub(super) fn get(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Binary { base64 } => STANDARD.decode(base64).unwrap(),
        }
    }
}

/// The cases of a file.
pub(super) fn read(file: &str, text: &str, namespace: &str) -> Vec<Case> {
    let cases: Vec<Value> = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    cases
        .into_iter()
        .map(|mut value| {
            let name =
                value["name"].as_str().unwrap_or_else(|| panic!("{file}: no name: {value}")).to_owned();
            substitute(&mut value, &name, namespace);
            let case: Case =
                serde_json::from_value(value).unwrap_or_else(|error| panic!("{file}: {name}: {error}"));
            Case { file: file.to_owned(), ..case }
        })
        .collect()
}

fn substitute(value: &mut Value, case: &str, namespace: &str) {
    let replaced = |text: &str| text.replace("$case", case).replace("$ns", namespace);
    match value {
        Value::String(text) => *text = replaced(text),
        Value::Array(list) => list.iter_mut().for_each(|value| substitute(value, case, namespace)),
        Value::Object(map) => {
            let entries = std::mem::take(map);
            *map = entries
                .into_iter()
                .map(|(key, mut value)| {
                    substitute(&mut value, case, namespace);
                    (replaced(&key), value)
                })
                .collect();
        }
        _ => {}
    }
}

impl Case {
    /// The expectation that holds after so many steps.
    pub(super) fn expected(&self, steps: usize) -> &Expect {
        steps.checked_sub(1).map_or(&self.expect, |last| &self.steps[last].expect)
    }

    /// The spec after so many steps.
    pub(super) fn spec(&self, steps: usize) -> Map<String, Value> {
        let latest = self.steps[..steps].iter().rev().find_map(|step| step.spec.as_ref());
        let mut spec = latest.unwrap_or(&self.spec).clone();
        if self.store.is_some() && !spec.contains_key("secretStoreRef") {
            spec.insert("secretStoreRef".to_owned(), json!({"name": self.name}));
        }
        spec.entry("refreshInterval").or_insert_with(|| json!("1h"));
        spec.retain(|_, value| !value.is_null());
        spec
    }

    /// The name of the target after so many steps.
    pub(super) fn target(&self, steps: usize) -> String {
        let spec = Value::Object(self.spec(steps));
        spec.pointer("/target/name").and_then(Value::as_str).unwrap_or(&self.name).to_owned()
    }

    /// The manifest.
    pub(super) fn manifest(&self, namespace: &str) -> Value {
        json!({
            "apiVersion": format!("external-secrets.io/{}", self.version),
            "kind": "ExternalSecret",
            "metadata": {"name": self.name, "namespace": namespace, "labels": self.labels, "annotations": self.annotations},
            "spec": self.spec(0),
        })
    }
}
