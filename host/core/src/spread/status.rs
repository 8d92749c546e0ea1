//! The status of a ClusterExternalSecret.

use std::collections::{BTreeMap, BTreeSet};

use claviger_crds::cluster_external_secret::{ClusterExternalSecretStatus, NamespaceFailure};
use claviger_crds::condition::Condition;
use jiff::Timestamp;

use crate::error::Reason;
use crate::status::ready;

/// Reason when some namespaces do not have theirs.
pub const FAILED: &str = Reason::NamespacesFailed.as_str();

/// Failed namespaces that a status lists. With a reason of `MAX_REASON` each that is some 60 KiB, far below the
/// 1.5 MiB that an object may have, and more than anybody reads.
pub const MAX_FAILED: usize = 100;

/// Bytes of all names of provisioned namespaces that a status lists: some 30,000 of usual length, 8,000 of the longest.
/// ESO lists all, and where the object comes to be too large it cannot write the status at all any more, nor anybody the
/// object; a third of etcd's 1.5 MiB leaves as much for the spec and for what `kubectl apply` repeats of it.
const MAX_NAMES: usize = 512 * 1024;

/// Bytes of a reason: the API server's own texts may hold a whole manifest.
const MAX_REASON: usize = 512;

/// What it says after a look. `failed` is every namespace without its ExternalSecret, with the reason, which is ours or
/// the API server's, cleaned.
pub fn status(
    old: Option<&ClusterExternalSecretStatus>,
    child: &str,
    provisioned: &BTreeSet<String>,
    failed: &BTreeMap<String, String>,
    now: Timestamp,
) -> ClusterExternalSecretStatus {
    let conditions = old.map(|old| old.conditions.as_slice()).unwrap_or_default();
    let (provisioned_namespaces, failed_namespaces) = listed(provisioned, failed);
    ClusterExternalSecretStatus {
        external_secret_name: Some(child.to_owned()),
        conditions: vec![condition_of(
            conditions,
            "ExternalSecret",
            (provisioned.len(), provisioned_namespaces.len(), failed.len()),
            now,
        )],
        failed_namespaces,
        provisioned_namespaces,
    }
}

/// The namespaces that a status has room for, and the failures.
pub fn listed(
    provisioned: &BTreeSet<String>,
    failed: &BTreeMap<String, String>,
) -> (Vec<String>, Vec<NamespaceFailure>) {
    (fitting(provisioned), failed.iter().take(MAX_FAILED).map(failure).collect())
}

/// As many as have room, from the first on.
fn fitting(provisioned: &BTreeSet<String>) -> Vec<String> {
    let mut left = MAX_NAMES;
    let fits = |name: &&String| {
        // Two quotes and a comma.
        let room = left.checked_sub(name.len() + 3);
        left = room.unwrap_or(0);
        room.is_some()
    };
    provisioned.iter().take_while(fits).cloned().collect()
}

fn failure((namespace, reason): (&String, &String)) -> NamespaceFailure {
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
    NamespaceFailure { namespace: namespace.clone(), reason: Some(reason.to_owned()) }
}

/// The Ready condition: of how many namespaces that have theirs how many are listed, and how many have none.
pub fn condition_of(
    old: &[Condition],
    kind: &str,
    (provisioned, listed, failed): (usize, usize, usize),
    now: Timestamp,
) -> Condition {
    let more = match listed {
        listed if listed < provisioned => format!("; of {provisioned} that have theirs {listed} are listed"),
        _ => String::new(),
    };
    if failed == 0 {
        let message = format!("every namespace has its {kind}{more}");
        return ready(old, true, "NamespacesProvisioned", &message, now);
    }
    let all = failed + provisioned;
    // ESO's words first.
    let mut message = format!("one or more namespaces failed: {failed} of {all}");
    if failed > MAX_FAILED {
        message.push_str(&format!(", of which {MAX_FAILED} are listed"));
    }
    message.push_str(&more);
    ready(old, false, FAILED, &message, now)
}
