//! `dataTo`: many keys at once, each under a name of its own or all as one object.

use std::collections::BTreeMap;

use claviger_crds::external_secret::RewriteRegexp;
use claviger_crds::push_secret::{DataTo, PushConversion, PushData, PushMatch, PushRemoteRef};

use super::source::reverse_key;
use super::{Data, reverse_keys};
use crate::shape::{go_regexp, replace_all};

/// Longest name that a rewrite may make, and longest target of one, in bytes: the longest names of the providers have 2 KiB.
const MAX_NAME: usize = 2_048;

/// An entry before its value is looked up.
pub(super) struct Draft {
    /// As the status records it.
    pub(super) data: PushData,
    /// The values of a bundle, by their names in it.
    pub(super) bundle: Option<Data>,
}

/// One entry of `dataTo` while the names of its keys are made.
pub struct Bulk<'a> {
    index: usize,
    data_to: &'a DataTo,
    /// By the name that conversion gave: the key in the Secret, and its name at the provider so far.
    names: BTreeMap<String, (String, String)>,
    matched: Data,
}

impl<'a> Bulk<'a> {
    /// The keys that it means.
    ///
    /// # Errors
    /// What of the entry cannot be meant.
    pub fn new(index: usize, data_to: &'a DataTo, data: &Data) -> Result<Self, String> {
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
            Some(source) => Some(go_regexp(source).ok_or_else(|| {
                failed(format!("match.regexp {source:?} is not a regular expression (RE2)"))
            })?),
            None => None,
        };
        let mut names = BTreeMap::new();
        for key in data.keys() {
            let name = reverse_key(data_to.conversion_strategy, key);
            if regexp.as_ref().is_none_or(|regexp| regexp.is_match(&name)) {
                names.insert(name.clone(), (key.clone(), name));
            }
        }
        let matched = converted.into_iter().filter(|(name, _)| names.contains_key(name)).collect();
        Ok(Self { index, data_to, names, matched })
    }

    /// The names as they are so far, in order.
    pub fn names(&self) -> Vec<String> {
        self.names.values().map(|(_, name)| name.clone()).collect()
    }

    /// Gives each its next name, in the order of [`Self::names`].
    ///
    /// # Errors
    /// If one is too long.
    pub fn rename(&mut self, names: Vec<String>) -> Result<(), String> {
        for ((_, name), new) in self.names.values_mut().zip(names) {
            *name = new;
        }
        self.bounded()
    }

    /// Steps that double a name would fill the memory.
    fn bounded(&self) -> Result<(), String> {
        match self.names.values().any(|(_, name)| name.len() > MAX_NAME) {
            true => {
                Err(format!("dataTo[{}]: a rewrite made a name of more than {MAX_NAME} bytes", self.index))
            }
            false => Ok(()),
        }
    }

    /// Go's `ReplaceAllString` on each name.
    ///
    /// # Errors
    /// If the expression does not parse.
    pub fn rewrite(&mut self, rewrite: &RewriteRegexp) -> Result<(), String> {
        let regexp = go_regexp(&rewrite.source).ok_or_else(|| {
            format!("dataTo[{}]: rewrite {:?} is not a regular expression (RE2)", self.index, rewrite.source)
        })?;
        if rewrite.target.len() > MAX_NAME {
            return Err(format!("dataTo[{}]: a rewrite's target of more than {MAX_NAME} bytes", self.index));
        }
        for (_, name) in self.names.values_mut() {
            *name = replace_all(&regexp, name, &rewrite.target);
        }
        self.bounded()
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
                metadata: self.data_to.metadata.clone(),
                // It was done.
                conversion_strategy: PushConversion::None,
            },
            bundle,
        };
        if self.names.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(remote_key) = self.data_to.remote_key.clone().filter(|_| is_bundle(self.data_to)) {
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

fn is_bundle(data_to: &DataTo) -> bool {
    data_to.remote_key.as_deref().is_some_and(|key| !key.is_empty())
}
