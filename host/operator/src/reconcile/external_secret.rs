//! An ExternalSecret: is it due, what should its Secret be, what must be done, what does its status say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::backoff::after_failure;
use claviger_core::error::{Failure, PARTIALLY_SYNCED, Retry};
use claviger_core::failures::{self, Unread};
use claviger_core::hash::synced_resource_version;
use claviger_core::lease::{self, Pins, Policy, Rotation, Superseded};
use claviger_core::names::{ANNOTATION_REVOKE_SUPERSEDED, ANNOTATION_ROLLOUT, ESO_FINALIZER, field_manager};
use claviger_core::options::Options;
use claviger_core::plan::{self, target_valid};
use claviger_core::redact::Redactor;
use claviger_core::refresh::{self, Due, Rhythm};
use claviger_core::rollout::Targets;
use claviger_core::scheduler::Class;
use claviger_core::secret::Untrusted;
use claviger_core::status;
use claviger_core::windows::Windows;
use claviger_crds::condition::Condition;
use claviger_crds::external_secret::{CreationPolicy, ExternalSecret, ExternalSecretStatus, RefreshPolicy};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::patience::patience;
use super::refresh::{Done, Ended, Refresh};
use super::rollout::{self, Rollout};
use super::{Context, Next, said};
use super::{freshness, leases, revoke, store};
use crate::cluster::status as status_writer;
use crate::metrics::Seen;
use crate::state::{Parsed, stores_named};
use crate::sync::Failed;
use crate::watch::Object;
use crate::watch::cache::Name;
use crate::watch::managed::observed;

/// The Secret moved between looking and writing: look again soon, but let the watch catch up.
const STALE: Duration = Duration::from_millis(200);

/// Reconciles one.
pub(super) async fn reconcile(context: &Arc<Context>, name: &Name, class: Class) -> Next {
    let next = look_at(context, name, class).await;
    // Whatever else there is to do, a status that could not be written is tried again.
    let status = context.state.status_due(name).map(|at| (Class::Retry, at));
    next.into_iter().chain(status).min_by_key(|(_, at)| *at)
}

