//! What is said of an ExternalSecret when it was looked at: its status, events, metrics.

use std::time::{Duration, Instant};

use claviger_core::backoff::after_failure;
use claviger_core::error::{Failure, Retry};
use claviger_core::failures;
use claviger_core::names::ESO_FINALIZER;
use claviger_core::redact::Redactor;
use claviger_core::refresh;
use claviger_core::scheduler::Class;
use claviger_core::secret::Untrusted;
use claviger_core::status;
use claviger_crds::condition::Condition;
use claviger_crds::external_secret::{ExternalSecret, ExternalSecretStatus, KeyFailure};
use jiff::Timestamp;
use kube::core::error_boundary::InvalidObject;
use kube::{Resource, ResourceExt};

use super::{Look, Subject, instant, look};
use crate::cluster::status as status_writer;
use crate::metrics::Seen;
use crate::reconcile::patience::unsaid;
use crate::reconcile::refresh::Done;
use crate::reconcile::{Context, Next, freshness, leases, said};
use crate::state::stores_named;
use crate::sync::Failed;
use crate::watch::Object;
use crate::watch::cache::Name;

impl Subject<'_> {
    /// An ExternalSecret that is deleted and bears ESO's finalizer waits for ESO, for ever if there is none. It is not taken
    /// off here: ESO may still run, for other namespaces or by mistake, and what it does first is its own; `claviger
    /// takeover` asks who runs.
    pub(super) fn say_who_holds(&self) {
        let Self { context, name: Name { namespace, name }, es, .. } = self;
        if !es.finalizers().iter().any(|finalizer| finalizer == ESO_FINALIZER) {
            return;
        }
        let message = format!(
            "its deletion waits for the External Secrets Operator, whose finalizer {ESO_FINALIZER} it bears: \
             read what claviger takeover plan says, then claviger takeover apply --finish-deletions takes it off"
        );
        tracing::warn!(namespace, name, "{message}");
        context.events.warning(&es.object_ref(&()), "DeletionHeld", &message);
    }

    /// Says that it failed, if that is news; when to look again.
    pub(super) async fn failed(&self, failed: &Failed, interval: Duration) -> Next {
        let in_order = status::is_ready(conditions_of(self.es));
        let wait = match unsaid(self.context, &failed.failure, in_order, interval) {
            Some(wait) => wait,
            None => {
                let old = self.es.status.as_ref();
                let status = |condition, keys| status::failed(old, condition, keys);
                self.not_ready(failed, interval, status).await
            }
        };
        // What lives is looked at all the same.
        let lives = self.next.map(|at| (Class::Retry, instant(at, self.now)));
        let again = (Class::Retry, Instant::now() + wait);
        lives.into_iter().chain([again]).min_by_key(|(_, at)| *at)
    }

    /// Says that it failed, as a whole or in part; how long to wait before it is tried again. `new`: the status with that
    /// condition and these failures.
    async fn not_ready(
        &self,
        failed: &Failed,
        interval: Duration,
        new: impl FnOnce(Condition, Vec<KeyFailure>) -> ExternalSecretStatus,
    ) -> Duration {
        let Self { context, name, es, .. } = self;
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
        let condition = status::ready(conditions_of(es), false, class.reason, &message, Timestamp::now());
        let new = new(condition, failures::reported(&failed.keys, &failed.redactor));
        context.metrics.not_synced(name);
        context.metrics.ready(&Object::ExternalSecret((*name).clone()), false, Some(class.reason));
        if status::worth_writing(es.status.as_ref(), &new, context.config.status_interval) {
            tracing::warn!(reason = class.reason, message, "not synced");
            context.events.warning(&es.object_ref(&()), class.event, &message);
            write(context, name, es.metadata.uid.as_deref(), &new).await;
        }
        if let Failure::AuthenticationFailed { .. } | Failure::ProviderUnavailable { .. } = failed.failure {
            // What hinders one hinders all of the store: its validation finds out, and finds out when it is
            // over.
            stores_named(&es.spec, &name.namespace).for_each(|store| context.state.doubt(&store));
        }
        after_failure(class.retry, in_a_row, interval, rand::random())
    }

    /// Writes the events of what was done, and about entries that may be missing and are.
    fn say(&self, done: &Done) {
        let about = self.es.object_ref(&());
        for note in &done.plan.notes {
            self.context.events.normal(&about, note.reason, note.message);
        }
        if self.context.state.says_absent(self.name, &done.absent, Instant::now()) {
            for text in &done.absent {
                self.context.events.normal(&about, failures::ABSENT, text);
            }
        }
    }
}

