//! Which entries of a spec did not bring what they should, and what becomes of the rest.
//!
//! Without the annotation for partial syncs nothing is written, as with ESO; with it, what could be read is. What
//! concerns a whole store is never partial: nobody can tell then what the others would have been.

use std::collections::BTreeSet;

use claviger_crds::external_secret::{DataFrom, ExternalSecretSpec, KeyFailure as Reported};

use crate::error::Failure;
use crate::redact::Redactor;
use crate::template::makes_data;

/// As many are named in the status.
const MAX_REPORTED: usize = 20;
/// Longest message of one of them, bytes: twenty of them are read in one look.
const MAX_MESSAGE: usize = 320;

/// One entry that failed.
#[derive(Clone, Debug)]
pub struct EntryFailure {
    /// `data[2]`, `dataFrom[0].extract`.
    pub entry: String,
    /// The key in the external system, or what is searched for.
    pub key: String,
    /// Why.
    pub failure: Failure,
}

/// Reason of the event about an [`Absent`] entry, as ESO's.
pub const ABSENT: &str = "MissingProviderSecret";

/// An entry that does not exist in the provider, where the deletionPolicy lets it be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Of `data`.
    Data {
        /// Where it stands.
        index: usize,
        /// Its key in the external system.
        key: String,
    },
    /// Of `dataFrom`.
    DataFrom {
        /// Where it stands.
        index: usize,
    },
}

impl Absent {
    /// What the event says, in ESO's words; of `data` ESO says `dataFrom` too.
    fn event(&self, redactor: &Redactor) -> String {
        let said = "secret does not exist at provider using spec";
        match self {
            Self::Data { index, key } => format!("{said}.data[{index}] (key={})", redactor.clean_text(key)),
            Self::DataFrom { index } => format!("{said}.dataFrom[{index}]"),
        }
    }
}

/// What events say of them: as many as the status would name.
pub fn absent_events(absent: &[Absent], redactor: &Redactor) -> Vec<String> {
    absent.iter().take(MAX_REPORTED).map(|one| one.event(redactor)).collect()
}

/// Entries that could not be read the last time: what they would have given is not missed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    entries: BTreeSet<String>,
    /// The list had an end before it was complete, so it may be any other too.
    cut: bool,
}

impl Unread {
    /// All of them.
    pub fn of(failures: &[EntryFailure]) -> Self {
        Self { entries: failures.iter().map(|failure| failure.entry.clone()).collect(), cut: false }
    }

    /// As far as a status says so: for who was not there when they were read.
    pub fn reported(failures: &[Reported]) -> Self {
        let entries = failures.iter().map(|failure| failure.entry.clone()).collect();
        Self { entries, cut: failures.len() >= MAX_REPORTED }
    }

    /// Whether it may be that one.
    pub fn may_be(&self, entry: &str) -> bool {
        self.cut || self.entries.contains(entry)
    }
}

/// What stands in for all of them: the first that concerns more than its entry, else the first. What was not even tried
/// says least, and that an object is another operator's says all. `None` if there are none.
pub fn principal(failures: &[EntryFailure]) -> Option<&EntryFailure> {
    failures.iter().min_by_key(|one| match &one.failure {
        Failure::OtherController { .. } => 0,
        Failure::Held { .. } => 2,
        failure if failure.concerns_one_entry() => 3,
        _ => 1,
    })
}

/// Whether a part of it may be written without the rest. Not what is made: nobody could tell then what the Secret holds
/// on lease. Not what a template makes, which may need any of the values. Not an immutable Secret, which could never get
/// the rest; and no object of another kind, of which nobody knows whose its fields are.
pub fn may_be_partial(spec: &ExternalSecretSpec) -> bool {
    let generator =
        |entry: &DataFrom| entry.source_ref.as_ref().is_some_and(|source| source.generator_ref.is_some());
    let target = &spec.target;
    let secret = target.manifest.is_none();
    secret
        && !(target.immutable || makes_data(target.template.as_ref()) || spec.data_from.iter().any(generator))
}

/// For the status.
pub fn reported(failures: &[EntryFailure], redactor: &Redactor) -> Vec<Reported> {
    let report = |one: &EntryFailure| {
        let mut message = one.failure.message(redactor);
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        Reported {
            key: redactor.clean_text(&one.key),
            entry: one.entry.clone(),
            reason: one.failure.class().reason.to_owned(),
            message,
        }
    };
    failures.iter().take(MAX_REPORTED).map(report).collect()
}

/// What a condition adds where nothing could be written anyway.
pub fn unread(failures: usize) -> String {
    match failures {
        0 => String::new(),
        1 => "; 1 key could not be read: see status.failures".to_owned(),
        all => format!("; {all} keys could not be read: see status.failures"),
    }
}

