//! The Lease object at the API server: reading it, making it, writing it in the version that was seen.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};

use super::candidate::{Record, Timing};

/// What a write came to: the object as it is now. `None`: it was refused, for the object is not the one that was
/// seen, or is gone, or is there already.
pub(super) type Written = Option<Lease>;

/// One Lease object.
pub(super) struct LeaseObject {
    api: Api<Lease>,
    name: String,
    timing: Timing,
}

impl LeaseObject {
    pub(super) fn new(client: Client, namespace: &str, name: &str, timing: Timing) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), timing }
    }

    /// As it is, from the API server's store and not from a cache.
    pub(super) async fn read(&self) -> Result<Option<Lease>, kube::Error> {
        self.api.get_opt(&self.name).await
    }

    pub(super) async fn create(&self, holder: &str) -> Result<Written, kube::Error> {
        let lease = Lease {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            spec: Some(held(None, holder, &self.timing, Timestamp::now())),
        };
        written(self.api.create(&PostParams::default(), &lease).await)
    }

    /// Writes it as `holder`'s, in the version that `seen` is of.
    pub(super) async fn hold(&self, seen: &Lease, holder: &str) -> Result<Written, kube::Error> {
        let spec = held(seen.spec.as_ref(), holder, &self.timing, Timestamp::now());
        self.replace(seen, spec).await
    }

    /// Gives it back, in the version that `seen` is of: whoever looks next takes it at once.
    pub(super) async fn release(&self, seen: &Lease) -> Result<Written, kube::Error> {
        self.replace(seen, given_back(seen.spec.as_ref(), Timestamp::now())).await
    }

    async fn replace(&self, seen: &Lease, spec: LeaseSpec) -> Result<Written, kube::Error> {
        // With uid and resourceVersion as they were seen, and with what others have put there.
        let lease = Lease { metadata: seen.metadata.clone(), spec: Some(spec) };
        written(self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }
}

fn written(answer: Result<Lease, kube::Error>) -> Result<Written, kube::Error> {
    match answer {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What decides of a Lease object.
pub(super) fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    Record {
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        lasts: spec.lease_duration_seconds.and_then(|s| u64::try_from(s).ok()).map(Duration::from_secs),
        version: format!(
            "{}/{}",
            lease.metadata.uid.as_deref().unwrap_or_default(),
            lease.metadata.resource_version.as_deref().unwrap_or_default()
        ),
    }
}

/// The spec under its holder, from the one before.
fn held(before: Option<&LeaseSpec>, holder: &str, timing: &Timing, now: Timestamp) -> LeaseSpec {
    let mut spec = before.cloned().unwrap_or_default();
    if spec.holder_identity.as_deref() != Some(holder) {
        let handed_over = i32::from(before.is_some());
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(handed_over));
        spec.acquire_time = Some(MicroTime(now));
    }
    spec.holder_identity = Some(holder.to_owned());
    spec.lease_duration_seconds = i32::try_from(timing.lease.as_secs()).ok();
    // For people, and for clients that go by it; we do not.
    spec.renew_time = Some(MicroTime(now));
    spec
}

/// As client-go leaves it: nobody's, and over in a second for who does not know that word.
fn given_back(before: Option<&LeaseSpec>, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        ..before.cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn a_lease_says_who_has_it_since_when() {
        let first = held(None, "a", &Timing::USUAL, at(0));
        assert_eq!((first.lease_transitions, first.lease_duration_seconds), (Some(0), Some(10)));
        let renewed = held(Some(&first), "a", &Timing::USUAL, at(3));
        assert_eq!((renewed.acquire_time.as_ref().unwrap().0, renewed.lease_transitions), (at(0), Some(0)));
        assert_eq!(renewed.renew_time.as_ref().unwrap().0, at(3));
        let taken = held(Some(&renewed), "b", &Timing::USUAL, at(20));
        assert_eq!((taken.acquire_time.as_ref().unwrap().0, taken.lease_transitions), (at(20), Some(1)));
        let uncounted = LeaseSpec { lease_transitions: None, ..renewed };
        assert_eq!(held(Some(&uncounted), "b", &Timing::USUAL, at(20)).lease_transitions, Some(1));
    }

    #[test]
    fn what_was_given_back_is_nobodys() {
        let lease = |spec| Lease {
            metadata: ObjectMeta {
                uid: Some("u".to_owned()),
                resource_version: Some("7".to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(spec),
        };
        let held = held(None, "a", &Timing::USUAL, at(0));
        let found = record(&lease(held.clone()));
        let expected = Record {
            holder: Some("a".to_owned()),
            lasts: Some(Duration::from_secs(10)),
            version: "u/7".to_owned(),
        };
        assert_eq!(found, expected);
        let back = given_back(Some(&held), at(9));
        assert_eq!(back.lease_transitions, Some(0));
        assert_eq!(record(&lease(back)).holder, None);
    }
}
