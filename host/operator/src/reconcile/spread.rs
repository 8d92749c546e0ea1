//! Carrying out what was decided of objects that one maker has in many namespaces: what goes goes first, then the rest is
//! made or repaired, a few at a time; and what the maker's status says of it.
//!
//! What should be is decided in `claviger_core::spread`, and which kinds there are is their reconciles' affair.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::backoff::after_failure;
use claviger_core::error::{Failure, Retry};
use claviger_core::redact::Redactor;
use claviger_core::scheduler::Class;
use claviger_core::secret::Untrusted;
use claviger_core::spread::{NamespaceView, Spread, Wanted};
use claviger_core::status;
use claviger_crds::condition::Condition;
use futures::StreamExt;
use jiff::Timestamp;
use kube::core::ClusterResourceScope;
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Context, Next};
use crate::cluster::children::{self, Made, Written};
use crate::cluster::status as status_writer;
use crate::watch::Object;
use crate::watch::cache::Name;

/// After a status that could not be written.
pub(super) const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// Writes of one maker at once: a thousand namespaces take seconds, and the API server has others to serve.
const AT_ONCE: usize = 8;

/// An object moved between looking and writing: look again soon, but let the watch catch up.
const STALE: Duration = Duration::from_millis(200);

/// What came of it.
pub(super) struct Done {
    pub(super) spread: Spread,
    /// Somebody else was quicker.
    stale: bool,
    /// The API server's refusal that is worth another try.
    again: Option<Failure>,
}

impl Done {
    /// After how long it is tried again, when it failed so often in a row: what is refused, or changes under us, again and
    /// again is tried less and less often.
    fn wait(&self, failures: u32, interval: Duration) -> Duration {
        match &self.again {
            None if failures == 1 => STALE,
            None => after_failure(Retry::Backoff, failures, interval, rand::random()),
            Some(failure) => after_failure(failure.class().retry, failures, interval, rand::random()),
        }
    }

    /// When to look again; `counted`: under what failures are counted.
    pub(super) fn next(&self, context: &Context, counted: &Name, interval: Duration, now: Timestamp) -> Next {
        if !self.stale && self.again.is_none() {
            context.state.refreshed(counted, now);
            return Some((Class::Refresh, Instant::now() + interval));
        }
        let wait = self.wait(context.state.failed(counted), interval);
        Some((Class::Retry, Instant::now() + wait))
    }

    fn fail(&mut self, namespace: String, failure: Failure) {
        self.spread.failed.insert(namespace, failure.message(&Redactor::default()));
        self.again = Some(failure);
    }
}

/// Carries it out. `begin` is told of the namespace before something is written there, and `end` of what is there then.
pub(super) async fn carry_out<K, M, W>(
    client: &Client,
    maker: &M,
    wanted: &Wanted<K::Spec>,
    known: &BTreeMap<String, Arc<NamespaceView>>,
    mut spread: Spread,
    begin: impl Fn(&str) -> W,
    end: impl Fn(W, K),
) -> Done
where
    K: Made,
    M: Resource<DynamicType = (), Scope = ClusterResourceScope> + DeserializeOwned + Clone + std::fmt::Debug,
{
    let deletions =
        std::mem::take(&mut spread.delete).into_iter().map(|((namespace, name), seen)| async move {
            // With it goes a Secret, or what was pushed: not because a watch is behind.
            let view = known.get(&namespace).map(AsRef::as_ref);
            let outcome = match children::is_current(client, maker, &namespace, view).await {
                Ok(true) => children::delete::<K>(client, &namespace, &name, &seen).await.map(|()| true),
                other => other,
            };
            (namespace, outcome)
        });
    let deleted: Vec<_> = futures::stream::iter(deletions).buffer_unordered(AT_ONCE).collect().await;
    let mut done = Done { spread, stale: false, again: None };
    for (namespace, outcome) in deleted {
        match outcome {
            Ok(current) => done.stale |= !current,
            Err(failure) => done.fail(namespace, failure),
        }
    }
    let Some(owner) = children::owner(maker) else { return done };
    let (owner, begin) = (&owner, &begin);
    let applies = std::mem::take(&mut done.spread.apply).into_iter().map(|(namespace, seen)| async move {
        let write = begin(&namespace);
        let outcome = children::apply::<K>(client, &namespace, wanted, owner, seen.as_ref()).await;
        (namespace, write, outcome)
    });
    let mut applied = std::pin::pin!(futures::stream::iter(applies).buffer_unordered(AT_ONCE));
    while let Some((namespace, write, outcome)) = applied.next().await {
        match outcome {
            Ok(Written::Done(object)) => {
                end(write, *object);
                done.spread.in_order.insert(namespace);
            }
            Ok(Written::Stale) => {
                // It is there all the same, and looked at again at once.
                done.spread.in_order.insert(namespace);
                done.stale = true;
            }
            Ok(Written::Foreign(why)) => drop(done.spread.failed.insert(namespace, why.to_owned())),
            Err(failure) => done.fail(namespace, failure),
        }
    }
    done
}

/// What is said of a maker whose manifest cannot be meant: nothing is made and nothing is taken away until it is corrected.
/// The typed reason, and its condition.
pub(super) fn refusal(
    context: &Context,
    object: &Object,
    conditions: &[Condition],
    why: &str,
) -> (&'static str, Condition) {
    let failure = Failure::ManifestInvalid { object: object.to_string(), detail: Untrusted::new(why) };
    let reason = failure.class().reason;
    context.metrics.reconciled(object, Duration::ZERO, Some(reason));
    let message = failure.message(&Redactor::default());
    (reason, status::ready(conditions, false, reason, &message, Timestamp::now()))
}

/// A status that a maker has, and the one that it should have.
pub(super) struct Statuses<'a, S> {
    pub(super) old: Option<&'a S>,
    pub(super) new: &'a S,
    pub(super) conditions: fn(&S) -> &[Condition],
}

/// Writes status and event if they say something new, and has it noted as `written`; whether that worked. `refused`: the
/// typed reason, if it is not Ready.
pub(super) async fn tell<M, S>(
    context: &Context,
    object: &Object,
    maker: &M,
    Statuses { old, new, conditions }: Statuses<'_, S>,
    refused: Option<&'static str>,
    written: impl FnOnce(&S),
) -> bool
where
    M: Resource<DynamicType = (), Scope = ClusterResourceScope> + DeserializeOwned,
    S: Serialize + PartialEq,
{
    let is_ready = status::is_ready(conditions(new));
    context.metrics.ready(object, is_ready, refused);
    if old == Some(new) {
        return true;
    }
    if !is_ready
        && old.map(conditions) != Some(conditions(new))
        && let Some(condition) = conditions(new).first()
    {
        let reason = condition.reason.as_deref().unwrap_or_default();
        let message = condition.message.as_deref().unwrap_or_default();
        tracing::warn!(reason, message, "not provisioned");
        context.events.warning(&maker.object_ref(&()), reason, message);
    }
    match status_writer::write_cluster::<M>(&context.client, object.name(), old, new).await {
        Ok(()) => written(new),
        Err(failure) => {
            tracing::warn!(message = failure.message(&Redactor::default()), "status not written");
            return false;
        }
    }
    true
}
