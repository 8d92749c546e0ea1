//! What an ExternalSecret holds on lease: renewed here, revoked here, and found due to be made anew. Deciding is
//! `core::lease`'s; making anew is a refresh like any other.

use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::lease::{self, Due, Held, Live, Policy, Record, Retired, Revoke, Source, Superseded};
use claviger_core::names::{field_manager, lease_annotation};
use claviger_core::plan::Observed;
use claviger_core::redact::Redactor;
use claviger_core::secret::SecretBytes;
use claviger_crds::external_secret::{CreationPolicy, ExternalSecret, ExternalSecretSpec, StoreKind};
use jiff::Timestamp;
use kube::Resource;

use super::Context;
use super::rollout::Rollout;
use super::world::ClusterWorld;
use crate::cluster::live;
use crate::state::store_object;
use crate::sync::{Issued, Renewal};
use crate::watch::Object;
use crate::watch::cache::Name;
use crate::watch::managed::observed;

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
    let revoked = revoke_ripe(context, &world, name, es, &record, rolled_out, now).await;
    let (rotate, next) = match due(context, name, &record, policy, spread, now) {
        Due::Rotate => (true, None),
        // It could not be told: in a while, as long as it lives.
        Due::Renew => (false, failing.or(Some(now))),
        Due::At(at) => (false, Some(at)),
        Due::Nothing => (false, None),
    };
    let next = next.into_iter().chain(revoked).min();
    Some(Holding { record, rotate, next })
}

fn due(context: &Context, name: &Name, record: &Record, policy: &Policy, spread: u32, now: Timestamp) -> Due {
    lease::due(record, &context.state.leases(name).lives, policy, spread, now)
}

/// What a backend says of a lease is shown without the names it goes by: they may stand in the Secret, and whoever has
/// them can renew and end it.
fn hiding(held: &Held) -> Redactor {
    let mut redactor = Redactor::default();
    if let Some(lease) = &held.lease {
        let accessor = lease.holder.as_ref().and_then(|holder| holder.accessor.as_ref());
        for name in std::iter::once(&lease.id).chain(accessor) {
            redactor.seed(&SecretBytes::copied_from(name.as_bytes()));
        }
    }
    redactor
}

/// The record on a Secret.
///
/// Whoever may edit the Secret may write one. What that reaches are leases whose ids and accessors they know, which
/// backends make unguessable; and those they could have used all the same.
pub(super) fn recorded(target: Option<&Observed>, external_secret: &str) -> Option<Record> {
    Record::parse(target?.annotations.get(&lease_annotation(external_secret))?)
}

/// Whether something is revoked when restarted workloads run again.
pub(super) fn waits_for_rollout(target: Option<&Observed>, name: &Name) -> bool {
    let record = recorded(target, &name.name);
    record.is_some_and(|record| record.retired.iter().any(|retired| retired.revoke == Revoke::AfterRollout))
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
    let mut again = None;
    for held in lease::to_renew(record, &lives, spread, now) {
        let Some(lease) = &held.lease else { continue };
        let before = lives.get(&lease.id).copied();
        // The life is counted from before the request.
        let asked_at = Timestamp::now();
        let live = match context.pipeline.renew(held, lease, &name.namespace, world).await {
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
                context.events.warning(&es.object_ref(&()), "LeaseNotRenewed", &message).await;
                Live::refused(held, before, asked_at)
            }
            Err(failure) => {
                context.metrics.lease("renew", "failed");
                tracing::warn!(message = failure.message(&hiding(held)), "a lease was not renewed yet");
                match lease::try_again(held, before, now) {
                    Some(at) => {
                        again = again.into_iter().chain([at]).min();
                        continue;
                    }
                    // Nobody will ever say: its time is over.
                    None => Live::gone(asked_at),
                }
            }
        };
        context.state.lease_renewed(name, &lease.id, live);
    }
    again
}

/// Revokes what was replaced and is due; when the next is.
async fn revoke_ripe(
    context: &Arc<Context>,
    world: &ClusterWorld,
    name: &Name,
    es: &ExternalSecret,
    record: &Record,
    rolled_out: bool,
    now: Timestamp,
) -> Option<Timestamp> {
    let memory = context.state.leases(name);
    let (ripe, next) = lease::to_revoke(record, &memory.revoked, rolled_out, now);
    for Retired { held, .. } in ripe {
        // It stands on no other Secret: the target before this one's name may be there still.
        if held.lease.as_ref().is_some_and(|lease| context.state.is_held(&lease.id)) {
            continue;
        }
        if let Err(failure) = revoke(context, world, name, held).await {
            let message = format!(
                "a replaced lease is left to run out{}: {}",
                held.end()
                    .map(|end| format!(" at {}", claviger_core::status::rfc3339(end)))
                    .unwrap_or_default(),
                failure.message(&hiding(held))
            );
            context.events.warning(&es.object_ref(&()), "LeaseNotRevoked", &message).await;
        }
    }
    next
}

