//! Restarts the workloads that use a Secret when its data has changed. What they are, and when they run again, is
//! `core::rollout`'s.

use std::sync::Arc;

use claviger_core::names::{changed_annotation, restart_annotation};
use claviger_core::plan::Observed;
use claviger_core::redact::Redactor;
use claviger_core::rollout::Targets;
use claviger_crds::external_secret::ExternalSecret;
use kube::Resource;

use super::Context;
use crate::cluster::workloads;
use crate::watch::cache::Name;

/// How far the restarts for the last change of the data have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rollout {
    /// Nothing to be restarted, or all of it runs again.
    Over,
    /// Not all of it runs again; nobody wakes us for that.
    UnderWay,
}

/// Restarts what was not restarted since the data changed. `watched`: whether somebody wants to know when that is over;
/// else nothing is asked once it is done.
pub(super) async fn look(
    context: &Arc<Context>,
    name: &Name,
    es: &ExternalSecret,
    targets: &Targets,
    secret: Option<&Observed>,
    watched: bool,
) -> Rollout {
    let changed = secret.and_then(|secret| secret.annotations.get(&changed_annotation(&name.name)));
    let (Some(mark), false) = (changed, targets.is_empty()) else { return Rollout::Over };
    let known = context.state.rollout(name).filter(|known| known.mark == *mark);
    match &known {
        Some(known) if known.over || !watched => return Rollout::Over,
        _ => {}
    }
    let about = es.object_ref(&());
    let (found, missing) = match workloads::find(&context.client, &name.namespace, targets).await {
        Ok(found) => found,
        Err(failure) => {
            let message = failure.message(&Redactor::default());
            tracing::warn!(message, "workloads are not restarted yet");
            if known.is_none() {
                context.events.warning(&about, "RolloutRestartFailed", &message).await;
            }
            return Rollout::UnderWay;
        }
    };
    let annotation = restart_annotation(&name.name);
    let (mut restarted, mut failed) = (Vec::new(), None);
    for workload in found.iter().filter(|workload| workload.annotation(&annotation) != Some(mark)) {
        match workloads::restart(&context.client, &name.namespace, workload, &annotation, mark).await {
            Ok(()) => restarted.push(workload.shown()),
            Err(failure) => failed = Some(failure.message(&Redactor::default())),
        }
    }
    if !restarted.is_empty() {
        let message = format!("restarted for the changed secret: {}", restarted.join(", "));
        context.events.normal(&about, "RolloutRestarted", &message).await;
    }
    if let Some(message) = failed {
        context.events.warning(&about, "RolloutRestartFailed", &message).await;
        return Rollout::UnderWay;
    }
    if !missing.is_empty() && known.is_none() {
        let message = format!("not there to be restarted: {}", missing.join(", "));
        context.events.warning(&about, "RolloutTargetMissing", &message).await;
    }
    let over = restarted.is_empty() && found.iter().all(|one| one.kind.is_rolled_out(&one.object));
    context.state.rolled(name, mark, over);
    if over || !watched { Rollout::Over } else { Rollout::UnderWay }
}