/// What a condition adds to the message about the principal one.
pub fn more(failures: &[EntryFailure]) -> String {
    match failures.len() {
        0 | 1 => String::new(),
        2 => " (and 1 more key: see status.failures)".to_owned(),
        all => format!(" (and {} more keys: see status.failures)", all - 1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::error::StoreName;
    use crate::secret::{SecretBytes, Untrusted};

    fn missing(index: usize, detail: &str) -> EntryFailure {
        let store =
            StoreName { kind: "SecretStore".into(), namespace: Some("a".to_owned()), name: "s".to_owned() };
        let (key, detail) = (format!("key-{index}"), Untrusted::new(detail));
        EntryFailure {
            entry: format!("data[{index}]"),
            key: key.clone(),
            failure: Failure::RemoteKeyNotFound { store, key, version: None, detail },
        }
    }

    #[test]
    fn the_status_names_each_and_no_value() {
        let mut redactor = Redactor::default();
        redactor.seed(&SecretBytes::copied_from(b"hunter2-hunter2"));
        let long = "x".repeat(2000);
        let mut failures: Vec<EntryFailure> = (0..30).map(|index| missing(index, &long)).collect();
        failures[0] = missing(0, "not hunter2-hunter2");
        let reported = reported(&failures, &redactor);
        assert_eq!(reported.len(), MAX_REPORTED);
        assert!(reported.iter().all(|one| one.message.len() <= MAX_MESSAGE));
        assert_eq!((reported[3].entry.as_str(), reported[3].key.as_str()), ("data[3]", "key-3"));
        assert_eq!(reported[3].reason, "RemoteKeyNotFound");
        assert!(reported[0].message.ends_with("not [redacted]"), "{}", reported[0].message);
        assert_eq!(more(&failures), " (and 29 more keys: see status.failures)");
        assert_eq!(more(&failures[..1]), "");
        assert_eq!(
            [0, 1, 30].map(unread)[1..],
            [
                "; 1 key could not be read: see status.failures",
                "; 30 keys could not be read: see status.failures",
            ]
        );
    }

    #[test]
    fn what_the_status_has_no_room_for_is_known_to_who_read_it() {
        let failures: Vec<EntryFailure> = (0..30).map(|index| missing(index, "")).collect();
        let known = Unread::of(&failures);
        assert!(known.may_be("data[29]") && !known.may_be("data[30]"));
        let after_a_start = Unread::reported(&reported(&failures, &Redactor::default()));
        assert!(after_a_start.may_be("data[29]") && after_a_start.may_be("data[30]"), "nobody can tell");
        let few = Unread::reported(&reported(&failures[..19], &Redactor::default()));
        assert!(few.may_be("data[18]") && !few.may_be("data[19]"));
        assert!(!Unread::default().may_be("data[0]"));
    }

    /// Words of ESO's controller (`eventMissingProviderSecret`, `eventMissingProviderSecretKey`).
    #[test]
    fn what_may_be_missing_is_told_of_in_esos_words() {
        let mut redactor = Redactor::default();
        redactor.seed(&SecretBytes::copied_from(b"hunter2-hunter2"));
        let mut absent = vec![Absent::DataFrom { index: 1 }];
        absent
            .extend((0..30).map(|index| Absent::Data { index, key: format!("key-{index}/hunter2-hunter2") }));
        let events = absent_events(&absent, &redactor);
        assert_eq!(events.len(), MAX_REPORTED);
        assert_eq!(events[0], "secret does not exist at provider using spec.dataFrom[1]");
        assert_eq!(events[3], "secret does not exist at provider using spec.data[2] (key=key-2/[redacted])");
    }

    #[test]
    fn what_concerns_the_store_comes_first() {
        let mut failures = vec![missing(0, ""), missing(1, "")];
        assert_eq!(principal(&failures).unwrap().entry, "data[0]");
        failures[1].failure = Failure::Held {
            store: StoreName { kind: "SecretStore".into(), namespace: None, name: "s".to_owned() },
            left: std::time::Duration::from_secs(1),
        };
        assert_eq!(principal(&failures).unwrap().entry, "data[1]");
        assert!(principal(&[]).is_none());
        // Which was asked says more than which was not.
        let store = StoreName { kind: "SecretStore".into(), namespace: None, name: "s".to_owned() };
        let plugin = "vault@1".to_owned();
        let limited = Failure::RateLimited { store, plugin, retry_after: None, detail: Untrusted::new("") };
        failures.push(EntryFailure { failure: limited, ..missing(2, "") });
        assert_eq!(principal(&failures).unwrap().entry, "data[2]");
    }

    #[test]
    fn what_may_be_written_in_part() {
        let parsed = |spec: serde_json::Value| serde_json::from_value::<ExternalSecretSpec>(spec).unwrap();
        let made = json!({"sourceRef": {"generatorRef": {"kind": "VaultDynamicSecret", "name": "g"}}});
        for (spec, may) in [
            (json!({}), true),
            (json!({"target": {"template": {"type": "Opaque"}}}), true),
            (json!({"target": {"template": {"data": {"a": "{{ .b }}"}}}}), false),
            (json!({"target": {"template": {"templateFrom": [{"literal": "a: b"}]}}}), false),
            (json!({"target": {"immutable": true}}), false),
            (json!({"target": {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}}), false),
            (json!({"dataFrom": [{"extract": {"key": "k"}}, made]}), false),
        ] {
            assert_eq!(may_be_partial(&parsed(spec.clone())), may, "{spec}");
        }
    }
}