/// Revokes one, once: whatever came of it, it is not tried again by this process.
async fn revoke(
    context: &Arc<Context>,
    world: &ClusterWorld,
    name: &Name,
    held: &Held,
) -> Result<(), Failure> {
    let outcome = context.pipeline.revoke(held, &name.namespace, world).await;
    context.metrics.lease("revoke", if outcome.is_ok() { "done" } else { "failed" });
    if let Some(lease) = &held.lease {
        context.state.lease_revoked(name, &lease.id);
    }
    outcome
}

/// The ExternalSecret is gone, and so is the Secret that it owned: what that held is taken back.
pub(super) async fn revoke_all(context: &Arc<Context>, name: &Name) {
    let world = ClusterWorld { context: context.clone(), reader: Object::ExternalSecret(name.clone()) };
    for uid in context.state.gone(name) {
        context.pipeline.written(&uid);
    }
    let Some(record) = context.state.take_orphaned(name).and_then(|text| Record::parse(&text)) else {
        return;
    };
    let retired = record.retired.into_iter().map(|retired| retired.held);
    for held in record.held.into_iter().chain(retired) {
        if !is_ours(context, name, &held.source).await {
            continue;
        }
        if let Err(failure) = revoke(context, &world, name, &held).await {
            let message = failure.message(&hiding(&held));
            tracing::warn!(%name, message, "a lease of a deleted ExternalSecret is left to run out");
        }
    }
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
    let life = match due(context, name, record, policy, spread, now) {
        Due::At(at) => Some(at),
        Due::Rotate | Due::Renew => Some(now),
        Due::Nothing => None,
    };
    life.into_iter().chain(revoked).min()
}

/// The record of a Secret that is gone, of an ExternalSecret that is not.
pub(super) fn orphaned(context: &Context, name: &Name) -> Option<Record> {
    context.state.take_orphaned(name).and_then(|text| Record::parse(&text))
}

/// Whether what was made is held from one refresh to the next. What has neither a lease nor an interval is asked for at
/// each, as what is stored: it may be a static role's password.
pub(super) fn is_kept(issued: &Issued, policy: &Policy) -> bool {
    policy.interval.is_some() || issued.held.iter().any(|held| held.lease.is_some())
}

/// The record of what was just made, with what it replaces.
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
    Record { salt, inputs, held, retired: Record::retire(retired, now) }
}

/// Credentials that were made and will not be written are taken back, as far as that goes. A write whose answer did not
/// arrive may have come through all the same, so the API server is asked what the Secret holds.
pub(super) async fn take_back(context: &Arc<Context>, name: &Name, target: &Name, lost: &[Held]) {
    if lost.is_empty() {
        return;
    }
    let manager = field_manager(&name.name);
    let Ok(live) = live::secret(&context.client, &target.namespace, &target.name).await else { return };
    let record = live.and_then(|live| recorded(Some(&observed(&live.reduced, &manager)), &name.name));
    let is_held =
        |lost: &Held| record.as_ref().is_some_and(|record| record.held.iter().any(|held| held.is(lost)));
    let world = ClusterWorld { context: context.clone(), reader: Object::ExternalSecret(name.clone()) };
    for held in lost.iter().filter(|held| !is_held(held)) {
        if let Err(failure) = revoke(context, &world, name, held).await {
            let message = failure.message(&hiding(held));
            tracing::warn!(message, "a credential that was not used is left to run out");
        }
    }
}

/// Whether who made it is of our controller class.
async fn is_ours(context: &Context, name: &Name, source: &Source) -> bool {
    let class = match source.kind.as_str() {
        "SecretStore" | "ClusterSecretStore" => {
            let kind = if source.kind == "SecretStore" {
                StoreKind::SecretStore
            } else {
                StoreKind::ClusterSecretStore
            };
            let store = context.state.store(&store_object(kind, &name.namespace, &source.name));
            store.and_then(|store| store.spec.as_ref().ok()?.controller.clone())
        }
        kind => match live::generator(&context.client, kind, &name.namespace, &source.name).await {
            Ok(Some(found)) => found.spec["controller"].as_str().map(ToOwned::to_owned),
            Ok(None) | Err(_) => None,
        },
    };
    class.is_none_or(|class| class.is_empty() || class == context.config.controller_class)
}

/// Whether generators that it names are of our controller class: one that two operators served would be asked by both.
pub(super) async fn generators_are_ours(context: &Arc<Context>, name: &Name, es: &ExternalSecret) -> bool {
    let generators =
        es.spec.data_from.iter().filter_map(|entry| entry.source_ref.as_ref()?.generator_ref.as_ref());
    for generator in generators {
        let source =
            Source { kind: generator.kind.clone(), name: generator.name.clone(), key: String::new() };
        if !is_ours(context, name, &source).await {
            return false;
        }
    }
    true
}

#[cfg(test)]
#[path = "leases_tests.rs"]
mod tests;
