//! A ClusterPushSecret: which namespaces it means, and what its PushSecret in each should be. What follows is decided as
//! for ClusterExternalSecrets ([`crate::spread`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use claviger_crds::cluster_push_secret::{ClusterPushSecret, ClusterPushSecretSpec, ClusterPushSecretStatus};
use claviger_crds::push_secret::PushSecretSpec;
use jiff::Timestamp;

use crate::spread::{Child, NamespaceView, Spread, Wanted, check_interval, condition_of, decide_for, listed};
use crate::tenancy::{check_selector, selects};

/// The name of its PushSecrets.
pub fn child_name(cps: &ClusterPushSecret) -> &str {
    let own = cps.metadata.name.as_deref().unwrap_or_default();
    cps.spec.push_secret_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(own)
}

/// Whether it means a namespace: by any selector.
pub fn means(spec: &ClusterPushSecretSpec, labels: &BTreeMap<String, String>) -> bool {
    spec.namespace_selectors.iter().any(|selector| selects(selector, labels))
}

/// Checks what the schema does not; the time between two looks.
///
/// # Errors
/// The field and what is wrong with it: then nothing is made and nothing is deleted.
pub fn check(spec: &ClusterPushSecretSpec) -> Result<Duration, String> {
    for (index, selector) in spec.namespace_selectors.iter().enumerate() {
        check_selector(selector).map_err(|why| format!("spec.namespaceSelectors[{index}]: {why}"))?;
    }
    check_interval(spec.refresh_time.as_deref())
}

/// What its PushSecrets should be.
pub fn wanted(cps: &ClusterPushSecret) -> Wanted<PushSecretSpec> {
    let metadata = cps.spec.push_secret_metadata.clone().unwrap_or_default();
    Wanted {
        name: child_name(cps).to_owned(),
        labels: metadata.labels,
        annotations: metadata.annotations,
        spec: cps.spec.push_secret_spec.clone(),
    }
}

/// Decides, as [`crate::spread::decide`].
pub fn decide(
    cps: &ClusterPushSecret,
    wanted: &Wanted<PushSecretSpec>,
    namespaces: &BTreeMap<String, Arc<NamespaceView>>,
    children: &BTreeMap<(String, String), Child<'_, PushSecretSpec>>,
) -> Spread {
    let uid = cps.metadata.uid.as_deref().unwrap_or_default();
    let meant = |_: &str, view: &NamespaceView| means(&cps.spec, &view.labels);
    decide_for((uid, "push secret"), meant, wanted, namespaces, children)
}

/// What its status says after a look.
pub fn status(
    old: Option<&ClusterPushSecretStatus>,
    child: &str,
    provisioned: &BTreeSet<String>,
    failed: &BTreeMap<String, String>,
    now: Timestamp,
) -> ClusterPushSecretStatus {
    let conditions = old.map(|old| old.conditions.as_slice()).unwrap_or_default();
    let (provisioned_namespaces, failed_namespaces) = listed(provisioned, failed);
    let counts = (provisioned.len(), provisioned_namespaces.len(), failed.len());
    ClusterPushSecretStatus {
        push_secret_name: Some(child.to_owned()),
        conditions: vec![condition_of(conditions, "PushSecret", counts, now)],
        failed_namespaces,
        provisioned_namespaces,
    }
}
