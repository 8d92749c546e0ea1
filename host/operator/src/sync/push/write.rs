//! Writing: one write for each key, however many of its properties are set, and none where nothing changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::provider::{ProviderError, Pushed, Value, Write};
use claviger_core::push::{Entry, Way, holds, set};
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_core::shape;
use claviger_crds::push_secret::UpdatePolicy;

use super::calls::{AT_ONCE, Writable};
use super::{Looked, by_key};
use crate::sync::Pipeline;
use crate::sync::world::World;
use crate::watch::Object;

/// How often a key is read and written anew that somebody else changes meanwhile.
const TRIES: usize = 4;

/// What became of each key.
pub(crate) type Written = BTreeMap<String, Result<Done, Failure>>;

/// A key that is as it should be.
pub(crate) struct Done {
    /// What was done for it.
    pub(crate) pushed: Pushed,
    /// Properties that were there before and stay; empty: the whole.
    pub(crate) kept: BTreeSet<String>,
}

/// What there is to do for a key.
struct Job {
    /// None: it is as it should be.
    write: Option<Write>,
    /// As of [`Done`].
    kept: BTreeSet<String>,
}

impl Pipeline {
    /// Writes entries to a store; the answer is by key. Entries of one key are one write: properties are set in the whole
    /// value if that is pushed too, else in what is there. `looked`: what somebody has seen there a moment ago.
    ///
    /// # Errors
    /// If the store cannot be used at all.
    pub(crate) async fn push_write(
        &self,
        store: &Object,
        namespace: &str,
        entries: &[Entry],
        policy: UpdatePolicy,
        mut looked: Looked,
        world: &dyn World,
    ) -> Result<Written, Failure> {
        let store = self.writable(store, namespace, world).await?;
        let mut written = Written::new();
        let groups = store.allowed(by_key(entries, |entry| &entry.place.key), &mut written);
        for chunk in groups.chunks(AT_ONCE) {
            let mut pending: Vec<&(String, Vec<&Entry>)> = Vec::new();
            for group in chunk {
                match check(&store, &group.1) {
                    // What is there stays.
                    Ok(())
                        if looked.whole.get(&group.0) == Some(&true)
                            && policy == UpdatePolicy::IfNotExists =>
                    {
                        let kept = BTreeSet::from([String::new()]);
                        written.insert(group.0.clone(), Ok(Done { pushed: Pushed::Unchanged, kept }));
                    }
                    Ok(()) => pending.push(group),
                    Err(failure) => drop(written.insert(group.0.clone(), Err(failure))),
                }
            }
            for attempt in 1..=TRIES {
                if pending.is_empty() {
                    break;
                }
                let known = &mut looked.parts;
                let again = write_once(&store, &pending, policy, known, &mut written).await;
                let again = match (again, pending.first()) {
                    (Ok(again), _) => again,
                    // What was written before is there, and has to be recorded.
                    (Err(failure), Some((key, _))) if !written.is_empty() => {
                        written.insert(key.clone(), Err(failure));
                        return Ok(written);
                    }
                    (Err(failure), _) => return Err(failure),
                };
                if attempt < TRIES {
                    pending.retain(|(key, _)| again.contains(key));
                }
            }
        }
        Ok(written)
    }
}