async fn look_at(context: &Arc<Context>, name: &Name, class: Class) -> Next {
    let object = Object::ExternalSecret(name.clone());
    let Some(parsed) = context.state.external_secret(name) else {
        context.state.forget_progress(name);
        return revoke::all(context, name).await;
    };
    let es = match parsed.as_ref() {
        Ok(es) => es,
        Err(_) => return unreadable(context, name, &parsed).await,
    };
    // A generator that cannot be read: nothing is made before it is known whose it is, and what was made lives on.
    let unknown = match (is_ours(context, name, es), revoke::generators_are_ours(context, name, es).await) {
        (true, Ok(true)) => None,
        (true, Err(failure)) => Some(failure),
        _ => {
            context.metrics.forget(&object);
            context.state.forget_orphaned(name);
            context.state.forget_unwritten_status(name);
            return None;
        }
    };
    context.metrics.external_secret_seen(name, freshness::seen(es));
    let now = Timestamp::now();
    let newer = written_again(context, name, es).await;
    let es = newer.as_ref().unwrap_or(es);
    let target = Name::new(&name.namespace, es.spec.target.name.as_deref().unwrap_or(&name.name));
    let manager = field_manager(&name.name);
    // A target of another kind is watched by nobody, and is no Secret of that name.
    let is_secret = es.spec.target.manifest.is_none();
    let known = context.state.managed(&target).filter(|_| is_secret);
    let known = known.map(|secret| observed(&secret, &manager));
    let policy = Policy::parse(es.annotations());
    let restarts = Targets::parse(es.annotations());
    let rollout = match &restarts {
        Ok(restarts) => {
            let waited_for = revoke::waits_for_rollout(context, known.as_ref(), name, now);
            rollout::look(context, name, es, restarts, known.as_ref(), waited_for).await
        }
        Err(_) => Rollout::Nothing,
    };
    // What lives goes on living, whatever is wrong with the manifest or its other keys.
    let holding = leases::look(
        context,
        name,
        es,
        policy.as_ref().unwrap_or(&Policy::default()),
        known.as_ref(),
        rollout,
        now,
    )
    .await;
    let rollout_again = rollout.again().and_then(|wait| now.checked_add(wait).ok());
    let next = holding.as_ref().and_then(|holding| holding.next).into_iter().chain(rollout_again).min();
    // Its Secret goes with it by ownership, or stays by policy; till then what it holds lives on.
    if es.meta().deletion_timestamp.is_some() {
        say_who_holds(context, es);
        return next.map(|at| (Class::Refresh, instant(at, now)));
    }
    let failed = async |failure: &Failed, interval: Duration| {
        let again = failed(context, name, es, failure, interval).await;
        let lease = next.map(|at| (Class::Retry, instant(at, now)));
        again.into_iter().chain(lease).min_by_key(|(_, at)| *at)
    };
    let invalid = |why: String| {
        let object = format!("ExternalSecret {name}");
        Failed::plain(Failure::ManifestInvalid { object, detail: Untrusted::new(why) })
    };
    let (interval, windows) = match refresh::times(&es.spec) {
        Ok(times) => times,
        Err(error) => return failed(&invalid(error.to_string()), Duration::ZERO).await,
    };
    if let Some(failure) = unknown {
        return failed(&Failed::plain(failure), interval).await;
    }
    let policy = match policy {
        Ok(policy) => policy,
        Err(error) => return failed(&invalid(error.to_string()), Duration::ZERO).await,
    };
    let restarts = match restarts {
        Ok(restarts) => restarts,
        Err(error) => return failed(&invalid(error), Duration::ZERO).await,
    };
    if policy.superseded == Superseded::RevokedAfterRollout && restarts.is_empty() {
        let error = format!(
            "annotation {ANNOTATION_REVOKE_SUPERSEDED}: rollout needs workloads to be restarted ({ANNOTATION_ROLLOUT})"
        );
        return failed(&invalid(error), Duration::ZERO).await;
    }
    if policy.superseded == Superseded::RevokedAfterRollout && !context.config.rollouts {
        let error = format!(
            "annotation {ANNOTATION_REVOKE_SUPERSEDED}: rollout needs an operator that restarts workloads (--enable-rollouts)"
        );
        return failed(&invalid(error), Duration::ZERO).await;
    }
    let options = match Options::parse(es.annotations()) {
        Ok(options) => options,
        Err(error) => return failed(&invalid(error), Duration::ZERO).await,
    };
    let version = synced_resource_version(es.meta().generation.unwrap_or(0), es.labels(), es.annotations());
    let rhythm = rhythm(context, name, es, interval);
    // A Merge that waits for its Secret is woken when one appears, which may be without our label.
    let waits = is_waiting(es) && (class == Class::Fresh || known.is_some());
    let unread = context.state.unread(name).unwrap_or_else(|| {
        let reported = es.status.as_ref().map(|status| status.failures.as_slice()).unwrap_or_default();
        Arc::new(Unread::reported(reported))
    });
    // One that it merged into and that no watch shows may only have lost its label.
    let lost = is_secret
        && known.is_none()
        && es.spec.target.creation_policy == CreationPolicy::Merge
        && !is_waiting(es)
        && es.status.as_ref().is_some_and(|status| status.binding.is_some());
    let valid = !waits && !lost && (!is_secret || target_valid(&es.spec, &unread, known.as_ref()));
    let progress = context.state.progress(name);
    context.metrics.external_secret_due(name, freshness::due(es, progress.last, rhythm, &windows));
    // What was read in part only is read again before its interval is over, but not at each look.
    let partly =
        (progress.again.is_some() || is_partly(es)).then(|| progress.again.unwrap_or_else(Instant::now));
    let once = es.spec.refresh_policy == RefreshPolicy::CreatedOnce;
    let rotate = holding.as_ref().is_some_and(|holding| holding.rotate) && !once;
    let due =
        refresh::due(&es.spec, es.status.as_ref(), progress.last, &version, valid, (rhythm, &windows), now);
    let due = match progress.asked {
        Some(_) => refresh::asked(due, &es.spec, (rhythm, &windows), now),
        None => due,
    };
    let due = match due {
        Due::At(_) | Due::OnChange if partly.is_some_and(|again| again <= Instant::now()) => {
            match windows.allowed_from(now) {
                Some(at) if at > now => Due::At(at),
                Some(_) => Due::Interval,
                None => Due::OnChange,
            }
        }
        due => due,
    };
    let sleep = |until: Option<Timestamp>| {
        let next = next.into_iter().chain(until).min().map(|at| (Class::Refresh, look(at, now)));
        let again = partly.filter(|again| *again > Instant::now()).map(|again| (Class::Retry, again));
        next.into_iter().chain(again).min_by_key(|(_, at)| *at)
    };
    let not_older_than = match due {
        Due::Changed => progress.changed.unwrap_or_else(Instant::now),
        Due::Asked => progress.asked.unwrap_or_else(Instant::now),
        Due::At(_) | Due::OnChange | Due::Interval if rotate || due == Due::Interval => {
            Instant::now().checked_sub(rhythm.tolerance()).unwrap_or_else(Instant::now)
        }
        Due::At(at) => return sleep(Some(at)),
        Due::OnChange | Due::Interval => return sleep(None),
    };
    let not_older_than = progress.asked.map_or(not_older_than, |asked| asked.max(not_older_than));
    // What is held stands for its part as long as the Secret is as it was left and nothing else differs.
    let owned = known.as_ref().is_none_or(|known| leases::is_owned(es, known));
    // Others' keys of the same Secret are not what it is about.
    let as_left = |record: &lease::Record| {
        let found = known.as_ref().filter(|found| plan::is_known(&es.spec, found) && !record.keys.is_empty());
        found.map_or(valid, |found| found.holds_ours(&record.keys))
    };
    let broken = holding.as_ref().is_some_and(|holding| !(owned && as_left(&holding.record)));
    let asked_for =
        es.status.as_ref().and_then(|status| status.synced_resource_version.as_ref()) != Some(&version);
    let repair = broken && !rotate && !asked_for;
    if repair && let Some(at) = context.state.repair_held_back(name) {
        return Some((Class::Retry, next.map_or(at, |next| instant(next, now).min(at))));
    }
    // What stands on a Secret that cannot be changed is not made again to be refused.
    let fixed = known.as_ref().is_some_and(|known| known.immutable);
    let of_this_refresh =
        |at: Timestamp| at <= now && refresh::next(rhythm, &windows, at).is_none_or(|at| at > now);
    let again = |holding: &leases::Holding| {
        lease::at_refresh(&holding.record, &policy)
            && !(policy.rotation == Rotation::Automatic
                && lease::generated_at(&holding.record).is_some_and(of_this_refresh))
    };
    let anew = rotate || broken || (due == Due::Interval && !fixed && holding.as_ref().is_some_and(again));
    let record = holding.map(|holding| holding.record);

    // A restart that is under way is looked at again, whatever becomes of the refresh.
    let with_rollout = |other: Next| {
        let looked_at = rollout_again.map(|at| (Class::Refresh, instant(at, now)));
        other.into_iter().chain(looked_at).min_by_key(|(_, at)| *at)
    };
    let started = Instant::now();
    let refresh = Refresh {
        context,
        object: &object,
        name,
        es,
        target: &target,
        version: &version,
        policy: &policy,
        restarts: &restarts,
        options,
        repair,
        held: record.filter(|_| !anew),
        unseen: known.is_none(),
        not_older_than,
    };
    let outcome = refresh.run().await;
    // A store of somebody else's has come since it was looked at.
    if let Err(Failed { failure: Failure::OtherController { .. }, .. }) =
        outcome.as_ref().map_err(AsRef::as_ref)
    {
        context.state.forget_orphaned(name);
        return None;
    }
    let reason = match &outcome {
        Ok(Ended::Partly(_, failed)) | Err(failed) => Some(failed.failure.class().reason),
        Ok(Ended::Done(_) | Ended::Stale) => None,
    };
    context.metrics.reconciled(&object, started.elapsed(), reason);
    if let Ok(Ended::Done(_) | Ended::Partly(..)) = &outcome {
        context.state.answered(name, progress.asked);
    }
    match outcome {
        // Once is the watch that is a moment behind; again and again is something else.
        Ok(Ended::Stale) => {
            let wait = match context.state.failed(name) {
                1 => STALE,
                in_a_row => after_failure(Retry::Backoff, in_a_row, interval, rand::random()),
            };
            Some((Class::Retry, Instant::now() + wait))
        }
        Ok(Ended::Done(done)) => {
            let looked = Looked { version: &version, policy: &policy, rhythm, windows: &windows, now };
            let wrote = !done.plan.effects.is_empty() && !restarts.is_empty();
            let next = succeeded(context, name, es, *done, &looked).await;
            // What uses the Secret is restarted as soon as it is written.
            if wrote { Some((Class::Fresh, Instant::now())) } else { with_rollout(next) }
        }
        Ok(Ended::Partly(done, short)) => {
            say(context, es, &done.plan.notes);
            say_absent(context, name, es, &done.absent);
            let wrote = !done.plan.effects.is_empty() && !restarts.is_empty();
            let done = Synced { version: &version, binding: done.plan.binding, pins: done.pins, at: now };
            let wait = not_ready(context, name, es, &short, interval, Some(done)).await;
            let again = Instant::now() + wait;
            context.state.partly_refreshed(name, Unread::of(&short.keys), now, again);
            if wrote {
                Some((Class::Fresh, Instant::now()))
            } else {
                with_rollout(Some((Class::Retry, again)))
            }
        }
        Err(failure) => failed(&failure, interval).await,
    }
}

