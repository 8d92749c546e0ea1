//! What there is, as far as it was asked for: keys, manifests, what is pushed. An action changes it and says what to send to
//! which server; nothing is sent here.
//!
//! Names of targets and of PushSecrets are another each time that one is made anew, so that what an earlier one left behind
//! is found. Where it is pushed to stays: who comes meets what the one before takes back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::manifests;
use super::plan::{Action, Creation, Deletion, ONCE, Template, Wish};

/// Every value that is ever written begins so, and nothing else does: what leaks is found by it.
pub(crate) const MARKER: &str = "soak-value-";

/// What belongs to somebody else in a Secret that an ExternalSecret merges into.
pub(crate) const THEIRS: (&str, &str) = ("theirs", "not-the-operators");

/// Keys and values.
pub(crate) type Data = BTreeMap<String, String>;

/// A request to a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Writes a key of OpenBao.
    Write { key: String, data: Data },
    /// Removes one with all versions.
    Remove { key: String },
    /// Applies a manifest.
    Apply(Value),
    /// Merges into an object that may not be there.
    Merge { kind: &'static str, name: String, patch: Value },
    /// Deletes an object that may not be there.
    Delete { kind: &'static str, name: String },
}

/// Values that a Secret may have had, by key.
pub(crate) type History = BTreeMap<String, BTreeSet<String>>;

/// An ExternalSecret over stored keys.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) wish: Wish,
    /// What was wished of the same target since all was calm: who has not heard of the edit yet (a watch that comes back after an
    /// API server's restart) may write what is read for that.
    pub(crate) former: Vec<Wish>,
    pub(crate) target: String,
    /// What its target may have held since it was made.
    pub(crate) had: History,
    /// Targets that it had before.
    pub(crate) before: BTreeSet<String>,
    /// Its Secret was there at the last look, and nobody has taken it away since.
    pub(crate) certain: bool,
}

/// A PushSecret.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    pub(crate) name: String,
    part: usize,
}

/// An ExternalSecret of a database's credentials.
#[derive(Clone, Debug)]
pub(crate) struct Leased {
    pub(crate) target: String,
    pub(crate) long: bool,
    pub(crate) names: bool,
}

impl Leased {
    /// The keys of its Secret: of the user and of the password.
    pub(crate) fn keys(&self) -> (&'static str, &'static str) {
        if self.names { ("username", "password") } else { ("user", "pass") }
    }

    /// The role that makes its credentials.
    pub(crate) fn role(&self) -> &'static str {
        if self.long { "long" } else { "brief" }
    }
}

/// What becomes of an ExternalSecret once all is calm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Its Secret has exactly that.
    Exactly(Data),
    /// It has none, and says that it deleted it.
    Deleted,
    /// A key is missing, and it says so; what there was stays.
    Kept,
}

/// What there is.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    seed: u64,
    /// Actions so far: names and values are new with each.
    count: usize,
    pub(crate) keys: BTreeMap<usize, Data>,
    pub(crate) secrets: BTreeMap<usize, Secret>,
    /// Secrets that an ExternalSecret's deletion left behind, by name. Whoever has not heard of the deletion yet (a watch that
    /// comes back after an API server's restart) may write what is read meanwhile.
    pub(crate) left: BTreeMap<String, Secret>,
    pub(crate) sources: BTreeMap<usize, Data>,
    pub(crate) pushes: BTreeMap<usize, Push>,
    pub(crate) leased: BTreeMap<usize, Leased>,
}

