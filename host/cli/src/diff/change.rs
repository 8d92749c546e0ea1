//! What would become of the Secret of an ExternalSecret, by names: pure.

use std::collections::BTreeMap;
use std::fmt;

use claviger_core::failures::ABSENT;
use claviger_core::hash::KeyedHasher;
use claviger_core::names::ANNOTATION_DATA_HASH;
use claviger_core::plan::{ApplySecret, Effect, Observed, Plan, Success};
use claviger_core::template::Rendered;
use serde::Serialize;

use crate::text::line;

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
    /// Reason of the condition Ready that comes with it.
    pub(super) reason: String,
    /// What it says.
    pub(super) message: String,
    /// Events about entries that do not exist and may be missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<String>,
    /// Entries that could not be read, where the rest is written without them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) failures: Vec<String>,
}

/// What a change is about.
pub(super) struct Named<'a> {
    /// Namespace and name of the ExternalSecret.
    pub(super) external_secret: &'a str,
    pub(super) namespace: &'a str,
    /// Name of its Secret.
    pub(super) target: &'a str,
}

impl Change {
    /// What a plan changes.
    pub(super) fn of(
        &Named { external_secret, namespace, target }: &Named<'_>,
        plan: &Plan,
        observed: Option<&Observed>,
        wanted: Option<&Rendered>,
        hasher: &KeyedHasher,
    ) -> Self {
        let (reason, message) = plan.success.condition();
        let mut change = Self {
            external_secret: external_secret.to_owned(),
            secret: format!("{namespace}/{target}"),
            fate: if observed.is_some() { Fate::Unchanged } else { Fate::Absent },
            data: Marks::new(),
            labels: Marks::new(),
            annotations: Marks::new(),
            type_: None,
            also_deleted: Vec::new(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            missing: Vec::new(),
            failures: Vec::new(),
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
        // Without a binding it is nobody's of ours: nothing is said of its keys.
        if change.fate == Fate::Unchanged && plan.binding.is_some() {
            let keys = wanted.into_iter().flat_map(|wanted| wanted.data.keys());
            change.data = keys.map(|key| (key.clone(), Mark::Same)).collect();
        }
        change
    }

    /// The same with what was not to be had: reason, message and entries, where the rest is written all the same; and what
    /// may be missing.
    pub(super) fn beside(
        mut self,
        short: Option<(&'static str, String, Vec<String>)>,
        missing: Vec<String>,
    ) -> Self {
        if let Some((reason, message, failures)) = short {
            (self.reason, self.message, self.failures) = (reason.to_owned(), message, failures);
        }
        Self { missing, ..self }
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
        writeln!(f, "ExternalSecret {}: Secret {} {fate}", line(&self.external_secret), line(&self.secret))?;
        for (part, marks) in
            [("data", &self.data), ("labels", &self.labels), ("annotations", &self.annotations)]
        {
            for (key, mark) in marks {
                writeln!(f, "  {mark} {part} {}", line(key))?;
            }
        }
        if let Some(mark) = self.type_ {
            writeln!(f, "  {mark} type")?;
        }
        for secret in &self.also_deleted {
            writeln!(f, "  - Secret {}, an earlier target", line(secret))?;
        }
        let (usual, message) = Success::Synced.condition();
        if (self.reason.as_str(), self.message.as_str()) != (usual, message) {
            writeln!(f, "  {}: {}", line(&self.reason), line(&self.message))?;
        }
        self.missing.iter().try_for_each(|event| writeln!(f, "  {ABSENT}: {}", line(event)))
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

    fn plan(success: Success, effects: Vec<Effect>, binding: Option<&str>) -> Plan {
        Plan { effects, success, notes: Vec::new(), binding: binding.map(ToOwned::to_owned) }
    }

    /// Every outcome of the planner that is no failure, with the condition that the operator writes then.
    #[test]
    fn every_outcome_of_the_planner_is_shown() {
        let hasher = KeyedHasher::random();
        let named = Named { external_secret: "ns/es", namespace: "ns", target: "s" };
        let there = Observed {
            data: BTreeMap::from([("theirs".to_owned(), hasher.hash(b"x"))]),
            ..Observed::default()
        };
        let value = |text: &str| {
            std::sync::Arc::new(claviger_core::secret::SecretBytes::copied_from(text.as_bytes()))
        };
        let wanted = Rendered { data: BTreeMap::from([("a".to_owned(), value("1"))]), ..Rendered::default() };
        let deletion = |name: &str| Effect::Delete {
            name: name.to_owned(),
            uid: "u".to_owned(),
            resource_version: "1".to_owned(),
        };
        let write = || {
            vec![Effect::Apply(Box::new(ApplySecret {
                name: "s".to_owned(),
                precondition: None,
                force: claviger_core::plan::Force::Always,
                manager: "m".to_owned(),
                labels: BTreeMap::new(),
                annotations: BTreeMap::new(),
                finalizers: Vec::new(),
                owner: None,
                data: wanted.data.clone(),
                type_: None,
                immutable: None,
                migrate_update_entry: false,
            }))]
        };
        let cases = [
            (plan(Success::Synced, vec![], Some("s")), Some(&there), "stays as it is\n  = data a\n"),
            // creationPolicy None: its keys are others'.
            (plan(Success::Synced, vec![], None), Some(&there), "stays as it is\n"),
            (plan(Success::Synced, vec![], None), None, "is not made\n"),
            (plan(Success::Synced, write(), Some("s")), None, "is created\n  + data a\n"),
            // Others' keys are untouched, and not named.
            (plan(Success::Synced, write(), Some("s")), Some(&there), "is changed\n  + data a\n"),
            (
                plan(Success::Synced, vec![deletion("old")], Some("s")),
                Some(&there),
                "stays as it is\n  = data a\n  - Secret ns/old, an earlier target\n",
            ),
            (
                plan(Success::Deleted, vec![deletion("s")], None),
                Some(&there),
                "is deleted\n  - data theirs\n  SecretDeleted: secret deleted due to DeletionPolicy=Delete\n",
            ),
            (
                plan(Success::Retained, vec![], Some("s")),
                Some(&there),
                "stays as it is\n  SecretSynced: secret retained due to DeletionPolicy=Retain\n",
            ),
            (
                plan(Success::Missing, vec![], None),
                None,
                "is not made\n  SecretMissing: secret will not be created due to CreationPolicy=Merge\n",
            ),
        ];
        for (plan, observed, text) in cases {
            let wanted = (plan.success == Success::Synced).then_some(&wanted);
            let change = Change::of(&named, &plan, observed, wanted, &hasher);
            assert_eq!(change.to_string(), format!("ExternalSecret ns/es: Secret ns/s {text}"));
            let condition = plan.success.condition();
            assert_eq!((change.reason.as_str(), change.message.as_str()), condition);
            assert_eq!(change.differs(), !plan.effects.is_empty(), "{text}");
        }
        let partly = Change::of(
            &named,
            &plan(Success::Synced, vec![], Some("s")),
            Some(&there),
            Some(&wanted),
            &hasher,
        );
        let short = ("PartiallySynced", "1 of 2".to_owned(), vec!["data[1]: why".to_owned()]);
        let partly = partly.beside(Some(short), vec!["secret does not exist".to_owned()]);
        assert!(
            partly.to_string().ends_with(
                "  = data a\n  PartiallySynced: 1 of 2\n  MissingProviderSecret: secret does not exist\n"
            ),
            "{partly}"
        );
        assert_eq!(serde_json::to_value(&partly).unwrap()["failures"][0], "data[1]: why");
    }

    /// Names and keys are others' words, who may have more in mind than a name.
    #[test]
    fn no_name_moves_the_cursor_or_makes_a_line() {
        let name = "x\u{1b}]0;t\u{7}\n  = data forged";
        let mut change = change();
        for text in [&mut change.external_secret, &mut change.secret, &mut change.reason, &mut change.message]
        {
            name.clone_into(text);
        }
        for marks in [&mut change.data, &mut change.labels, &mut change.annotations] {
            *marks = BTreeMap::from([(name.to_owned(), Mark::Added)]);
        }
        (change.also_deleted, change.missing) = (vec![name.to_owned()], vec![name.to_owned()]);
        let text = change.to_string();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert_eq!((text.lines().count(), text.matches("\\u001b]0;t\\u0007\\n").count()), (7, 9), "{text}");
    }

    fn change() -> Change {
        Change {
            external_secret: "ns/es".to_owned(),
            secret: "ns/s".to_owned(),
            fate: Fate::Changed,
            data: BTreeMap::from([("a".to_owned(), Mark::Same), ("b".to_owned(), Mark::Changed)]),
            labels: BTreeMap::from([("l".to_owned(), Mark::Removed)]),
            annotations: BTreeMap::new(),
            type_: None,
            also_deleted: vec!["ns/old".to_owned()],
            reason: "SecretSynced".to_owned(),
            message: "secret synced".to_owned(),
            missing: Vec::new(),
            failures: Vec::new(),
        }
    }

    #[test]
    fn reads_well() {
        let change = change();
        let text = "ExternalSecret ns/es: Secret ns/s is changed\n  = data a\n  ~ data b\n  - labels l\n  - Secret ns/old, an earlier target\n";
        assert_eq!(change.to_string(), text);
        let json = serde_json::to_value(&change).unwrap();
        assert_eq!((&json["fate"], &json["data"]["b"]), (&"changed".into(), &"~".into()));
    }
}
