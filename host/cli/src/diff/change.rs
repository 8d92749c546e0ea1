//! What would become of the Secret of an ExternalSecret, by names: pure.

use std::collections::BTreeMap;
use std::fmt;

use claviger_core::hash::KeyedHasher;
use claviger_core::names::ANNOTATION_DATA_HASH;
use claviger_core::plan::{ApplySecret, Effect, Observed, Plan};
use claviger_core::template::Rendered;
use serde::Serialize;

/// What becomes of one key, label or annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Mark {
    /// It is as it should be.
    #[serde(rename = "=")]
    Same,
    /// It gets another value.
    #[serde(rename = "~")]
    Changed,
    /// It comes.
    #[serde(rename = "+")]
    Added,
    /// It goes.
    #[serde(rename = "-")]
    Removed,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "=",
            Self::Changed => "~",
            Self::Added => "+",
            Self::Removed => "-",
        })
    }
}

/// What becomes of the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Fate {
    /// There is none, and none is made.
    Absent,
    /// It stays as it is.
    Unchanged,
    /// It is made.
    Created,
    /// It is written.
    Changed,
    /// It is deleted.
    Deleted,
}

type Marks = BTreeMap<String, Mark>;

/// The Secret of an ExternalSecret, before and after.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// Namespace and name of the ExternalSecret.
    pub(super) external_secret: String,
    /// Of its Secret.
    pub(super) secret: String,
    pub(super) fate: Fate,
    pub(super) data: Marks,
    pub(super) labels: Marks,
    pub(super) annotations: Marks,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) type_: Option<Mark>,
    /// Earlier targets that go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) also_deleted: Vec<String>,
}

impl Change {
    /// What a plan changes.
    pub(super) fn of(
        (external_secret, namespace, target): (&str, &str, &str),
        plan: &Plan,
        observed: Option<&Observed>,
        wanted: Option<&Rendered>,
        hasher: &KeyedHasher,
    ) -> Self {
        let mut change = Self {
            external_secret: external_secret.to_owned(),
            secret: format!("{namespace}/{target}"),
            fate: if observed.is_some() { Fate::Unchanged } else { Fate::Absent },
            data: Marks::new(),
            labels: Marks::new(),
            annotations: Marks::new(),
            type_: None,
            also_deleted: Vec::new(),
        };
        for effect in &plan.effects {
            match effect {
                Effect::Apply(apply) => change.applied(apply, observed, hasher),
                Effect::Delete { name, .. } if name == target => {
                    change.fate = Fate::Deleted;
                    let keys = observed.into_iter().flat_map(|observed| observed.data.keys());
                    change.data = keys.map(|key| (key.clone(), Mark::Removed)).collect();
                }
                Effect::Delete { name, .. } => change.also_deleted.push(format!("{namespace}/{name}")),
            }
        }
        if change.fate == Fate::Unchanged {
            let keys = wanted.into_iter().flat_map(|wanted| wanted.data.keys());
            change.data = keys.map(|key| (key.clone(), Mark::Same)).collect();
        }
        change
    }

    fn applied(&mut self, apply: &ApplySecret, observed: Option<&Observed>, hasher: &KeyedHasher) {
        let Some(observed) = observed else {
            let added = |keys: Vec<&String>| keys.into_iter().map(|key| (key.clone(), Mark::Added)).collect();
            self.fate = Fate::Created;
            self.data = added(apply.data.keys().collect());
            self.labels = added(apply.labels.keys().collect());
            self.annotations =
                added(apply.annotations.keys().filter(|key| *key != ANNOTATION_DATA_HASH).collect());
            self.type_ = apply.type_.as_ref().map(|_| Mark::Added);
            return;
        };
        self.fate = Fate::Changed;
        let (ours, before) = (&observed.applied, &observed.updated);
        let data = apply.data.iter().map(|(key, value)| (key, hasher.hash(value.expose()))).collect();
        self.data = marks(&data, &observed.data.iter().map(|(key, hash)| (key, *hash)).collect(), |key| {
            ours.data.contains(key) || before.data.contains(key)
        });
        self.labels = marks(&borrowed(&apply.labels), &borrowed(&observed.labels), |key| {
            ours.labels.contains(key) || before.labels.contains(key)
        });
        self.annotations = marks(&borrowed(&apply.annotations), &borrowed(&observed.annotations), |key| {
            ours.annotations.contains(key) || before.annotations.contains(key)
        });
        // It follows from the data, and it is a hash of them.
        self.annotations.remove(ANNOTATION_DATA_HASH);
    }