impl Model {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            count: 0,
            keys: BTreeMap::new(),
            secrets: BTreeMap::new(),
            left: BTreeMap::new(),
            sources: BTreeMap::new(),
            pushes: BTreeMap::new(),
            leased: BTreeMap::new(),
        }
    }

    /// Does an action, and says what to send. Nothing to send: there was nothing to do it to.
    pub(crate) fn act(&mut self, action: &Action) -> Vec<Effect> {
        self.count += 1;
        let effects = match action {
            Action::PutKey { key, more } => {
                let data: Data =
                    (0..3 + more).map(|p| (format!("p{p}"), self.value(&format!("key{key}-p{p}")))).collect();
                self.keys.insert(*key, data.clone());
                vec![Effect::Write { key: key_name(*key), data }]
            }
            Action::RemoveKey { key } => match self.keys.remove(key) {
                Some(_) => vec![Effect::Remove { key: key_name(*key) }],
                None => Vec::new(),
            },
            Action::PutSecret { slot, wish } => self.put_secret(*slot, wish),
            Action::RemoveSecret { slot } => self.remove_secret(*slot),
            Action::Tamper { slot } => self.tamper(*slot),
            Action::LoseSecret { slot } => match self.secrets.get_mut(slot) {
                Some(secret) if secret.wish.creation == Creation::Owner => {
                    secret.certain = false;
                    vec![Effect::Delete { kind: "Secret", name: secret.target.clone() }]
                }
                _ => Vec::new(),
            },
            Action::Refresh { slot } if self.secrets.contains_key(slot) => {
                let patch = json!({"metadata": {"annotations": {"force-sync": self.count.to_string()}}});
                vec![Effect::Merge { kind: "ExternalSecret", name: secret_name(*slot), patch }]
            }
            Action::Refresh { .. } | Action::Fault { .. } => Vec::new(),
            Action::PutSource { slot } => {
                let data: Data =
                    ["a", "b"].map(|key| (key.to_owned(), self.value(&format!("source{slot}-{key}")))).into();
                self.sources.insert(*slot, data.clone());
                vec![Effect::Apply(manifests::secret(&source_name(*slot), &data))]
            }
            Action::RemoveSource { slot } => match self.sources.remove(slot) {
                Some(_) => vec![Effect::Delete { kind: "Secret", name: source_name(*slot) }],
                None => Vec::new(),
            },
            Action::PutPush { slot, part } => {
                let fresh = format!("push{slot}-{}", self.count);
                let name = self.pushes.get(slot).map_or(fresh, |push| push.name.clone());
                let push = Push { name, part: *part };
                let effect = Effect::Apply(manifests::push(*slot, &push.name, &places(*slot, &push)));
                self.pushes.insert(*slot, push);
                vec![effect]
            }
            Action::RemovePush { slot } => match self.pushes.remove(slot) {
                Some(push) => vec![Effect::Delete { kind: "PushSecret", name: push.name }],
                None => Vec::new(),
            },
            Action::PutLeased { slot, long, names } => {
                let fresh = format!("lease{slot}-{}", self.count);
                let target = self.leased.get(slot).map_or(fresh, |leased| leased.target.clone());
                let leased = Leased { target, long: *long, names: *names };
                let effect = Effect::Apply(manifests::leased(*slot, &leased));
                self.leased.insert(*slot, leased);
                vec![effect]
            }
            Action::RemoveLeased { slot } => match self.leased.remove(slot) {
                Some(_) => vec![Effect::Delete { kind: "ExternalSecret", name: leased_name(*slot) }],
                None => Vec::new(),
            },
        };
        self.note();
        effects
    }

    fn put_secret(&mut self, slot: usize, wish: &Wish) -> Vec<Effect> {
        let mut wish = wish.clone();
        let mut effects = Vec::new();
        let old = self.secrets.get(&slot).cloned();
        if let Some(old) = &old {
            wish.creation = old.wish.creation;
        }
        // The operator refuses to delete what is not its own.
        if wish.creation != Creation::Owner && wish.deletion == Deletion::Delete {
            wish.deletion = Deletion::Retain;
        }
        let fresh = format!("es{slot}-{}", self.count);
        let secret = match old {
            Some(old) if wish.rename && wish.creation == Creation::Owner => {
                let mut before = old.before;
                before.insert(old.target);
                Secret {
                    wish,
                    former: Vec::new(),
                    target: fresh,
                    had: History::new(),
                    before,
                    certain: false,
                }
            }
            Some(mut old) => {
                old.former.push(std::mem::replace(&mut old.wish, wish));
                old
            }
            None => {
                if wish.creation == Creation::Merge {
                    let theirs = Data::from([(THEIRS.0.to_owned(), THEIRS.1.to_owned())]);
                    effects.push(Effect::Apply(manifests::secret(&fresh, &theirs)));
                }
                Secret {
                    wish,
                    former: Vec::new(),
                    target: fresh,
                    had: History::new(),
                    before: BTreeSet::new(),
                    certain: false,
                }
            }
        };
        effects.push(Effect::Apply(manifests::external_secret(slot, &secret)));
        self.secrets.insert(slot, secret);
        effects
    }

    fn remove_secret(&mut self, slot: usize) -> Vec<Effect> {
        let Some(secret) = self.secrets.remove(&slot) else { return Vec::new() };
        if secret.wish.creation != Creation::Owner {
            self.left.insert(secret.target.clone(), secret);
        }
        vec![Effect::Delete { kind: "ExternalSecret", name: secret_name(slot) }]
    }

    fn tamper(&mut self, slot: usize) -> Vec<Effect> {
        let wrong = self.value(&format!("wrong{slot}"));
        let Some(Expected::Exactly(data)) = self.expected(slot) else { return Vec::new() };
        let Some(secret) = self.secrets.get_mut(&slot) else { return Vec::new() };
        let Some(key) = data.keys().next().filter(|_| secret.wish.creation == Creation::Owner) else {
            return Vec::new();
        };
        secret.had.entry(key.clone()).or_default().insert(wrong.clone());
        let patch = json!({"stringData": {key: wrong}});
        vec![Effect::Merge { kind: "Secret", name: secret.target.clone(), patch }]
    }

    /// A value that there never was.
    fn value(&self, what: &str) -> String {
        format!("{MARKER}{:x}-{}-{what}", self.seed, self.count)
    }

    /// What each ExternalSecret may have read by now, one that is deleted too.
    fn note(&mut self) {
        let keys = &self.keys;
        for secret in self.secrets.values_mut().chain(self.left.values_mut()) {
            for wish in std::iter::once(&secret.wish).chain(&secret.former) {
                for (key, value) in read(keys, wish).0 {
                    secret.had.entry(key).or_default().insert(value);
                }
            }
        }
    }

    /// What becomes of an ExternalSecret; none if there is none.
    pub(crate) fn expected(&self, slot: usize) -> Option<Expected> {
        let secret = self.secrets.get(&slot)?;
        let wish = &secret.wish;
        let (mut data, missing) = read(&self.keys, wish);
        if missing && wish.deletion == Deletion::Retain {
            return Some(Expected::Kept);
        }
        if missing && data.is_empty() && wish.deletion == Deletion::Delete {
            return Some(Expected::Deleted);
        }
        if wish.template == Template::Replace {
            data.retain(|key, _| key.starts_with('t'));
        }
        if wish.creation == Creation::Merge {
            data.insert(THEIRS.0.to_owned(), THEIRS.1.to_owned());
        }
        Some(Expected::Exactly(data))
    }

    /// What PushSecrets have to have pushed, by key of OpenBao.
    pub(crate) fn pushed(&self) -> BTreeMap<String, Data> {
        let mut pushed: BTreeMap<String, Data> = BTreeMap::new();
        for (slot, push) in &self.pushes {
            let Some(source) = self.sources.get(slot) else { continue };
            for (key, place) in places(*slot, push) {
                if let Some(value) = source.get(key) {
                    pushed.entry(place).or_default().insert(key.to_owned(), value.clone());
                }
            }
        }
        pushed
    }

    /// Says that everything was as it should be, and names what is nobody's any more.
    pub(crate) fn settled(&mut self) -> Vec<Effect> {
        let slots: Vec<usize> = self.secrets.keys().copied().collect();
        for slot in slots {
            let exact = matches!(self.expected(slot), Some(Expected::Exactly(_)));
            let deleted = matches!(self.expected(slot), Some(Expected::Deleted));
            let Some(secret) = self.secrets.get_mut(&slot) else { continue };
            secret.certain = (secret.certain && !deleted) || exact;
            secret.former.clear();
            if exact {
                secret.before.clear();
            }
        }
        let left = std::mem::take(&mut self.left);
        left.into_keys().map(|name| Effect::Delete { kind: "Secret", name }).collect()
    }
}

