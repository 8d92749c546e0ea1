//! What an ExternalSecret holds on lease: renewed here, and found due to be made anew. Deciding is `core::lease`'s,
//! revoking `revoke`'s; making anew is a refresh like any other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use claviger_core::error::Failure;
use claviger_core::lease::{self, Due, Live, Pins, Policy, Record, Retired, Revoke, Superseded};
use claviger_core::names::{created_by, field_manager, lease_annotation};
use claviger_core::plan::Observed;
use claviger_crds::external_secret::{CreationPolicy, DataFrom, ExternalSecret, ExternalSecretSpec};
use jiff::Timestamp;
use kube::Resource;

use super::Context;
use super::revoke::{self, hiding};
use super::rollout::Rollout;
use super::world::ClusterWorld;
use crate::sync::{Issued, Renewal};
use crate::watch::Object;
use crate::watch::cache::Name;
use crate::watch::managed::observed;

/// What is due and could not be done is looked at again.
const AGAIN: Duration = Duration::from_secs(5);

/// What is held, and what is due of it.
pub(super) struct Holding {
    /// As recorded on the Secret.
    pub(super) record: Record,
    /// Whether everything is to be made anew.
    pub(super) rotate: bool,
    /// When to look again.
    pub(super) next: Option<Timestamp>,
}

/// Looks at the record on the target: renews what is to be renewed, revokes what was replaced and is due.
pub(super) async fn look(
    context: &Arc<Context>,
    name: &Name,
    es: &ExternalSecret,
    policy: &Policy,
    target: Option<&Observed>,
    rollout: Rollout,
    now: Timestamp,
) -> Option<Holding> {
    let record = recorded(target, &name.name)?;
    let world = ClusterWorld { context: context.clone(), reader: Object::ExternalSecret(name.clone()) };
    let spread = lease::spread(es.meta().uid.as_deref().unwrap_or_default());
    let mut failing = None;
    // Also of what is to be made anew: that may fail, and what lives is to go on living.
    let lives = context.state.leases(name).lives;
    if lease::to_renew(&record, &lives, spread, now).next().is_some() {
        failing = renew(context, &world, name, es, &record, spread, now).await;
    }
    let rolled_out = rollout == Rollout::Over;
    let revoked = revoke::ripe(context, &world, name, es, &record, rolled_out, now).await;
    let lives = context.state.leases(name).lives;
    // That may have taken a while.
    let now = Timestamp::now();
    let (rotate, next) = match lease::due(&record, &lives, policy, spread, now) {
        // That may fail, for long: what lives is looked at all the same.
        Due::Rotate => (true, lease::meanwhile(&record, &lives, spread, now)),
        // It could not be told, and `failing` says when to ask again; in any case it is not left alone.
        Due::Renew => (false, failing.or_else(|| now.checked_add(AGAIN).ok())),
        Due::At(at) => (false, Some(at)),
        Due::Nothing => (false, None),
    };
    let next = next.into_iter().chain(failing).chain(revoked).min();
    Some(Holding { record, rotate, next })
}

/// The record on a Secret.
///
/// Whoever may edit the Secret may write one. What that reaches are leases whose ids and accessors they know, which
/// backends make unguessable; and those they could have used all the same. What a store's access policy keeps from them it
/// does not reach: see [`crate::sync::Pipeline::renew`].
pub(super) fn recorded(target: Option<&Observed>, external_secret: &str) -> Option<Record> {
    Record::parse(target?.annotations.get(&lease_annotation(external_secret))?)
}

/// Renews. When to try again, if one could not be asked for.
async fn renew(
    context: &Arc<Context>,
    world: &ClusterWorld,
    name: &Name,
    es: &ExternalSecret,
    record: &Record,
    spread: u32,
    now: Timestamp,
) -> Option<Timestamp> {
    let lives = context.state.leases(name).lives;
    let mut again: Option<Timestamp> = None;
    for held in lease::to_renew(record, &lives, spread, now) {
        let Some(lease) = &held.lease else { continue };
        let before = lives.get(&lease.id).copied();
        // The life is counted from before the request.
        let asked_at = Timestamp::now();
        let renewal = context.pipeline.renew(held, lease, &name.namespace, world);
        let live = match renewal.await {
            Ok(Renewal::Renewed(answer)) => {
                context.metrics.lease("renew", "done");
                lease::renewed(held, before, lease.duration, &answer, asked_at)
            }
            Ok(Renewal::Gone) => {
                context.metrics.lease("renew", "gone");
                Live::gone(asked_at)
            }
            Ok(Renewal::Refused(failure)) => {
                context.metrics.lease("renew", "refused");
                let message = format!(
                    "a lease cannot be renewed and is replaced before it ends: {}",
                    failure.message(&hiding(held))
                );
                context.events.warning(&es.object_ref(&()), "LeaseNotRenewed", &message);
                Live::refused(held, before, asked_at)
            }
            Err(failure) => {
                // After a start, or while the backend limits us: nothing was asked.
                if !matches!(failure, Failure::PluginLoading { .. } | Failure::Held { .. }) {
                    context.metrics.lease("renew", "failed");
                    tracing::warn!(message = failure.message(&hiding(held)), "a lease was not renewed yet");
                }
                // Of a store that is not there any more nobody will ever hear whether it was renewed.
                let absent = matches!(
                    failure,
                    Failure::StoreNotFound { .. }
                        | Failure::GeneratorNotFound { .. }
                        | Failure::GeneratorUnknown { .. }
                );
                let over = absent && before.is_none() && held.end().is_some_and(|end| end <= now);
                match lease::try_again(held, before, now).filter(|_| !over) {
                    Some(at) => {
                        again = again.into_iter().chain([at]).min();
                        continue;
                    }
                    // It has ended without an answer.
                    None => Live::gone(asked_at),
                }
            }
        };
        context.state.lease_renewed(name, &lease.id, live);
    }
    again
}

