//! What a PushSecret's status says, and what it says of what was pushed before.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger_crds::condition::Condition;
use claviger_crds::external_secret::StoreKind;
use claviger_crds::push_secret::{PushData, PushSecretStatus, UpdatePolicy};
use jiff::Timestamp;

use super::entries::place_of;
use super::{Place, Record, Target};
use crate::error::Reason;
use crate::status::{ready, rfc3339};

/// ESO's reason when all was pushed.
pub const SYNCED: &str = "Synced";
/// ESO's reason when something was not.
pub const ERRORED: &str = Reason::Errored.as_str();
/// ESO's reason when the Secret is gone and what was pushed of it too.
pub const DELETED: &str = Reason::SourceDeleted.as_str();

/// How a reconcile ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is where it should be.
    Synced,
    /// The Secret is gone, and so is what was pushed of it.
    SourceDeleted,
    /// Something is not, and why.
    Failed(String),
}

impl Outcome {
    /// The condition's reason and message.
    pub fn condition(&self, policy: UpdatePolicy) -> (bool, &'static str, String) {
        match self {
            Self::Synced => {
                let kept = match policy {
                    UpdatePolicy::Replace => "",
                    UpdatePolicy::IfNotExists => ". Existing secrets in providers unchanged.",
                };
                (true, SYNCED, format!("PushSecret synced successfully{kept}"))
            }
            Self::SourceDeleted => {
                (false, DELETED, "source secret deleted; provider secrets cleaned up".to_owned())
            }
            Self::Failed(why) => (false, ERRORED, why.clone()),
        }
    }
}

/// How the status names a store.
pub fn store_key(kind: StoreKind, name: &str) -> String {
    format!("{}/{name}", kind.as_str())
}

/// What the status records of an entry: the name of its place, and the entry.
pub fn recorded(entry: &PushData) -> (String, PushData) {
    let Place { key, property } = place_of(entry);
    let name = if property.is_empty() { key } else { format!("{key}/{property}") };
    (name, entry.clone())
}

/// Every place that a status says was pushed to, or may have been. `store_id` names a store for all namespaces; what it
/// does not know is no store of ours.
pub fn targets_of(
    status: &PushSecretStatus,
    store_id: impl Fn(StoreKind, &str) -> String,
) -> BTreeSet<Target> {
    let stores = status.synced_push_secrets.iter().chain(&status.pushing).filter_map(|(store, entries)| {
        let (kind, name) = parse_store_key(store)?;
        Some((store_id(kind, name), entries))
    });
    stores
        .flat_map(|(store, entries)| {
            entries.values().map(move |entry| Target { store: store.clone(), place: place_of(entry) })
        })
        .collect()
}

/// Kind and name of a store, as a status names it.
pub fn parse_store_key(store: &str) -> Option<(StoreKind, &str)> {
    let (kind, name) = store.split_once('/')?;
    Some((StoreKind::of(kind)?, name))
}

/// The status after a reconcile that ended at `now`; `record` is what is at the providers, or may be. `version` and
/// `source` are of what was pushed, and stay what they were if that failed.
pub fn next_status(
    old: Option<&PushSecretStatus>,
    outcome: &Outcome,
    policy: UpdatePolicy,
    record: Record,
    (version, source): (&str, &str),
    now: Timestamp,
) -> PushSecretStatus {
    let (is_ready, reason, message) = outcome.condition(policy);
    let conditions: &[Condition] = old.map(|old| old.conditions.as_slice()).unwrap_or_default();
    let condition = ready(conditions, is_ready, reason, &message, now);
    let old = old.cloned().unwrap_or_default();
    let done = !matches!(outcome, Outcome::Failed(_));
    PushSecretStatus {
        refresh_time: if done { Some(rfc3339(now)) } else { old.refresh_time },
        synced_resource_version: if done { Some(version.to_owned()) } else { old.synced_resource_version },
        synced_source: if done { Some(source.to_owned()) } else { old.synced_source },
        synced_push_secrets: record.synced,
        pushing: record.pushing,
        conditions: vec![condition],
    }
}

/// Whether the new status says something new; that it was refreshed is news only every `persist`.
pub fn worth_writing(old: Option<&PushSecretStatus>, new: &PushSecretStatus, persist: Duration) -> bool {
    let Some(old) = old else { return true };
    let timeless = |status: &PushSecretStatus| PushSecretStatus { refresh_time: None, ..status.clone() };
    let time = |status: &PushSecretStatus| status.refresh_time.as_deref()?.parse::<Timestamp>().ok();
    match (time(old), time(new)) {
        _ if timeless(old) != timeless(new) => true,
        (Some(old), Some(new)) => new.as_second().abs_diff(old.as_second()) >= persist.as_secs(),
        (old, new) => old != new,
    }
}
