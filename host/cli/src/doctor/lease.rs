//! The Lease of several replicas: who holds it, since when, and whether it is over.

use anyhow::Context as _;
use claviger_operator::config::Election;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{Api, Client};

use super::finding::Finding;

const CHECK: &str = "lease";

/// Looks.
pub(super) async fn look(client: &Client, election: &Election) -> Finding {
    let api: Api<Lease> = Api::namespaced(client.clone(), &election.namespace);
    let name = format!("{}/{}", election.namespace, election.name);
    let found = api.get_opt(&election.name).await.with_context(|| format!("Lease {name} cannot be read"));
    match found {
        Ok(found) => judge(&name, found.and_then(|lease| lease.spec), Timestamp::now()),
        Err(error) => Finding::not_looked(CHECK, &error),
    }
}

const REMEDY: &str = "see that an operator runs with --enable-leader-election and this name, and what its log says of the lease";

fn judge(name: &str, spec: Option<LeaseSpec>, now: Timestamp) -> Finding {
    let absent = || {
        Finding::warning(CHECK, format!("there is no Lease {name}: no replica has stood for election"))
            .with_remedy(REMEDY)
    };
    let Some(spec) = spec else { return absent() };
    let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
    let Some(holder) = holder else {
        return Finding::warning(CHECK, format!("nobody holds Lease {name}")).with_remedy(REMEDY);
    };
    let lasts = SignedDuration::from_secs(i64::from(spec.lease_duration_seconds.unwrap_or_default()));
    let over = spec.renew_time.as_ref().is_none_or(|renewed| now.duration_since(renewed.0) > lasts);
    if over {
        let last = spec.renew_time.map_or("never".to_owned(), |renewed| format!("at {}", second(renewed.0)));
        let message = format!("{holder} holds Lease {name} and renewed it {last}: nobody works");
        return Finding::warning(CHECK, message).with_remedy(REMEDY);
    }
    let since = spec.acquire_time.map_or(String::new(), |since| format!(" since {}", second(since.0)));
    Finding::ok(CHECK, format!("{holder} holds Lease {name}{since}"))
}

fn second(time: Timestamp) -> String {
    claviger_core::status::rfc3339(time)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::super::finding::Level;
    use super::*;

    #[test]
    fn who_works_and_since_when() {
        let lease = |holder: &str| {
            json!({"holderIdentity": holder, "leaseDurationSeconds": 10, "acquireTime": "2026-01-01T00:00:00.000000Z",
                "renewTime": "2026-01-01T01:00:00.000000Z"})
        };
        for (spec, now, level, words) in [
            (None, "2026-01-01T01:00:00Z", Level::Warning, "there is no Lease ns/l"),
            (Some(lease("")), "2026-01-01T01:00:00Z", Level::Warning, "nobody holds Lease ns/l"),
            (
                Some(lease("pod_1")),
                "2026-01-01T01:00:10Z",
                Level::Ok,
                "pod_1 holds Lease ns/l since 2026-01-01T00:00:00Z",
            ),
            (
                Some(lease("pod_1")),
                "2026-01-01T01:00:11Z",
                Level::Warning,
                "renewed it at 2026-01-01T01:00:00Z: nobody works",
            ),
            (
                Some(json!({"holderIdentity": "pod_1"})),
                "2026-01-01T01:00:00Z",
                Level::Warning,
                "renewed it never",
            ),
        ] {
            let spec = spec.map(|spec| serde_json::from_value(spec).unwrap());
            let found = judge("ns/l", spec, now.parse().unwrap());
            assert!(found.level == level && found.message.contains(words), "{words}: {found:?}");
        }
    }
}
