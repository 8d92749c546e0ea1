//! What was pushed, as one value that the host keeps. Pure.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::writer::{Outcome, Removal, Write};
use serde::{Deserialize, Serialize};

/// Everything that was pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Writes so far: the version of the next.
    written: u64,
    values: BTreeMap<String, Kept>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    version: u64,
    /// In hexadecimal digits: it need be no text.
    value: String,
}

/// Whether something has to be kept anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is as it was.
    Nothing,
    /// It is another.
    Something,
}

impl Pushed {
    /// From the host's memory; what it does not understand is nothing.
    pub fn parse(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// For the host's memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Value and version of a key, of that version if one is asked for.
    pub fn get(&self, key: &str, version: Option<&str>) -> Option<(Vec<u8>, String)> {
        let kept = self.values.get(key)?;
        let current = kept.version.to_string();
        version.is_none_or(|version| version == current).then(|| (bytes(&kept.value), current))
    }

    /// Everything: key, value, version.
    pub fn all(&self) -> impl Iterator<Item = (&str, Vec<u8>, String)> {
        self.values.iter().map(|(key, kept)| (key.as_str(), bytes(&kept.value), kept.version.to_string()))
    }

    /// Writes one.
    pub fn push(&mut self, write: &Write) -> (Result<Outcome, Error>, Change) {
        let known = self.values.get(&write.key);
        let outcome = match known {
            Some(_) if !write.replace => Outcome::Unchanged,
            known if !is_expected(known, write.expected_version.as_deref()) => {
                return (Err(Error::Conflict("it has another version".to_owned())), Change::Nothing);
            }
            Some(known) if known.value == digits(&write.value) => Outcome::Unchanged,
            Some(_) => Outcome::Updated,
            None => Outcome::Created,
        };
        if outcome == Outcome::Unchanged {
            return (Ok(outcome), Change::Nothing);
        }
        self.written += 1;
        let kept = Kept { version: self.written, value: digits(&write.value) };
        self.values.insert(write.key.clone(), kept);
        (Ok(outcome), Change::Something)
    }

    /// Deletes one.
    pub fn delete(&mut self, removal: &Removal) -> (Result<(), Error>, Change) {
        let Some(known) = self.values.get(&removal.key) else { return (Ok(()), Change::Nothing) };
        if !is_expected(Some(known), removal.expected_version.as_deref()) {
            return (Err(Error::Conflict("it has another version".to_owned())), Change::Nothing);
        }
        self.values.remove(&removal.key);
        (Ok(()), Change::Something)
    }
}

fn is_expected(known: Option<&Kept>, expected: Option<&str>) -> bool {
    let current = known.map(|known| known.version.to_string());
    expected.is_none_or(|expected| current.as_deref() == Some(expected))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).filter_map(|at| digits.get(at..at + 2));
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn write(value: &[u8], expected: Option<&str>, replace: bool) -> Write {
        Write {
            key: "k".to_owned(),
            value: value.to_vec(),
            expected_version: expected.map(ToOwned::to_owned),
            metadata: None,
            replace,
        }
    }

    #[test]
    fn what_is_pushed_is_there_and_nothing_is_written_twice() {
        let mut pushed = Pushed::default();
        let steps = [
            (write(b"\xff\x00", None, true), Some(Outcome::Created)),
            (write(b"\xff\x00", None, true), Some(Outcome::Unchanged)),
            (write(b"new", None, false), Some(Outcome::Unchanged)),
            (write(b"new", Some("7"), true), None),
            (write(b"new", Some("1"), true), Some(Outcome::Updated)),
        ];
        for (write, expected) in steps {
            let (outcome, changed) = pushed.push(&write);
            assert_eq!(outcome.as_ref().ok(), expected.as_ref());
            let writes = matches!(expected, Some(Outcome::Created | Outcome::Updated));
            assert_eq!(changed == Change::Something, writes);
        }
        let kept = Pushed::parse(&pushed.to_bytes());
        assert_eq!(kept.get("k", None), Some((b"new".to_vec(), "2".to_owned())));
        assert_eq!(kept.get("k", Some("1")), None);
        let removal =
            |version: &str| Removal { key: "k".to_owned(), expected_version: Some(version.to_owned()) };
        assert!(pushed.delete(&removal("1")).0.is_err());
        assert!(pushed.delete(&removal("2")).0.is_ok());
        assert_eq!(pushed.all().count(), 0);
        assert_eq!(pushed.delete(&removal("2")).1, Change::Nothing, "what is not there is no error");
    }
}
