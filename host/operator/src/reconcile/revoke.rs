//! Taking back what was leased: what was replaced, in its time; what a deleted ExternalSecret's Secret held; what was made
//! and not used. What lives on a Secret is never taken back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::error::Failure;
use claviger_core::lease::{self, Held, Record, Retired, Revoke, Source};
use claviger_core::names::field_manager;
use claviger_core::plan::Observed;
use claviger_core::redact::Redactor;
use claviger_core::scheduler::Class;
use claviger_core::secret::SecretBytes;
use claviger_crds::external_secret::ExternalSecret;
use jiff::Timestamp;
use kube::Resource;

use super::leases::recorded;
use super::world::ClusterWorld;
use super::{Context, Next};
use super::{left, store};
use crate::cluster::live;
use crate::sync::{Answer, Failed, maker_store};
use crate::watch::Object;
use crate::watch::cache::Name;
use crate::watch::managed::observed;

/// After a backend that could not be asked.
const AGAIN: Duration = Duration::from_secs(30);

/// How long it is tried to take back what a deleted ExternalSecret's Secret held, where nothing is known of its end.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What a backend says of a lease is shown without the names it goes by: they may stand in the Secret, and whoever has
/// them can renew and end it.
pub(super) fn hiding(held: &Held) -> Redactor {
    let mut redactor = Redactor::default();
    if let Some(lease) = &held.lease {
        let accessor = lease.holder.as_ref().and_then(|holder| holder.accessor.as_ref());
        for name in std::iter::once(&lease.id).chain(accessor) {
            redactor.seed(&SecretBytes::copied_from(name.as_bytes()));
        }
    }
    redactor
}

/// Whether trying again gives the same: a right is missing, or nobody is there who could be asked.
pub(super) fn is_final(failure: &Failure) -> bool {
    !matches!(
        failure,
        Failure::ProviderUnavailable { .. }
            | Failure::RateLimited { .. }
            | Failure::Held { .. }
            | Failure::PluginLoading { .. }
            | Failure::PluginFault { .. }
            | Failure::AuthenticationFailed { .. }
            | Failure::ReferenceUnreadable { .. }
            | Failure::ApiServer { .. }
    )
}

/// Revokes what was replaced and is due; when the next is.
pub(super) async fn ripe(
    context: &Arc<Context>,
    world: &ClusterWorld,
    name: &Name,
    es: &ExternalSecret,
    record: &Record,
    rolled_out: bool,
    now: Timestamp,
) -> Option<Timestamp> {
    let memory = context.state.leases(name);
    let (ripe, mut next) = lease::to_revoke(record, &memory.revoked, rolled_out, now);
    for Retired { held, .. } in ripe {
        let Err(failure) = revoke(context, world, name, held).await else { continue };
        if !is_final(&failure) {
            next = next.into_iter().chain(now.checked_add(AGAIN).ok()).min();
            continue;
        }
        let end = held.end().filter(|end| *end > now);
        let message = format!(
            "a replaced lease is left to run out{}: {}",
            end.map(|end| format!(" at {}", claviger_core::status::rfc3339(end))).unwrap_or_default(),
            failure.message(&hiding(held))
        );
        context.events.warning(&es.object_ref(&()), "LeaseNotRevoked", &message);
    }
    next
}

/// Whether something is revoked when restarted workloads run again.
pub(super) fn waits_for_rollout(
    context: &Context,
    target: Option<&Observed>,
    name: &Name,
    now: Timestamp,
) -> bool {
    let Some(record) = recorded(target, &name.name) else { return false };
    let memory = context.state.leases(name);
    let (ripe, _) = lease::to_revoke(&record, &memory.revoked, true, now);
    ripe.iter().any(|retired| retired.revoke == Revoke::AfterRollout)
}

