//! The status of a ClusterExternalSecret.

use std::collections::{BTreeMap, BTreeSet};

use claviger_crds::cluster_external_secret::{ClusterExternalSecretStatus, NamespaceFailure};
use claviger_crds::condition::Condition;
use jiff::Timestamp;

use crate::status::ready;

/// Failed namespaces that a status lists. With a reason of [`MAX_REASON`] each that is some 60 KiB, far below the
/// 1.5 MiB that an object may have, and more than anybody reads.
pub const MAX_FAILED: usize = 100;

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
    ClusterExternalSecretStatus {
        external_secret_name: Some(child.to_owned()),
        failed_namespaces: failed.iter().take(MAX_FAILED).map(failure).collect(),
        provisioned_namespaces: provisioned.iter().cloned().collect(),
        conditions: vec![condition(conditions, provisioned.len(), failed.len(), now)],
    }
}

fn failure((namespace, reason): (&String, &String)) -> NamespaceFailure {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    NamespaceFailure { namespace: namespace.clone(), reason: Some(reason[..end].to_owned()) }
}

fn condition(old: &[Condition], provisioned: usize, failed: usize, now: Timestamp) -> Condition {
    if failed == 0 {
        return ready(old, true, "NamespacesProvisioned", "every namespace has its ExternalSecret", now);
    }
    let all = failed + provisioned;
    // ESO's words first.
    let mut message = format!("one or more namespaces failed: {failed} of {all}");
    if failed > MAX_FAILED {
        message.push_str(&format!(", of which {MAX_FAILED} are listed"));
    }
    ready(old, false, "NamespacesFailed", &message, now)
}