    /// Whether anything would be written or deleted.
    pub(crate) fn differs(&self) -> bool {
        !matches!(self.fate, Fate::Absent | Fate::Unchanged) || !self.also_deleted.is_empty()
    }
}

fn borrowed(map: &BTreeMap<String, String>) -> BTreeMap<&String, &String> {
    map.iter().collect()
}

/// Others' keys are left out: nothing becomes of them.
fn marks<V: PartialEq>(
    wanted: &BTreeMap<&String, V>,
    found: &BTreeMap<&String, V>,
    owned: impl Fn(&str) -> bool,
) -> Marks {
    let wanted_marks = wanted.iter().map(|(key, value)| {
        let mark = match found.get(key) {
            None => Mark::Added,
            Some(found) if found == value => Mark::Same,
            Some(_) => Mark::Changed,
        };
        ((*key).clone(), mark)
    });
    let gone = found.keys().filter(|key| !wanted.contains_key(**key) && owned(key));
    wanted_marks.chain(gone.map(|key| ((*key).clone(), Mark::Removed))).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = match self.fate {
            Fate::Absent => "is not made",
            Fate::Unchanged => "stays as it is",
            Fate::Created => "is created",
            Fate::Changed => "is changed",
            Fate::Deleted => "is deleted",
        };
        writeln!(f, "ExternalSecret {}: Secret {} {fate}", self.external_secret, self.secret)?;
        for (part, marks) in
            [("data", &self.data), ("labels", &self.labels), ("annotations", &self.annotations)]
        {
            for (key, mark) in marks {
                writeln!(f, "  {mark} {part} {key}")?;
            }
        }
        if let Some(mark) = self.type_ {
            writeln!(f, "  {mark} type")?;
        }
        self.also_deleted.iter().try_for_each(|secret| writeln!(f, "  - Secret {secret}, an earlier target"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn marks_are_by_name_and_owner() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let (wanted, found) = (
            map(&[("a", "1"), ("b", "2"), ("c", "3")]),
            map(&[("a", "1"), ("b", "9"), ("d", "4"), ("e", "5")]),
        );
        let marks = marks(&borrowed(&wanted), &borrowed(&found), |key| key == "d");
        let text: Vec<String> = marks.iter().map(|(key, mark)| format!("{mark}{key}")).collect();
        assert_eq!(text, ["=a", "~b", "+c", "-d"], "e is another's");
    }

    #[test]
    fn reads_well() {
        let change = Change {
            external_secret: "ns/es".to_owned(),
            secret: "ns/s".to_owned(),
            fate: Fate::Changed,
            data: BTreeMap::from([("a".to_owned(), Mark::Same), ("b".to_owned(), Mark::Changed)]),
            labels: BTreeMap::from([("l".to_owned(), Mark::Removed)]),
            annotations: BTreeMap::new(),
            type_: None,
            also_deleted: vec!["ns/old".to_owned()],
        };
        let text = "ExternalSecret ns/es: Secret ns/s is changed\n  = data a\n  ~ data b\n  - labels l\n  - Secret ns/old, an earlier target\n";
        assert_eq!(change.to_string(), text);
        let json = serde_json::to_value(&change).unwrap();
        assert_eq!((&json["fate"], &json["data"]["b"]), (&"changed".into(), &"~".into()));
    }
}
