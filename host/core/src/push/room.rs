//! How much a status has room for: it has each place that something was pushed to, and etcd takes 1.5 MiB of an object
//! (`--max-request-bytes`). What is not recorded is found by nobody again, so what has no room is not pushed.
//!
//! What an entry takes is counted as the API server stores it: once itself, and once more the names of its fields, in
//! `metadata.managedFields`. The rest of the object (spec, labels, `kubectl`'s last-applied) has what is left of the 1.5 MiB.

use claviger_crds::push_secret::{PushData, SyncedPushSecrets};
use serde_json::Value;

use super::record::Record;
use super::status::recorded;

/// Bytes of all records of one status, as they are stored.
pub const MAX_RECORDED: usize = 1_200 << 10;

/// Room that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Room(usize);

impl Room {
    /// What there is beside a record.
    pub fn beside(record: &Record) -> Self {
        let of = |part: &SyncedPushSecrets| -> usize {
            let entries = part.values().flatten();
            entries.map(|(name, entry)| weight(name, entry)).sum()
        };
        Self(MAX_RECORDED.saturating_sub(of(&record.synced) + of(&record.pushing)))
    }

    /// Whether an entry fits: then it has its room. One that is recorded has it already, but for what it has become longer by.
    pub fn take(&mut self, record: &Record, store: &str, entry: &PushData) -> bool {
        // Without a look at what is surely too much: a Secret may have a hundred thousand keys.
        if self.0 == 0 && record.named(store, entry).is_none() {
            return false;
        }
        let (name, entry) = recorded(entry);
        let before = record.named(store, &entry).map_or(0, |known| weight(&name, known));
        let more = weight(&name, &entry).saturating_sub(before);
        let fits = more <= self.0;
        // Those behind one that does not fit do not either: which are pushed does not depend on how long each is.
        self.0 = if fits { self.0 - more } else { 0 };
        fits
    }
}

/// `"NAME":ENTRY,` and `"f:NAME":FIELDS,`.
fn weight(name: &str, entry: &PushData) -> usize {
    let entry = serde_json::to_value(entry).unwrap_or_default();
    2 * (name.len() + 4) + 2 + entry.to_string().len() + fields(&entry)
}

/// Of a value in `managedFields`: each field of an object is named there, a list and a plain value is `{}`.
fn fields(value: &Value) -> usize {
    match value {
        Value::Object(object) => {
            let named = object.iter().map(|(name, value)| name.len() + r#""f:":,"#.len() + fields(value));
            r#"{".":{}}"#.len() + named.sum::<usize>()
        }
        _ => "{}".len(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_crds::push_secret::PushSecretStatus;
    use serde_json::json;

    use super::*;

    const STORE: &str = "SecretStore/vault";

    fn entry(key: &str, metadata: &Value) -> PushData {
        let entry =
            json!({"match": {"secretKey": "s", "remoteRef": {"remoteKey": key}}, "metadata": metadata});
        serde_json::from_value(entry).unwrap()
    }

    /// Both as an API server has them.
    #[test]
    fn an_entry_takes_what_the_api_server_stores_of_it() {
        let entry = entry("app/db", &json!({"tags": {"team": "a"}, "list": [1, 2]}));
        let stored = r#""app/db":{"match":{"secretKey":"s","remoteRef":{"remoteKey":"app/db"}},"metadata":{"tags":{"team":"a"},"list":[1,2]},"conversionStrategy":"None"},"#;
        let managed = r#""f:app/db":{".":{},"f:conversionStrategy":{},"f:match":{".":{},"f:remoteRef":{".":{},"f:remoteKey":{}},"f:secretKey":{}},"f:metadata":{".":{},"f:list":{},"f:tags":{".":{},"f:team":{}}}},"#;
        assert_eq!(weight("app/db", &entry), stored.len() + managed.len());
    }

    #[test]
    fn what_is_recorded_stays_and_the_rest_comes_in_order_while_there_is_room() {
        let none = json!(null);
        let one = weight("k-000000", &entry("k-000000", &none));
        let all: Vec<PushData> =
            (0..2 * MAX_RECORDED / one).map(|index| entry(&format!("k-{index:06}"), &none)).collect();
        let mut record = Record::default();
        let mut room = Room::beside(&record);
        let fitting = all.iter().filter(|entry| room.take(&record, STORE, entry)).count();
        assert_eq!(fitting, MAX_RECORDED / one);
        record.begin(STORE, &all[..fitting]);
        // Again: those that are recorded, and no other.
        let mut room = Room::beside(&record);
        let again: Vec<_> = all.iter().filter(|entry| room.take(&record, STORE, entry)).collect();
        assert_eq!(again, all[..fitting].iter().collect::<Vec<_>>());
        // Another store has the same room, and what is longer than it was needs more.
        let mut room = Room::beside(&record);
        assert!(room.take(&record, STORE, &all[0]) && !room.take(&record, "SecretStore/other", &all[0]));
        let mut room = Room::beside(&record);
        assert!(!room.take(&record, STORE, &entry("k-000000", &json!("x".repeat(one)))));
        // One place is given up, and another has its room.
        let forgotten = super::super::Part::Pushing;
        record.forget(forgotten, STORE, &all[0]);
        let mut room = Room::beside(&record);
        let there = all[1..].iter().filter(|entry| room.take(&record, STORE, entry)).count();
        assert_eq!(there, fitting);
        let over = PushSecretStatus {
            synced_push_secrets: [(STORE.to_owned(), all.iter().map(recorded).collect())].into(),
            ..PushSecretStatus::default()
        };
        let record = Record::of(Some(&over));
        let mut room = Room::beside(&record);
        assert!(
            all.iter().all(|entry| room.take(&record, STORE, entry)),
            "what an older version has recorded goes on"
        );
    }
}
