//! What an ExternalSecret's own fields say of how fresh it is, for metrics: so they are right again after a start, before
//! anything is refreshed.

use claviger_core::error::{PARTIALLY_SYNCED, Reason};
use claviger_core::refresh::{self, Rhythm};
use claviger_core::windows::Windows;
use claviger_crds::external_secret::{ExternalSecret, RefreshPolicy};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::metrics::Seen;

/// What its status says.
pub(super) fn seen(es: &ExternalSecret) -> Seen {
    let status = es.status.as_ref();
    let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let condition = conditions.iter().find(|it| it.type_ == "Ready");
    let refused = condition.filter(|it| it.status == "False");
    let synced = match refused.filter(|it| it.reason.as_deref() == Some(PARTIALLY_SYNCED)) {
        // `refreshTime` is then that of a refresh that lacks something: it was whole until the condition turned.
        Some(partly) => partly.last_transition_time.as_deref(),
        None => status.and_then(|status| status.refresh_time.as_deref()),
    };
    Seen {
        created: created(&es.metadata),
        synced: synced.and_then(|time| time.parse().ok()).map(seconds),
        ready: condition.map(|it| it.status == "True"),
        reason: refused.and_then(|it| typed(it.reason.as_deref()?)),
    }
}

/// A reason that stands in a status, if it is one of ours: what somebody else wrote there is no label.
fn typed(text: &str) -> Option<&'static str> {
    Reason::ALL.iter().map(|reason| reason.as_str()).find(|reason| *reason == text)
}

/// When the refresh that comes next is or was due: for one that was never refreshed its creation. None: it is not
/// refreshed by itself any more. `last`: when it was, if this process knows better than the status.
pub(super) fn due(
    es: &ExternalSecret,
    last: Option<Timestamp>,
    rhythm: Rhythm,
    windows: &Windows,
) -> Option<f64> {
    let recorded = es.status.as_ref().and_then(|status| status.refresh_time.as_deref()?.parse().ok());
    match last.max(recorded) {
        None => created(&es.metadata),
        Some(last) if es.spec.refresh_policy == RefreshPolicy::Periodic => {
            refresh::next(rhythm, windows, last).map(seconds)
        }
        Some(_) => None,
    }
}

/// Unix time of an object's creation.
pub(super) fn created(meta: &ObjectMeta) -> Option<f64> {
    meta.creation_timestamp.as_ref().map(|time| seconds(time.0))
}

/// Unix time.
#[expect(clippy::cast_precision_loss, reason = "unix time in milliseconds fits a double's 53 bits")]
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn external_secret(policy: &str, status: Value) -> ExternalSecret {
        let object = json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": "es", "creationTimestamp": "2024-01-01T00:00:00Z"},
            "spec": {"refreshPolicy": policy}, "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    /// Seconds since its creation.
    fn since(time: Option<f64>) -> Option<f64> {
        time.map(|time| time - 1_704_067_200.0)
    }

    #[test]
    fn a_status_says_when_it_was_last_in_order() {
        let condition = |status: &str, reason: &str| json!([{"type": "Ready", "status": status, "reason": reason, "lastTransitionTime": "2024-01-01T00:00:10Z"}]);
        let refreshed = "2024-01-01T00:01:00Z";
        let cases = [
            ("new", json!({}), None, (None, None)),
            (
                "never",
                json!({"conditions": condition("False", "AccessDenied")}),
                None,
                (Some(false), Some("AccessDenied")),
            ),
            (
                "another's words",
                json!({"conditions": condition("False", "SecretSyncedError")}),
                None,
                (Some(false), None),
            ),
            (
                "in order",
                json!({"refreshTime": refreshed, "conditions": condition("True", "SecretSynced")}),
                Some(60.0),
                (Some(true), None),
            ),
            (
                "failing since",
                json!({"refreshTime": refreshed, "conditions": condition("False", "AccessDenied")}),
                Some(60.0),
                (Some(false), Some("AccessDenied")),
            ),
            (
                "a part",
                json!({"refreshTime": refreshed, "conditions": condition("False", "PartiallySynced")}),
                Some(10.0),
                (Some(false), Some("PartiallySynced")),
            ),
        ];
        for (what, status, synced, said) in cases {
            let seen = seen(&external_secret("Periodic", status));
            assert_eq!(
                (since(seen.created), since(seen.synced), (seen.ready, seen.reason)),
                (Some(0.0), synced, said),
                "{what}"
            );
        }
    }

    #[test]
    fn what_is_not_refreshed_by_itself_is_not_due() {
        let windows = Windows::parse(None).unwrap();
        let refreshed = json!({"refreshTime": "2024-01-01T00:01:00Z"});
        let hourly = Rhythm::new(Duration::from_secs(3600), "uid", "key");
        let never = Rhythm::new(Duration::ZERO, "uid", "key");
        let of = |policy: &str, status: &Value, rhythm| {
            since(due(&external_secret(policy, status.clone()), None, rhythm, &windows))
        };
        for policy in ["Periodic", "OnChange", "CreatedOnce"] {
            assert_eq!(of(policy, &json!({}), hourly), Some(0.0), "{policy}: due since it is there");
        }
        // Half an interval to one and a half after the last, as `refresh` tests.
        let next = of("Periodic", &refreshed, hourly).unwrap();
        assert!((60.0 + 1800.0..=60.0 + 5400.0).contains(&next), "{next}");
        assert_eq!(of("Periodic", &refreshed, never), None);
        assert_eq!(of("OnChange", &refreshed, hourly), None);
        assert_eq!(of("CreatedOnce", &refreshed, hourly), None);
    }
}