/// Revokes one, and remembers it unless it is to be tried again.
async fn revoke(
    context: &Arc<Context>,
    world: &ClusterWorld,
    name: &Name,
    held: &Held,
) -> Result<(), Failure> {
    let Some(lease) = &held.lease else { return Ok(()) };
    // The target before this one's name may be there still, and somebody may have written a record by hand.
    if context.state.is_held(&lease.id) {
        return Ok(());
    }
    let spared = without_a_login_in_use(held, |accessor| context.state.holds_by(accessor));
    let outcome = context.pipeline.revoke(&spared, &name.namespace, world).await;
    let again = outcome.as_ref().is_err_and(|failure| !is_final(failure));
    context.metrics.lease(
        "revoke",
        match &outcome {
            Ok(()) => "done",
            Err(_) if again => "failed",
            Err(_) => "refused",
        },
    );
    if !again {
        context.state.lease_revoked(name, &lease.id);
    }
    outcome
}

/// A login with which a lease would end that lives on a Secret is not ended with another one: whose it is says an annotation.
fn without_a_login_in_use(held: &Held, in_use: impl Fn(&str) -> bool) -> Held {
    let mut held = held.clone();
    if let Some(lease) = &mut held.lease
        && let Some(holder) = &lease.holder
        && holder.accessor.as_deref().is_some_and(in_use)
    {
        lease.holder = None;
    }
    held
}

/// The ExternalSecret is gone, and so is the Secret that it owned: what that held is taken back.
pub(super) async fn all(context: &Arc<Context>, name: &Name) -> Next {
    let world = ClusterWorld { context: context.clone(), reader: Object::ExternalSecret(name.clone()) };
    for uid in context.state.gone(name) {
        context.pipeline.gone(&uid);
    }
    let Some(orphan) = context.state.orphaned(name) else {
        context.state.forget_leases(name);
        return None;
    };
    let (mut again, now) = (false, Timestamp::now());
    let record = Record::parse(&orphan.record);
    let known = context.state.leases(name).revoked;
    for held in record.map(Record::all).unwrap_or_default() {
        let held = &held;
        let tried = held.lease.as_ref().is_none_or(|lease| known.contains(&lease.id));
        if tried || !is_ours(context, name, &held.source).await.unwrap_or(true) {
            continue;
        }
        let Err(failure) = revoke(context, &world, name, held).await else { continue };
        if !is_final(&failure) && !held.has_ended(now) && orphan.since.elapsed() < PATIENCE {
            again = true;
            continue;
        }
        let message = failure.message(&hiding(held));
        tracing::warn!(%name, message, "a lease of a deleted ExternalSecret is left to run out");
    }
    if again {
        return Some((Class::Retry, Instant::now() + AGAIN));
    }
    context.state.forget_orphaned(name);
    context.state.forget_leases(name);
    None
}

/// Credentials that were made and will not be written are taken back, as far as that goes; what could not be now is lost
/// at the next refresh of the ExternalSecret of that uid again. A write whose answer did not arrive may have come
/// through all the same, so the API server is asked what the Secret holds.
pub(super) async fn take_back(
    context: &Arc<Context>,
    name: &Name,
    uid: &str,
    target: &Name,
    answer: &Result<Answer, Box<Failed>>,
) {
    let lost = match answer {
        Ok(answer) => &answer.lost,
        Err(failed) => &failed.lost,
    };
    if lost.is_empty() {
        return;
    }
    let manager = field_manager(&name.name);
    let Ok(live) = live::secret(&context.client, &target.namespace, &target.name).await else { return };
    let record = live.and_then(|live| recorded(Some(&observed(&live.reduced, &manager)), &name.name));
    let known = record.map(Record::all).unwrap_or_default();
    let mut done = Vec::new();
    for held in lost {
        if known.iter().any(|known| known.is(held)) || is_taken_back(context, name, held).await {
            done.push(held.clone());
        }
    }
    context.pipeline.taken_back(uid, &done);
}