/// One round; the keys that somebody else has changed meanwhile. What is said of those holds if there is no other.
/// What is `known` to be there is not read, and is known no more then.
async fn write_once(
    store: &Writable<'_>,
    pending: &[&(String, Vec<&Entry>)],
    policy: UpdatePolicy,
    known: &mut BTreeMap<String, Option<Value>>,
    written: &mut Written,
) -> Result<Vec<String>, Failure> {
    let read: Vec<&String> =
        pending.iter().filter(|(_, entries)| reads(entries)).map(|(key, _)| key).collect();
    let unknown: Vec<&String> = read.iter().copied().filter(|key| !known.contains_key(*key)).collect();
    let mut there = store.read(&unknown).await?;
    for key in &read {
        if let Some(found) = known.remove(*key) {
            there.insert(key.as_str(), Ok(found));
        }
    }
    let (mut writes, mut kept, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for (key, entries) in pending {
        let found = there.remove(key.as_str()).transpose();
        match found.and_then(|found| job(key, entries, found, policy, store.way())) {
            Ok(Job { write: Some(write), kept: stays }) => {
                writes.push(write);
                kept.push(stays);
            }
            Ok(Job { write: None, kept }) => {
                written.insert(key.clone(), Ok(Done { pushed: Pushed::Unchanged, kept }));
            }
            Err(failure) => drop(written.insert(key.clone(), Err(failure))),
        }
    }
    let answers = store.push(&writes).await?;
    for ((write, mut kept), answer) in writes.iter().zip(kept).zip(answers) {
        // Where nothing was when it was read, something is now.
        let overtaken = read.contains(&&write.key)
            && !write.replace
            && answer.as_ref().is_ok_and(|it| *it == Pushed::Unchanged);
        if overtaken || matches!(answer, Err(ProviderError::Conflict(_))) {
            again.push(write.key.clone());
        }
        let refused = |error: ProviderError| store.refused(Some(&write.key), error.into());
        let answer = match answer {
            Ok(_) if overtaken => {
                Err(refused(ProviderError::Conflict(Untrusted::new("it is changed again and again"))))
            }
            Ok(pushed) => {
                if pushed == Pushed::Unchanged && !write.replace {
                    kept.insert(String::new());
                }
                Ok(Done { pushed, kept })
            }
            Err(error) => Err(refused(error)),
        };
        written.insert(write.key.clone(), answer);
    }
    Ok(again)
}

/// Whether what is there has to be known: properties are set, and not in a value that is pushed whole.
pub(super) fn reads(entries: &[&Entry]) -> bool {
    entries.iter().all(|entry| !entry.place.property.is_empty())
}

/// The plugin's own checks of what is attached, before anything is asked.
fn check(store: &Writable<'_>, entries: &[&Entry]) -> Result<(), Failure> {
    for entry in entries {
        if let Some(metadata) = &entry.metadata {
            let checked = store.session().plugin().check_push_metadata(metadata);
            checked.map_err(|error| match error {
                ProviderError::InvalidConfig { path, detail } => Failure::ManifestInvalid {
                    object: format!("{}: metadata of {} at {path:?}", store.name, entry.place),
                    detail,
                },
                error => store.refused(Some(&entry.place.key), error.into()),
            })?;
        }
    }
    Ok(())
}

/// The bytes of a value as a whole.
pub(super) fn whole(value: &Value) -> SecretBytes {
    match &value.entries {
        Some(entries) if value.data.is_empty() => shape::whole(entries),
        _ => value.data.duplicate(),
    }
}

/// `there`: what is stored, where that was asked.
fn job(
    key: &str,
    entries: &[&Entry],
    there: Option<Option<Value>>,
    policy: UpdatePolicy,
    way: Way,
) -> Result<Job, Failure> {
    let replace = policy == UpdatePolicy::Replace;
    let metadata = entries.iter().rev().find_map(|entry| entry.metadata.clone());
    let pushed =
        entries.iter().find(|entry| entry.place.property.is_empty()).map(|entry| entry.value.clone());
    let (stored, version, is_new) = match (&pushed, &there) {
        (Some(_), _) => (None, None, false),
        (None, Some(Some(value))) => (Some(Arc::new(whole(value))), value.version.clone(), false),
        (None, _) => (None, None, true),
    };
    let of_whole = pushed.is_some();
    let mut current = pushed.or(stored);
    let mut changed = of_whole || is_new;
    let mut kept = BTreeSet::new();
    for entry in entries.iter().filter(|entry| !entry.place.property.is_empty()) {
        let failed = |error: claviger_core::push::PropertyError| Failure::ValueNotUsable {
            place: entry.place.to_string(),
            why: error.to_string(),
        };
        let bytes = current.as_ref().map(|current| current.expose());
        // What is there stays, whoever put it there.
        if !replace
            && !of_whole
            && let Some(bytes) = bytes
        {
            let property = &entry.place.property;
            if holds(bytes, property, way).map_err(failed)?.is_some() && !is_new {
                kept.insert(property.clone());
                continue;
            }
        }
        if let Some(made) = set(bytes, &entry.place.property, way, entry.value.expose()).map_err(failed)? {
            current = Some(Arc::new(made));
            changed = true;
        }
    }
    // With metadata the plugin has to compare that, too.
    if !changed && (metadata.is_none() || !replace) {
        return Ok(Job { write: None, kept });
    }
    let write = current.map(|value| Write {
        key: key.to_owned(),
        value,
        expected_version: version,
        metadata,
        replace: if of_whole { replace } else { !is_new },
    });
    Ok(Job { write, kept })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_core::push::Place;
    use claviger_crds::push_secret::PushData;
    use serde_json::json;

    use super::*;

    fn entry(property: &str, value: &str, metadata: bool) -> Entry {
        Entry {
            place: Place { key: "k".to_owned(), property: property.to_owned() },
            value: Arc::new(SecretBytes::copied_from(value.as_bytes())),
            metadata: metadata.then(|| json!({"kind": "PushSecretMetadata"})),
            recorded: PushData::default(),
        }
    }

    fn stored(data: &str) -> Value {
        Value {
            data: SecretBytes::copied_from(data.as_bytes()),
            entries: None,
            version: Some("7".to_owned()),
            lease: None,
            shareable: true,
            dynamic: false,
        }
    }

    /// What is written (value, version, replace), and what stays.
    type Looked = (Option<(String, Option<String>, bool)>, Vec<String>);

    fn look(entries: &[Entry], there: Option<Option<Value>>, policy: UpdatePolicy) -> Looked {
        let entries: Vec<&Entry> = entries.iter().collect();
        let Job { write, kept } = job("k", &entries, there, policy, Way::Path).unwrap();
        let text = |value: &SecretBytes| String::from_utf8(value.expose().to_vec()).unwrap();
        let write = write.map(|write| (text(&write.value), write.expected_version, write.replace));
        (write, kept.into_iter().collect())
    }

    #[test]
    fn one_write_a_key_and_none_for_what_is_there() {
        use UpdatePolicy::{IfNotExists, Replace};
        let write = |value: &str, version: Option<&str>, replace: bool| {
            Some((value.to_owned(), version.map(ToOwned::to_owned), replace))
        };
        let kept = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (p, q) = (|| entry("p", "1", false), || entry("q", "2", false));
        #[rustfmt::skip]
        let cases = [
            ("the whole", vec![entry("", "v", false)], None, Replace, (write("v", None, true), kept(&[]))),
            ("the whole, if nothing is there", vec![entry("", "v", false)], None, IfNotExists, (write("v", None, false), kept(&[]))),
            ("properties in the whole", vec![q(), entry("", "{}", false), p()], None, Replace, (write(r#"{"q":"2","p":"1"}"#, None, true), kept(&[]))),
            ("a first property", vec![p()], Some(None), Replace, (write(r#"{"p":"1"}"#, None, false), kept(&[]))),
            ("beside another", vec![p(), q()], Some(Some(r#"{"x":0}"#)), Replace, (write(r#"{"x":0,"p":"1","q":"2"}"#, Some("7"), true), kept(&[]))),
            ("as it is", vec![p()], Some(Some(r#"{"p":"1"}"#)), Replace, (None, kept(&[]))),
            ("as it is, and marked", vec![entry("p", "1", true)], Some(Some(r#"{"p":"1"}"#)), Replace, (write(r#"{"p":"1"}"#, Some("7"), true), kept(&[]))),
            ("another is there", vec![p()], Some(Some(r#"{"p":"0"}"#)), IfNotExists, (None, kept(&["p"]))),
            ("one of two is there", vec![p(), q()], Some(Some(r#"{"p":"0"}"#)), IfNotExists, (write(r#"{"p":"0","q":"2"}"#, Some("7"), true), kept(&["p"]))),
            ("two new ones", vec![p(), q()], Some(None), IfNotExists, (write(r#"{"p":"1","q":"2"}"#, None, false), kept(&[]))),
        ];
        for (what, entries, there, policy, expected) in cases {
            assert_eq!(look(&entries, there.map(|there| there.map(stored)), policy), expected, "{what}");
        }
        let refused = job("k", &[&p()], Some(Some(stored("a text"))), Replace, Way::Path);
        assert!(matches!(refused, Err(Failure::ValueNotUsable { .. })));
    }
}