/// An ExternalSecret that is deleted and bears ESO's finalizer waits for ESO, for ever if there is none. It is not taken off
/// here: ESO may still run, for other namespaces or by mistake, and what it does first is its own; `claviger takeover` asks
/// who runs.
fn say_who_holds(context: &Context, es: &ExternalSecret) {
    if !es.finalizers().iter().any(|finalizer| finalizer == ESO_FINALIZER) {
        return;
    }
    let message = format!(
        "its deletion waits for the External Secrets Operator, whose finalizer {ESO_FINALIZER} it bears: \
         read what claviger takeover plan says, then claviger takeover apply --finish-deletions takes it off"
    );
    let namespace = es.namespace().unwrap_or_default();
    tracing::warn!(namespace, name = es.name_any(), "{message}");
    context.events.warning(&es.object_ref(&()), "DeletionHeld", &message);
}

/// Writes the events of what was done.
fn say(context: &Context, es: &ExternalSecret, notes: &[plan::Note]) {
    let about = es.object_ref(&());
    for note in notes {
        context.events.normal(&about, note.reason, note.message);
    }
}

/// Writes events about entries that may be missing and are.
fn say_absent(context: &Context, name: &Name, es: &ExternalSecret, absent: &[String]) {
    if context.state.says_absent(name, absent, Instant::now()) {
        for text in absent {
            context.events.normal(&es.object_ref(&()), failures::ABSENT, text);
        }
    }
}