/// What an ExternalSecret reads now, rendered values among it, and whether a key is missing.
fn read(keys: &BTreeMap<usize, Data>, wish: &Wish) -> (Data, bool) {
    let (mut data, mut missing) = (Data::new(), false);
    if let Some(key) = wish.extract {
        match keys.get(&key) {
            Some(found) => data.extend(found.clone()),
            None => missing = true,
        }
    }
    for (n, (key, property)) in wish.data.iter().enumerate() {
        match keys.get(key).and_then(|found| found.get(&format!("p{property}"))) {
            Some(value) => {
                data.insert(format!("d{n}"), value.clone());
                if wish.template != Template::None {
                    data.insert(format!("t{n}"), format!("<{value}>"));
                }
            }
            None => missing = true,
        }
    }
    (data, missing)
}

/// Where each key of a source goes.
fn places(slot: usize, push: &Push) -> [(&'static str, String); 2] {
    let main = format!("pushed/{slot}/main");
    let second = match push.part {
        0 => main.clone(),
        part if part < ONCE => format!("pushed/{slot}/part{part}"),
        part => format!("pushed/once/{slot}-{part}"),
    };
    [("a", main), ("b", second)]
}

/// A key of OpenBao.
pub(crate) fn key_name(key: usize) -> String {
    format!("app/key{key}")
}

/// An ExternalSecret over stored keys.
pub(crate) fn secret_name(slot: usize) -> String {
    format!("es{slot}")
}

/// One over a database.
pub(crate) fn leased_name(slot: usize) -> String {
    format!("lease{slot}")
}

/// The Secret that is pushed.
pub(crate) fn source_name(slot: usize) -> String {
    format!("source{slot}")
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
