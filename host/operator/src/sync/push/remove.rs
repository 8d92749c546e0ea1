//! Taking back what was pushed: the whole key, or the property and the key when nothing else is left in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::provider::{ProviderError, Removal, Write};
use claviger_core::push::{Removed, Way, place_of, remove};
use claviger_core::secret::SecretBytes;
use claviger_crds::push_secret::PushData;

use super::by_key;
use super::calls::{AT_ONCE, Writable};
use super::write::whole;
use crate::sync::Pipeline;
use crate::sync::world::World;
use crate::watch::Object;

/// As of writes.
const TRIES: usize = 4;

/// What is left to do of a key.
enum Job {
    Delete(Removal),
    Write(Write),
    /// Nothing of ours is there.
    Nothing,
}

impl Pipeline {
    /// Takes entries back, as a status recorded them; the answer is by key. What is not there is taken back. `unsure`: they
    /// may never have been written. Then of a key that cannot be read a half written one is looked for, and who is refused
    /// looks whether there is anything.
    ///
    /// # Errors
    /// If the store cannot be used at all.
    pub(crate) async fn push_remove(
        &self,
        store: &Object,
        namespace: &str,
        entries: &[PushData],
        unsure: bool,
        world: &dyn World,
    ) -> Result<BTreeMap<String, Result<(), Failure>>, Failure> {
        let store = self.writable(store, namespace, world).await?;
        let mut done = BTreeMap::new();
        let groups = by_key(entries, |entry| &entry.match_.remote_ref.remote_key);
        let groups = store.allowed(groups, &mut done);
        for chunk in groups.chunks(AT_ONCE) {
            let mut pending: Vec<&(String, Vec<&PushData>)> = chunk.iter().collect();
            for _ in 0..TRIES {
                if pending.is_empty() {
                    break;
                }
                let again = remove_once(&store, &pending, unsure, &mut done).await?;
                pending.retain(|(key, _)| again.contains(key));
            }
        }
        if unsure {
            let is_refused =
                |answer: &Result<(), Failure>| matches!(answer, Err(Failure::WriteRefused { .. }));
            let refused = done.iter().filter(|(_, answer)| is_refused(answer)).map(|(key, _)| key.clone());
            for keys in refused.collect::<Vec<_>>().chunks(AT_ONCE) {
                // Who may not look either has been told of the refusal.
                let Ok(answers) = store.exists(keys).await else { break };
                for (key, _) in keys.iter().zip(answers).filter(|(_, answer)| matches!(answer, Ok(false))) {
                    done.insert(key.clone(), Ok(()));
                }
            }
        }
        Ok(done)
    }
}

/// One round; the keys that somebody else has changed meanwhile.
async fn remove_once(
    store: &Writable<'_>,
    pending: &[&(String, Vec<&PushData>)],
    unsure: bool,
    done: &mut BTreeMap<String, Result<(), Failure>>,
) -> Result<Vec<String>, Failure> {
    let parts = |entries: &[&PushData]| entries.iter().all(|entry| !place_of(entry).property.is_empty());
    let read: Vec<&String> =
        pending.iter().filter(|(_, entries)| parts(entries)).map(|(key, _)| key).collect();
    let mut there = store.read(&read).await?;
    let (mut removals, mut writes, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for (key, entries) in pending {
        let job = match there.remove(key.as_str()) {
            None => Job::Delete(Removal { key: key.clone(), expected_version: None }),
            // Some providers make the key, with its mark, before its value.
            Some(Ok(None)) if unsure => Job::Delete(Removal { key: key.clone(), expected_version: None }),
            Some(Ok(None)) => Job::Nothing,
            Some(Ok(Some(value))) => {
                without(key, entries, &whole(&value), value.version.clone(), store.way())
            }
            Some(Err(failure)) => {
                done.insert(key.clone(), Err(failure));
                continue;
            }
        };
        match job {
            Job::Delete(removal) => removals.push(removal),
            Job::Write(write) => writes.push(write),
            Job::Nothing => drop(done.insert(key.clone(), Ok(()))),
        }
    }
    let mut take = |key: &str, answer: Result<(), ProviderError>| {
        if matches!(answer, Err(ProviderError::Conflict(_))) {
            again.push(key.to_owned());
        }
        done.insert(key.to_owned(), answer.map_err(|error| store.refused(Some(key), error.into())));
    };
    let answers = store.delete(&removals).await?;
    removals.iter().zip(answers).for_each(|(removal, answer)| take(&removal.key, answer));
    let answers = store.push(&writes).await?;
    writes.iter().zip(answers).for_each(|(write, answer)| take(&write.key, answer.map(drop)));
    Ok(again)
}

fn without(key: &str, entries: &[&PushData], value: &SecretBytes, version: Option<String>, way: Way) -> Job {
    let mut left: Option<Arc<SecretBytes>> = None;
    for entry in entries {
        let bytes = left.as_ref().map_or(value.expose(), |left| left.expose());
        match remove(bytes, &place_of(entry).property, way) {
            Ok(Removed::Left(rest)) => left = Some(Arc::new(rest)),
            Ok(Removed::Empty) => {
                return Job::Delete(Removal { key: key.to_owned(), expected_version: version });
            }
            // Somebody has put something else there, which has no property of ours.
            Ok(Removed::Nothing) | Err(_) => {}
        }
    }
    match left {
        None => Job::Nothing,
        Some(value) => Job::Write(Write {
            key: key.to_owned(),
            value,
            expected_version: version,
            // What is attached stays what it was.
            metadata: entries.iter().rev().find_map(|entry| entry.metadata.clone()),
            replace: true,
        }),
    }
}