/// Whether every store it names is of our controller class. A store that is not there is nobody else's.
pub(crate) fn is_ours(context: &Context, name: &Name, es: &ExternalSecret) -> bool {
    stores_named(&es.spec, &name.namespace).all(|object| store::is_ours(context, &object))
}

fn es_conditions(es: &ExternalSecret) -> &[Condition] {
    es.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
}

/// Whether there was no Secret to merge into when it was last looked at.
fn is_waiting(es: &ExternalSecret) -> bool {
    let conditions = es_conditions(es);
    let (missing, _) = plan::Success::Missing.condition();
    conditions.iter().any(|condition| condition.reason.as_deref() == Some(missing))
}

/// Whether a part of it was written the last time, and the rest could not be read.
fn is_partly(es: &ExternalSecret) -> bool {
    es_conditions(es).iter().any(|condition| condition.reason.as_deref() == Some(PARTIALLY_SYNCED))
}

/// The steps in which it is refreshed: together with whoever shares its store and first key.
fn rhythm(context: &Context, name: &Name, es: &ExternalSecret, interval: Duration) -> Rhythm {
    let first = stores_named(&es.spec, &name.namespace).next();
    let uid = first.and_then(|store| context.state.store(&store)?.metadata.uid.clone()).unwrap_or_default();
    Rhythm::new(interval, &uid, refresh::first_key(&es.spec).unwrap_or(&name.name))
}

