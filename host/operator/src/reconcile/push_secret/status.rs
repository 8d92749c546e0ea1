//! What follows from what was found or done: status, event, metrics, and when to look again.

use std::time::{Duration, Instant};

use claviger_core::backoff::after_failure;
use claviger_core::error::{Failure, Retry};
use claviger_core::push::{ERRORED, Outcome, next_status, targets_of, worth_writing};
use claviger_core::redact::Redactor;
use claviger_core::scheduler::Class;
use claviger_core::status;
use claviger_crds::push_secret::{PushSecret, PushSecretStatus};
use jiff::Timestamp;
use kube::Resource;
use serde_json::{Value, json};

use super::{Found, Look, WRITE_AGAIN};
use crate::cluster::status as status_writer;
use crate::reconcile::Next;
use crate::reconcile::patience::unsaid;
use crate::state::push::created;
use crate::watch::Object;

impl Look<'_> {
    /// Says it; when to look again.
    pub(super) async fn ended(&mut self, found: Found) -> Next {
        let Found { outcome, failure, record, source, changed, claimed, made_room } = found;
        let interval = self.interval;
        let in_order = self.status().is_some_and(|status| status::is_ready(&status.conditions));
        if let Some(failure) = failure.as_ref().filter(|_| !changed)
            && let Some(wait) = unsaid(self.context, failure, in_order, interval)
        {
            return Some((Class::Retry, Instant::now() + wait));
        }
        let now = Timestamp::now();
        let policy = self.ps.spec.update_policy;
        let new = next_status(self.status(), &outcome, policy, record, (&self.version, &source), now);
        let is_ready = matches!(outcome, Outcome::Synced);
        let (object, namespace) = (Object::PushSecret(self.name.clone()), &self.name.namespace);
        let reason = failure.as_ref().map(|failure| failure.class().reason);
        self.context.metrics.ready(&object, is_ready, reason);
        if failure.is_none() || claimed.is_some() {
            let id = |kind, store: &str| Object::store(kind, namespace, store).to_string();
            let mut targets = targets_of(&new, id);
            // Where a write failed it will be tried again.
            targets.extend(claimed.into_iter().flatten().filter(|_| failure.is_some()));
            self.context.state.keep_places(self.name, &created(&self.ps.metadata), targets);
        }
        if failure.is_none() {
            self.progress.last = Some(now);
            self.progress.failures = 0;
            self.context.state.looked_again(self.name, self.again);
        }
        let written = self.report(&new, changed).await;
        let wait = match &failure {
            None => None,
            Some(failure) => {
                let retry = failure.class().retry;
                // What was not tried has not failed.
                if !matches!(retry, Retry::Held(_)) {
                    self.progress.failures = self.progress.failures.saturating_add(1);
                }
                Some(after_failure(retry, self.progress.failures, interval, rand::random()))
            }
        };
        self.context.metrics.reconciled(&object, self.began.elapsed(), reason);
        let hurries = made_room && !self.progress.hurried;
        self.progress.hurried = hurries;
        self.context.state.set_push_progress(self.name, self.progress.clone());
        let next = match wait {
            Some(wait) => Some((Class::Retry, Instant::now() + wait)),
            None if interval.is_zero() || !is_ready => None,
            None => Some((Class::Refresh, Instant::now() + interval.min(Duration::from_secs(15 * 60)))),
        };
        let again = (!written).then(|| (Class::Retry, Instant::now() + WRITE_AGAIN));
        // The old places of what is renamed are gone, and the new ones not all there.
        let at_once = hurries.then(|| (Class::Retry, Instant::now()));
        next.into_iter().chain(again).chain(at_once).min_by_key(|(_, at)| *at)
    }

    /// Nothing could be tried.
    pub(super) async fn failed(&mut self, failure: Failure) -> Next {
        let message = failure.message(&Redactor::default());
        let record = self.record();
        let found = Found {
            outcome: Outcome::Failed(message),
            failure: Some(failure),
            record,
            source: String::new(),
            changed: false,
            claimed: None,
            made_room: false,
        };
        self.ended(found).await
    }

    /// Writes status and event if they say something new; whether that worked.
    pub(super) async fn report(&mut self, new: &PushSecretStatus, changed: bool) -> bool {
        let old = self.progress.status.replace(new.clone());
        let said = |status: Option<&PushSecretStatus>| {
            let condition = status.and_then(|status| status.conditions.first())?;
            Some((condition.reason.clone()?, condition.message.clone()?))
        };
        let now = said(Some(new));
        if let Some((reason, message)) = now.as_ref().filter(|_| changed || now != said(old.as_ref())) {
            let about = self.ps.object_ref(&());
            if reason == ERRORED {
                tracing::warn!(reason, message, "not pushed");
                self.context.events.warning(&about, reason, message);
            } else {
                self.context.events.normal(&about, reason, message);
            }
        }
        // What the object says: our last status may not have been written.
        let shown = self.ps.status.as_ref();
        if !self.announced && !worth_writing(shown, new, self.context.config.status_interval) {
            return true;
        }
        // What it may say by now: what the watch has shown, and what was written since.
        let known = united(json!(shown), json!(old));
        let known = Some(&known).filter(|known| known.is_object());
        let written = status_writer::write::<PushSecret>(&self.context.client, self.name, known, new).await;
        self.progress.unwritten = written.is_err();
        if let Err(failure) = &written {
            tracing::warn!(message = failure.message(&Redactor::default()), "status not written");
        }
        written.is_ok()
    }
}

/// Every field of either.
fn united(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut fields), Value::Object(others)) => {
            for (field, value) in others {
                let own = fields.remove(&field).unwrap_or(Value::Null);
                fields.insert(field, united(own, value));
            }
            Value::Object(fields)
        }
        (Value::Object(fields), _) => Value::Object(fields),
        (_, other) => other,
    }
}