/// Whether there is, or will be, a Secret to record on what is made; and one that may change when that is replaced.
pub(super) fn may_make(spec: &ExternalSecretSpec, found: Option<&Observed>) -> bool {
    match spec.target.creation_policy {
        CreationPolicy::None => false,
        CreationPolicy::Merge => found.is_some_and(|found| !found.immutable),
        CreationPolicy::Owner | CreationPolicy::Orphan | CreationPolicy::CreateOrMerge => {
            found.is_none_or(|found| !found.immutable)
        }
    }
}

/// Whether the target's owner is this very object, where it has one: the garbage collector takes it from the other.
pub(super) fn is_owned(es: &ExternalSecret, target: &Observed) -> bool {
    es.spec.target.creation_policy != CreationPolicy::Owner
        || target
            .controller
            .as_ref()
            .is_some_and(|owner| es.meta().uid.as_deref() == Some(owner.uid.as_str()))
}

/// Whether something is made for it, as far as is known before it is read for the first time.
pub(super) fn makes_something(es: &ExternalSecret, pins: &Pins) -> bool {
    let generator =
        |entry: &DataFrom| entry.source_ref.as_ref().is_some_and(|source| source.generator_ref.is_some());
    let new = es.status.as_ref().is_none_or(|status| status.refresh_time.is_none());
    new || pins.has_dynamic() || es.spec.data_from.iter().any(generator)
}

/// When a record that was just written is looked at next.
pub(super) fn next(
    context: &Context,
    name: &Name,
    es: &ExternalSecret,
    record: &Record,
    policy: &Policy,
    now: Timestamp,
) -> Option<Timestamp> {
    let spread = lease::spread(es.meta().uid.as_deref().unwrap_or_default());
    let memory = context.state.leases(name);
    // What waits for a rollout is looked at when that is.
    let (ripe, revoked) = lease::to_revoke(record, &memory.revoked, false, now);
    let revoked = revoked.or_else(|| ripe.first().map(|_| now));
    let life = match lease::due(record, &memory.lives, policy, spread, now) {
        Due::At(at) => Some(at),
        Due::Rotate | Due::Renew => Some(now),
        Due::Nothing => None,
    };
    life.into_iter().chain(revoked).min()
}

/// What stands on the target that this one's had before, if it was renamed: the record moves with the rest.
pub(super) fn moved(context: &Context, name: &Name, target: &Name) -> Option<Record> {
    let marked = context.state.created_by(&name.namespace, &created_by(&name.namespace, &name.name));
    let manager = field_manager(&name.name);
    let others = marked.iter().filter(|secret| secret.metadata.name.as_deref() != Some(target.name.as_str()));
    others.filter_map(|secret| recorded(Some(&observed(secret, &manager)), &name.name)).next()
}

/// Whether what was made is held till the next refresh at least. A key that has neither a lease nor an interval is asked
/// for at every look, as what is stored: it may be a static role's password.
pub(super) fn is_kept(issued: &Issued, policy: &Policy) -> bool {
    policy.interval.is_some() || issued.held.iter().any(|held| held.lease.is_some() || held.is_generated())
}

/// The record of what was just made, with what it replaces. Where nothing is made any more, it is of what waits to be
/// revoked.
pub(super) fn record(issued: Issued, before: Option<Record>, policy: &Policy, now: Timestamp) -> Record {
    let revoke = match policy.superseded {
        Superseded::RunsOut => None,
        Superseded::RevokedAfter(grace) => now.checked_add(grace).ok().map(Revoke::At),
        Superseded::RevokedAfterRollout => Some(Revoke::AfterRollout),
    };
    let Issued { salt, inputs, held } = issued;
    let mut retired = Vec::new();
    if let Some(before) = before {
        // What an earlier try recorded and this one writes again is held.
        let replaced = before.held.into_iter().filter(|old| !held.iter().any(|new| new.is(old)));
        if let Some(revoke) = revoke {
            retired.extend(replaced.map(|held| Retired { held, revoke: revoke.clone() }));
        }
        retired.extend(before.retired);
    }
    Record { salt, inputs, held, keys: BTreeSet::new(), retired: Record::retire(retired, now) }
}

#[cfg(test)]
#[path = "leases_tests.rs"]
mod tests;