impl Look<'_> {
    /// Says that it is as it should be; when to look again.
    pub(super) async fn succeeded(&self, done: &Done) -> Next {
        let Subject { context, name, es, now, .. } = &self.subject;
        let (now, windows) = (*now, &self.manifest.windows);
        let (reason, message) = match &es.spec.target.manifest {
            None => done.plan.success.condition(),
            Some(_) => done.plan.success.of_resource(),
        };
        let message = said(&format!("{message}{}", failures::unread(done.unread)), &done.stand_ins);
        let old = es.status.as_ref();
        let condition = status::ready(conditions_of(es), true, reason, &message, now);
        let new = ExternalSecretStatus { failures: done.failures.clone(), ..self.refreshed(done, condition) };
        context.state.refreshed(name, now);
        let due = freshness::due(es, Some(now), self.rhythm, windows);
        context.metrics.synced(name, freshness::seconds(now), due);
        context.metrics.ready(&Object::ExternalSecret((*name).clone()), true, None);
        self.subject.say(done);
        if status::worth_writing(old, &new, context.config.status_interval) {
            write(context, name, es.metadata.uid.as_deref(), &new).await;
        }
        tracing::debug!(reason, "synced");
        let policy = &self.manifest.policy;
        let of_record = |record| leases::next(context, name, es, record, policy, Timestamp::now());
        let leased = done.record.as_ref().and_then(of_record);
        let next = refresh::next(self.rhythm, windows, now).into_iter().chain(leased).min();
        next.map(|at| (Class::Refresh, look(at, now)))
    }

    /// Says that a part of it is as it should be; how long to wait before the rest is tried again.
    pub(super) async fn partly_succeeded(&self, done: &Done, short: &Failed) -> Duration {
        self.subject.say(done);
        let status =
            |condition, failures| ExternalSecretStatus { failures, ..self.refreshed(done, condition) };
        self.subject.not_ready(short, self.manifest.interval, status).await
    }

    /// The status of what was refreshed now.
    fn refreshed(&self, done: &Done, condition: Condition) -> ExternalSecretStatus {
        let Subject { es, now, .. } = &self.subject;
        let (binding, sources) = (done.plan.binding.clone(), done.pins.to_status());
        status::refreshed(es.status.as_ref(), condition, &self.version, binding, sources, *now)
    }
}

pub(super) fn conditions_of(es: &ExternalSecret) -> &[Condition] {
    es.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
}

/// A manifest that the API server took and we cannot read: its status says so.
pub(super) async fn unreadable(context: &Context, name: &Name, invalid: &InvalidObject) -> Next {
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
    write(context, name, invalid.metadata.uid.as_deref(), &status::failed(None, condition, Vec::new())).await;
    None
}

/// The object with the status that could not be written when it was made, if there is one; it is written if that is due.
pub(super) async fn written_again(
    context: &Context,
    name: &Name,
    es: &ExternalSecret,
) -> Option<ExternalSecret> {
    let unwritten = context.state.unwritten_status(name, es)?;
    if unwritten.again <= Instant::now() {
        write(context, name, es.metadata.uid.as_deref(), &unwritten.status).await;
    }
    Some(ExternalSecret { status: Some(unwritten.status), ..es.clone() })
}

/// Writes the status of the object with that uid; one that cannot be written holds all the same, and is tried again.
pub(super) async fn write(context: &Context, name: &Name, uid: Option<&str>, new: &ExternalSecretStatus) {
    match status_writer::replace::<ExternalSecret>(&context.client, name, uid, new).await {
        Ok(()) => context.state.status_written(name, uid, new),
        Err(failure) => {
            context.state.status_not_written(name, uid, new);
            tracing::warn!(message = failure.message(&Redactor::default()), "status not written");
        }
    }
}