/// Takes one back; whether nothing is left to be tried.
async fn is_taken_back(context: &Arc<Context>, name: &Name, held: &Held) -> bool {
    let flagged = match &held.state {
        Some(state) => left::flag(context, &name.namespace, state, Timestamp::now()).await,
        None => true,
    };
    let world = ClusterWorld { context: context.clone(), reader: Object::ExternalSecret(name.clone()) };
    let Err(failure) = revoke(context, &world, name, held).await else { return flagged };
    let (message, over) = (failure.message(&hiding(held)), is_final(&failure));
    tracing::warn!(%name, message, tried_again = !over, "a credential that was not used is not revoked");
    flagged && over
}

/// Whether who made it is of our controller class.
///
/// # Errors
/// If that cannot be told now.
async fn is_ours(context: &Context, name: &Name, source: &Source) -> Result<bool, Failure> {
    if let Some(object) = maker_store(source, &name.namespace) {
        return Ok(store::is_ours(context, &object));
    }
    match context.registry.may_generate(&source.kind) {
        Ok(()) => {
            let found = live::generator(&context.client, &source.kind, &name.namespace, &source.name).await?;
            Ok(context.config.serves(found.as_ref().and_then(|found| found.spec["controller"].as_str())))
        }
        // After a start; by the time it is looked at again somebody may answer to it.
        Err(loading @ Failure::PluginLoading { .. }) => Err(loading),
        // A kind that nobody answers to is nobody else's, and the refresh says what is wrong.
        Err(_) => Ok(true),
    }
}

/// Whether the generators that it names are of our controller class: one that two operators served would be asked by
/// both.
///
/// # Errors
/// If that cannot be told now.
pub(super) async fn generators_are_ours(
    context: &Arc<Context>,
    name: &Name,
    es: &ExternalSecret,
) -> Result<bool, Failure> {
    let generators =
        es.spec.data_from.iter().filter_map(|entry| entry.source_ref.as_ref()?.generator_ref.as_ref());
    for generator in generators {
        let source = Source::generator(&generator.kind, &generator.name);
        if !is_ours(context, name, &source).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::reconcile::sim::Api;

    #[tokio::test]
    async fn what_could_not_be_taken_back_is_tried_again_where_that_helps() {
        let api = Api::default();
        let (context, name) = (api.context(), Name::new("ns", "es"));
        let lease = json!({"id": "x/y", "seconds": 60, "renewable": true});
        let held = |state: Option<&str>| -> Held {
            serde_json::from_value(json!({
                "kind": "SecretStore", "name": "vault", "key": "x", "issued": "2026-01-01T00:00:00Z",
                "lease": lease, "state": state,
            }))
            .unwrap()
        };
        assert!(is_taken_back(&context, &name, &held(None)).await, "its store is gone");
        for (code, done) in [(500, false), (404, true)] {
            api.refuse(move |method, _| (method == "PATCH").then_some(code));
            assert_eq!(is_taken_back(&context, &name, &held(Some("left"))).await, done, "{code}");
        }
        context.registry.announce("vault");
        let store = json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": "vault", "namespace": "ns", "uid": "s", "generation": 1},
            "spec": {"provider": {"vault": {"server": "https://vault.example.com"}}},
        });
        context.state.store_event(Event::Apply(serde_json::from_value(store).unwrap()));
        assert!(!is_taken_back(&context, &name, &held(None)).await, "its plugin is loading");
    }

    #[test]
    fn a_login_that_another_lease_lives_by_is_left_alone() {
        let held: Held = serde_json::from_value(json!({
            "kind": "SecretStore", "name": "vault", "key": "x", "issued": "2026-01-01T00:00:00Z",
            "lease": {"id": "x/y", "seconds": 60, "renewable": true,
                "holder": {"accessor": "theirs", "seconds": 60, "renewable": true}},
        }))
        .unwrap();
        let asked = |in_use: &str| without_a_login_in_use(&held, |accessor| accessor == in_use);
        assert_eq!(asked("another"), held);
        let lease = asked("theirs").lease.unwrap();
        assert_eq!((lease.id.as_str(), lease.holder), ("x/y", None));
    }
}
