//! Restarts the workloads that use a Secret when its data has changed. What they are, and when they run again, is
//! `core::rollout`'s.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::names::{changed_annotation, restart_annotation};
use claviger_core::plan::Observed;
use claviger_core::redact::Redactor;
use claviger_core::rollout::Targets;
use claviger_crds::external_secret::ExternalSecret;
use kube::Resource;

use super::Context;
use crate::cluster::workloads;
use crate::state::RolledOut;
use crate::watch::cache::Name;

/// How far the restarts for the last change of the data have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rollout {
    /// Nothing was to be restarted, so nothing tells who has taken the new data up.
    Nothing,
    /// All that was restarted runs again.
    Over,
    /// Not all of it runs again.
    UnderWay,
    /// Not all of it could be restarted.
    Failing,
}

impl Rollout {
    /// How long until it is looked at again: nobody tells us of a rollout's end, nor of a right that was granted.
    pub(super) fn again(self) -> Option<Duration> {
        match self {
            Self::Nothing | Self::Over => None,
            Self::UnderWay => Some(Duration::from_secs(10)),
            Self::Failing => Some(Duration::from_secs(60)),
        }
    }
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
    let (Some(mark), false) = (changed, targets.is_empty()) else { return Rollout::Nothing };
    let known = context.state.rollout(name).filter(|known| known.mark == *mark);
    if !context.config.rollouts {
        if known.is_none() {
            let message =
                "nothing is restarted for the changed secret: the operator runs with --enable-rollouts=false";
            context.events.warning(&es.object_ref(&()), "RolloutRestartFailed", message);
            context.state.rolled(name, RolledOut { mark: mark.clone(), restarted: false, over: false });
        }
        return Rollout::Nothing;
    }
    match &known {
        Some(known) if known.over => return Rollout::Over,
        Some(known) if known.restarted && !watched => return Rollout::Nothing,
        _ => {}
    }
    // Once for each change: who reverts the annotation would have everything restarted again and again.
    let done = known.as_ref().is_some_and(|known| known.restarted);
    let keep =
        |restarted, over| context.state.rolled(name, RolledOut { mark: mark.clone(), restarted, over });
    let about = es.object_ref(&());
    let (found, missing) = match workloads::find(&context.client, &name.namespace, targets).await {
        Ok(found) => found,
        Err(failure) => {
            let message = failure.message(&Redactor::default());
            tracing::warn!(message, "workloads are not restarted yet");
            if known.is_none() {
                context.events.warning(&about, "RolloutRestartFailed", &message);
            }
            keep(done, false);
            return Rollout::Failing;
        }
    };
    let annotation = restart_annotation(&name.name);
    let (mut restarted, mut failed) = (Vec::new(), None);
    let left = |workload: &&workloads::Workload| !done && workload.annotation(&annotation) != Some(mark);
    for workload in found.iter().filter(left) {
        match workloads::restart(&context.client, &name.namespace, workload, &annotation, mark).await {
            Ok(()) => restarted.push(workload.shown()),
            Err(failure) => failed = Some(failure.message(&Redactor::default())),
        }
    }
    if !restarted.is_empty() {
        let message = format!("restarted for the changed secret: {}", restarted.join(", "));
        context.events.normal(&about, "RolloutRestarted", &message);
    }
    if let Some(message) = failed {
        if known.is_none() {
            context.events.warning(&about, "RolloutRestartFailed", &message);
        }
        keep(false, false);
        return Rollout::Failing;
    }
    if !missing.is_empty() && !done {
        let message = format!("not there to be restarted: {}", missing.join(", "));
        context.events.warning(&about, "RolloutTargetMissing", &message);
    }
    if found.is_empty() {
        keep(true, false);
        return Rollout::Nothing;
    }
    let over = restarted.is_empty() && found.iter().all(|one| one.kind.is_rolled_out(&one.object));
    keep(true, over);
    match (over, watched) {
        (true, _) => Rollout::Over,
        (false, true) => Rollout::UnderWay,
        (false, false) => Rollout::Nothing,
    }
}
