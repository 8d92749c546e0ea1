//! The status of ExternalSecrets and stores: what it says, and when writing it is worth a request.

use std::time::Duration;

use claviger_crds::condition::Condition;
use claviger_crds::external_secret::{Binding, ExternalSecretStatus, KeyFailure, KeySource};
use claviger_crds::store::SecretStoreStatus;
use jiff::Timestamp;

/// The Ready condition. Its transition time moves only when its status does.
pub fn ready(old: &[Condition], ready: bool, reason: &str, message: &str, now: Timestamp) -> Condition {
    let status = if ready { "True" } else { "False" };
    let since = old
        .iter()
        .find(|condition| condition.type_ == "Ready" && condition.status == status)
        .and_then(|condition| condition.last_transition_time.clone());
    Condition {
        type_: "Ready".to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_transition_time: Some(since.unwrap_or_else(|| rfc3339(now))),
    }
}

/// Whether the Ready condition says so.
pub fn is_ready(conditions: &[Condition]) -> bool {
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Kubernetes' times have whole seconds.
pub fn rfc3339(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// A success: refreshed at `now` for this version of the object.
pub fn refreshed(
    old: Option<&ExternalSecretStatus>,
    condition: Condition,
    version: &str,
    binding: Option<String>,
    sources: Vec<KeySource>,
    now: Timestamp,
) -> ExternalSecretStatus {
    ExternalSecretStatus {
        refresh_time: Some(rfc3339(now)),
        synced_resource_version: Some(version.to_owned()),
        conditions: with(old, condition),
        binding: binding.map(|name| Binding { name }),
        sources,
        failures: Vec::new(),
    }
}

/// A failure, of these entries if it is of some: what was synced before still is.
pub fn failed(
    old: Option<&ExternalSecretStatus>,
    condition: Condition,
    failures: Vec<KeyFailure>,
) -> ExternalSecretStatus {
    ExternalSecretStatus { conditions: with(old, condition), failures, ..old.cloned().unwrap_or_default() }
}

fn with(old: Option<&ExternalSecretStatus>, condition: Condition) -> Vec<Condition> {
    let others = old.into_iter().flat_map(|status| &status.conditions);
    let mut conditions: Vec<Condition> =
        others.filter(|other| other.type_ != condition.type_).cloned().collect();
    conditions.push(condition);
    conditions
}

/// Whether the new status should be written. A refresh time that moved is news only every `persist`:
/// between, the exact time is a metric.
pub fn worth_writing(
    old: Option<&ExternalSecretStatus>,
    new: &ExternalSecretStatus,
    persist: Duration,
) -> bool {
    let Some(old) = old else { return true };
    let without_time =
        |status: &ExternalSecretStatus| ExternalSecretStatus { refresh_time: None, ..status.clone() };
    if without_time(old) != without_time(new) {
        return true;
    }
    let time = |status: &ExternalSecretStatus| {
        status.refresh_time.as_deref().and_then(|time| time.parse::<Timestamp>().ok())
    };
    match (time(old), time(new)) {
        // Also of a clock that was set back: else a time in the future would stand for hours.
        (Some(old), Some(new)) => new.as_second().abs_diff(old.as_second()) >= persist.as_secs(),
        (old, new) => old != new,
    }
}

/// The status of a store.
pub fn store(
    old: Option<&SecretStoreStatus>,
    condition: Condition,
    capabilities: Option<&str>,
) -> SecretStoreStatus {
    let kept = old.and_then(|old| old.capabilities.clone());
    SecretStoreStatus {
        conditions: vec![condition],
        capabilities: capabilities.map(ToOwned::to_owned).or(kept),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn synced(second: i64, old: Option<&ExternalSecretStatus>) -> ExternalSecretStatus {
        let conditions = old.map(|old| old.conditions.clone()).unwrap_or_default();
        let condition = ready(&conditions, true, "SecretSynced", "secret synced", at(second));
        refreshed(old, condition, "1-x", Some("s".to_owned()), Vec::new(), at(second))
    }

    #[test]
    fn a_refresh_alone_is_news_once_a_minute() {
        let minute = Duration::from_secs(60);
        let first = synced(0, None);
        assert!(worth_writing(None, &first, minute));
        assert!(!worth_writing(Some(&first), &synced(59, Some(&first)), minute));
        assert!(worth_writing(Some(&first), &synced(60, Some(&first)), minute));
        assert!(worth_writing(Some(&first), &synced(-3600, Some(&first)), minute), "the clock was set back");
        let condition = ready(&first.conditions, false, "StoreNotFound", "gone", at(5));
        assert!(worth_writing(Some(&first), &failed(Some(&first), condition, Vec::new()), minute));
    }

    #[test]
    fn the_transition_time_moves_with_the_status_only() {
        let first = synced(0, None);
        let second = synced(30, Some(&first));
        assert_eq!(first.conditions, second.conditions);
        let one = KeyFailure {
            key: "k".to_owned(),
            entry: "data[0]".to_owned(),
            reason: "X".to_owned(),
            message: "y".to_owned(),
        };
        let broken = failed(Some(&second), ready(&second.conditions, false, "X", "y", at(40)), vec![one]);
        assert_eq!(broken.conditions[0].last_transition_time.as_deref(), Some("2023-11-14T22:14:00Z"));
        assert_eq!(broken.refresh_time, second.refresh_time, "what was synced before still is");
        assert_eq!(broken.binding, second.binding);
        assert_eq!(broken.failures.len(), 1);
        assert_eq!(synced(50, Some(&broken)).failures, [], "gone when all is well");
        let again = failed(Some(&broken), broken.conditions[0].clone(), Vec::new());
        assert!(again.failures.is_empty() && worth_writing(Some(&broken), &again, Duration::from_secs(60)));
    }
}
