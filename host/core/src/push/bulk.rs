//! `dataTo`: many keys at once, each under a name of its own or all as one object.

use std::collections::BTreeMap;

use claviger_crds::external_secret::RewriteRegexp;
use claviger_crds::push_secret::{DataTo, PushConversion, PushData, PushMatch, PushRemoteRef};

use super::source::reverse_key;
use super::{Data, reverse_keys};
use crate::shape::{Effort, MAX_NAME, MAX_NAMES, Names, ShapeError, go_regexp};

/// Bytes of the names, with metadata, of all entries of `dataTo`: each takes all keys of a Secret, and a manifest has room
/// for thousands.
const MAX_OF_ALL: usize = 4 * MAX_NAMES;

/// An entry before its value is looked up.
pub(super) struct Draft {
    /// As the status records it.
    pub(super) data: PushData,
    /// The values of a bundle, by their names in it.
    pub(super) bundle: Option<Data>,
}

/// One entry of `dataTo` while the names of its keys are made.
pub struct Bulk {
    index: usize,
    /// Where all of it goes as one object, if it does.
    bundle: Option<String>,
    metadata: Option<serde_json::Value>,
    /// By the name that conversion gave: the key in the Secret, and its name at the provider so far.
    names: BTreeMap<String, (String, String)>,
    /// What a bundle holds.
    matched: Data,
}

impl Bulk {
    /// The keys that it means. May take seconds, like [`Self::rewrite`]: not where others wait for it.
    ///
    /// # Errors
    /// What of the entry cannot be meant.
    pub fn new(index: usize, data_to: &DataTo, data: &Data, effort: &mut Effort) -> Result<Self, String> {
        let failed = |why: String| format!("dataTo[{index}]: {why}");
        if is_bundle(data_to) && !data_to.rewrite.is_empty() {
            return Err(failed(
                "remoteKey and rewrite are mutually exclusive: rewrite is only supported in per-key mode (without \
                 remoteKey)"
                    .to_owned(),
            ));
        }
        let converted = reverse_keys(data_to.conversion_strategy, data).map_err(failed)?;
        let regexp = data_to.match_.as_ref().and_then(|wanted| wanted.regexp.as_deref());
        let regexp = match regexp.filter(|regexp| !regexp.is_empty()) {
            Some(source) => {
                Some(go_regexp(source).map_err(|error| failed(format!("match.regexp: {error}")))?)
            }
            None => None,
        };
        let mut names = BTreeMap::new();
        for key in data.keys() {
            let name = reverse_key(data_to.conversion_strategy, key);
            let meant = regexp.as_ref().map_or(Ok(true), |regexp| regexp.is_match(&name, effort));
            if meant.map_err(|error| failed(format!("match.regexp: {error}")))? {
                names.insert(name.clone(), (key.clone(), name));
            }
        }
        let bundle = data_to.remote_key.clone().filter(|_| is_bundle(data_to));
        let bundled = converted.into_iter().filter(|(name, _)| bundle.is_some() && names.contains_key(name));
        let matched = bundled.collect();
        Ok(Self { index, bundle, metadata: data_to.metadata.clone(), names, matched })
    }

    /// The names as they are so far, in order.
    pub fn names(&self) -> Vec<String> {
        self.names.values().map(|(_, name)| name.clone()).collect()
    }

    /// Bytes that it holds, but for the values: names, and the metadata that each has in its entry and in the status.
    fn bytes(&self) -> usize {
        let names =
            self.names.iter().map(|(converted, (key, name))| converted.len() + key.len() + name.len());
        let metadata = self.metadata.as_ref().map_or(0, |metadata| metadata.to_string().len());
        let entries = if self.bundle.is_some() { 1 } else { self.names.len() };
        names.sum::<usize>() + 2 * entries * metadata
    }

    /// Gives each its next name, in the order of [`Self::names`]. `step`: which rewrite made them.
    ///
    /// # Errors
    /// If one is too long.
    pub fn rename(&mut self, step: usize, names: Vec<String>) -> Result<(), String> {
        let mut names = names.into_iter();
        self.each(step, |name| Ok(names.next().unwrap_or_else(|| name.to_owned())))
    }

    /// Go's `ReplaceAllString` on each name, by the rewrite at that place.
    ///
    /// # Errors
    /// If the expression cannot be used, a name would become too long, or nothing is left of what searches may cost.
    pub fn rewrite(
        &mut self,
        step: usize,
        rewrite: &RewriteRegexp,
        effort: &mut Effort,
    ) -> Result<(), String> {
        let failed = |index: usize, error: ShapeError| format!("dataTo[{index}].rewrite[{step}]: {error}");
        if rewrite.target.len() > MAX_NAME {
            return Err(failed(self.index, ShapeError::TargetTooLong));
        }
        let regexp = go_regexp(&rewrite.source).map_err(|error| failed(self.index, error.into()))?;
        self.each(step, |name| regexp.replace_all(name, &rewrite.target, MAX_NAME, effort))
    }