/// What the object looked like when it was refreshed, and when that was.
struct Looked<'a> {
    version: &'a str,
    policy: &'a Policy,
    rhythm: Rhythm,
    windows: &'a Windows,
    now: Timestamp,
}

async fn succeeded(
    context: &Context,
    name: &Name,
    es: &ExternalSecret,
    Done { plan, record, pins, stand_ins, unread, failures, absent }: Done,
    looked: &Looked<'_>,
) -> Next {
    let Looked { version, policy, rhythm, windows, now } = *looked;
    let (reason, message) = match &es.spec.target.manifest {
        None => plan.success.condition(),
        Some(_) => plan.success.of_resource(),
    };
    let message = said(&format!("{message}{}", failures::unread(unread)), &stand_ins);
    let old = es.status.as_ref();
    let condition = status::ready(es_conditions(es), true, reason, &message, now);
    let new = ExternalSecretStatus {
        failures,
        ..status::refreshed(old, condition, version, plan.binding.clone(), pins.to_status(), now)
    };
    context.state.refreshed(name, now);
    let due = freshness::due(es, Some(now), rhythm, windows);
    context.metrics.synced(name, freshness::seconds(now), due);
    context.metrics.ready(&Object::ExternalSecret(name.clone()), true, None);
    say(context, es, &plan.notes);
    say_absent(context, name, es, &absent);
    if status::worth_writing(old, &new, context.config.status_interval) {
        write(context, name, &new).await;
    }
    tracing::debug!(reason, "synced");
    let leased = record.and_then(|record| leases::next(context, name, es, &record, policy, Timestamp::now()));
    let next = refresh::next(rhythm, windows, now).into_iter().chain(leased).min();
    next.map(|at| (Class::Refresh, look(at, now)))
}

async fn failed(
    context: &Context,
    name: &Name,
    es: &ExternalSecret,
    failed: &Failed,
    interval: Duration,
) -> Next {
    if let Failure::PluginLoading { name } = &failed.failure
        && let Some(wait) = patience(context.registry.loading(name), status::is_ready(es_conditions(es)))
    {
        return Some((Class::Retry, Instant::now() + wait));
    }
    let class = failed.failure.class();
    let held = matches!(class.retry, Retry::Held(_));
    // Nor is a refresh that waits for its backend's pause to end.
    if held && status::is_ready(es_conditions(es)) {
        let wait = after_failure(class.retry, 0, interval, rand::random());
        return Some((Class::Retry, Instant::now() + wait));
    }
    let wait = not_ready(context, name, es, failed, interval, None).await;
    Some((Class::Retry, Instant::now() + wait))
}

/// What was written beside what failed.
struct Synced<'a> {
    version: &'a str,
    binding: Option<String>,
    pins: Pins,
    at: Timestamp,
}

/// Says that it failed, as a whole or in part; how long to wait before it is tried again.
async fn not_ready(
    context: &Context,
    name: &Name,
    es: &ExternalSecret,
    failed: &Failed,
    interval: Duration,
    synced: Option<Synced<'_>>,
) -> Duration {
    let class = failed.failure.class();
    let mut detail = failed.failure.message(&failed.redactor);
    if !matches!(failed.failure, Failure::PartiallySynced { .. }) {
        detail.push_str(&failures::more(&failed.keys));
    }
    let message = match failed.failure.umbrella() {
        Some(umbrella) => format!("{umbrella}: {detail}"),
        None => detail,
    };
    let message = said(&message, &failed.stand_ins);
    // What was not tried has not failed.
    let in_a_row = if matches!(class.retry, Retry::Held(_)) { 0 } else { context.state.failed(name) };
    let now = Timestamp::now();
    let old = es.status.as_ref();
    let condition = status::ready(es_conditions(es), false, class.reason, &message, now);
    let keys = failures::reported(&failed.keys, &failed.redactor);
    let new = match synced {
        None => status::failed(old, condition, keys),
        Some(Synced { version, binding, pins, at }) => ExternalSecretStatus {
            failures: keys,
            ..status::refreshed(old, condition, version, binding, pins.to_status(), at)
        },
    };
    context.metrics.not_synced(name);
    context.metrics.ready(&Object::ExternalSecret(name.clone()), false, Some(class.reason));
    if status::worth_writing(old, &new, context.config.status_interval) {
        tracing::warn!(reason = class.reason, message, "not synced");
        context.events.warning(&es.object_ref(&()), class.event, &message);
        write(context, name, &new).await;
    }
    if let Failure::AuthenticationFailed { .. } | Failure::ProviderUnavailable { .. } = failed.failure {
        // What hinders one hinders all of the store: its validation finds out, and finds out when it is
        // over.
        stores_named(&es.spec, &name.namespace).for_each(|store| context.state.doubt(&store));
    }
    after_failure(class.retry, in_a_row, interval, rand::random())
}

/// A manifest that the API server took and we cannot read: its status says so.
async fn unreadable(context: &Context, name: &Name, parsed: &Parsed<ExternalSecret>) -> Next {
    let Err(invalid) = parsed else { return None };
    context.metrics.unreadable("ExternalSecret");
    let failure = Failure::ManifestInvalid {
        object: format!("ExternalSecret {name}"),
        detail: Untrusted::new(&invalid.error),
    };
    let message = failure.message(&Redactor::default());
    let reason = failure.class().reason;
    let created = freshness::created(&invalid.metadata);
    context.metrics.external_secret_seen(name, Seen { created, ..Seen::default() });
    context.metrics.not_synced(name);
    context.metrics.ready(&Object::ExternalSecret(name.clone()), false, Some(reason));
    tracing::warn!(reason, message, "not readable");
    let condition = status::ready(&[], false, reason, &message, Timestamp::now());
    write(context, name, &status::failed(None, condition, Vec::new())).await;
    None
}

/// The object with the status that could not be written when it was made, if there is one; it is written if that is due.
async fn written_again(context: &Context, name: &Name, es: &ExternalSecret) -> Option<ExternalSecret> {
    let unwritten = context.state.unwritten_status(name, es)?;
    if unwritten.again <= Instant::now() {
        write(context, name, &unwritten.status).await;
    }
    Some(ExternalSecret { status: Some(unwritten.status), ..es.clone() })
}

/// Writes a status; one that cannot be written holds all the same, and is tried again.
async fn write(context: &Context, name: &Name, new: &ExternalSecretStatus) {
    let known = context.state.external_secret(name);
    let old = known.as_ref().and_then(|parsed| parsed.as_ref().as_ref().ok()?.status.as_ref());
    match status_writer::write::<ExternalSecret>(&context.client, name, old, new).await {
        Ok(()) => context.state.status_written(name, new),
        Err(failure) => {
            context.state.status_not_written(name, new);
            tracing::warn!(message = failure.message(&Redactor::default()), "status not written");
        }
    }
}

/// When to look whether what is due at `at` is. Not after a failure: a look would be another attempt.
fn look(at: Timestamp, now: Timestamp) -> Instant {
    Instant::now() + refresh::wait(at, now)
}

fn instant(at: Timestamp, now: Timestamp) -> Instant {
    let millis = at.as_millisecond().saturating_sub(now.as_millisecond());
    Instant::now() + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
#[path = "external_secret_tests.rs"]
mod tests;