    /// Steps that double a name would fill the memory: what is too long ends it before the next name is made.
    fn each(
        &mut self,
        step: usize,
        mut rename: impl FnMut(&str) -> Result<String, ShapeError>,
    ) -> Result<(), String> {
        let index = self.index;
        let mut all = Names::default();
        for (_, name) in self.names.values_mut() {
            let renamed = rename(name).and_then(|renamed| all.add(&renamed).map(|()| renamed));
            *name = renamed.map_err(|error| match error {
                ShapeError::NameTooLong => {
                    format!(
                        "dataTo[{index}].rewrite[{step}]: a rewrite made a name of more than {MAX_NAME} bytes"
                    )
                }
                other => format!("dataTo[{index}].rewrite[{step}]: {other}"),
            })?;
        }
        Ok(())
    }

    /// Its entries. `seen` are the names that earlier entries of `dataTo` have, and which.
    pub(super) fn finish(self, seen: &mut BTreeMap<String, usize>) -> Result<Vec<Draft>, String> {
        let index = self.index;
        let mut take = |name: &str| match seen.insert(name.to_owned(), index) {
            Some(other) => Err(format!(
                "dataTo[{index}]: duplicate remote key {name:?} (conflicts with dataTo[{other}])"
            )),
            None if name.is_empty() => Err(format!("dataTo[{index}]: a rewrite made an empty remote key")),
            None => Ok(()),
        };
        let draft = |secret_key: String, remote_key: String, bundle| Draft {
            data: PushData {
                match_: PushMatch {
                    secret_key,
                    remote_ref: PushRemoteRef { remote_key, property: String::new() },
                },
                metadata: self.metadata.clone(),
                // It was done.
                conversion_strategy: PushConversion::None,
            },
            bundle,
        };
        if self.names.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(remote_key) = self.bundle {
            take(&remote_key)?;
            return Ok(vec![draft(String::new(), remote_key, Some(self.matched))]);
        }
        let mut drafts = Vec::new();
        for (key, name) in self.names.into_values() {
            take(&name)?;
            drafts.push(draft(key, name, None));
        }
        Ok(drafts)
    }
}

/// Whether one more may be held beside those that there are.
///
/// # Errors
/// Which entry is too much, and what to do.
pub fn hold(bulks: &mut Vec<Bulk>, more: Bulk) -> Result<(), String> {
    let all = bulks.iter().map(Bulk::bytes).sum::<usize>() + more.bytes();
    if all > MAX_OF_ALL {
        return Err(format!(
            "dataTo[{}]: the names of the keys up to here, with the metadata of each, have more than {MAX_OF_ALL} bytes: \
             let match.regexp take fewer keys, shorten metadata, or use fewer entries",
            more.index
        ));
    }
    bulks.push(more);
    Ok(())
}

fn is_bundle(data_to: &DataTo) -> bool {
    data_to.remote_key.as_deref().is_some_and(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::secret::SecretBytes;

    fn data(keys: usize) -> Data {
        (0..keys).map(|n| (format!("key-{n:05}"), Arc::new(SecretBytes::copied_from(b"v")))).collect()
    }

    fn bulk(index: usize, data_to: serde_json::Value, data: &Data) -> Bulk {
        Bulk::new(index, &serde_json::from_value(data_to).unwrap(), data, &mut Effort::default()).unwrap()
    }

    fn step(source: &str, target: String) -> RewriteRegexp {
        RewriteRegexp { source: source.to_owned(), target }
    }

    /// The second name of them is not made any more: a thousand of them would be a gigabyte.
    #[test]
    fn a_name_that_grows_too_long_is_the_last_that_is_made() {
        let data = data(3);
        let mut bulk = bulk(4, json!({}), &data);
        let why = bulk.rewrite(2, &step(".", "$0".repeat(1_000)), &mut Effort::default()).unwrap_err();
        assert!(
            why.starts_with("dataTo[4].rewrite[2]: a rewrite made a name of more than 2048 bytes"),
            "{why}"
        );
        assert_eq!(bulk.names(), ["key-00000", "key-00001", "key-00002"]);
        let mut made = 0;
        let why = bulk.each(1, |_| {
            made += 1;
            Ok("x".repeat(MAX_NAME + 1))
        });
        assert!(why.unwrap_err().starts_with("dataTo[4].rewrite[1]"));
        assert_eq!(made, 1);
    }

    #[test]
    fn all_names_together_have_a_limit_within_an_entry_and_beyond() {
        let many = data(2_000);
        let why = bulk(0, json!({}), &many)
            .rewrite(0, &step("$", "x".repeat(1_200)), &mut Effort::default())
            .unwrap_err();
        assert!(why.contains("2097152 bytes together"), "{why}");
        let mut held = Vec::new();
        let why = (0..10_000).find_map(|index| hold(&mut held, bulk(index, json!({}), &many)).err()).unwrap();
        assert_eq!(held.len(), MAX_OF_ALL / (3 * 9 * 2_000));
        assert!(why.starts_with(&format!("dataTo[{}]: the names of the keys", held.len())), "{why}");
        // What each has in its entry counts for each, and for a bundle once.
        let metadata = json!({"text": "x".repeat(10_000)});
        let each = bulk(0, json!({"metadata": metadata}), &many);
        assert!(hold(&mut Vec::new(), each).unwrap_err().contains("metadata"));
        let one = bulk(0, json!({"metadata": metadata, "remoteKey": "all"}), &many);
        assert_eq!(hold(&mut Vec::new(), one), Ok(()));
    }
}
