//! Carrying out what was decided of objects that one maker has in many namespaces: what goes goes first, then the rest is
//! made or repaired, a few at a time.
//!
//! What should be is decided in `claviger_core::spread`, and which kinds there are is their reconciles' affair.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claviger_core::backoff::after_failure;
use claviger_core::error::{Failure, Retry};
use claviger_core::redact::Redactor;
use claviger_core::spread::{NamespaceView, Spread, Wanted};
use futures::StreamExt;
use kube::core::ClusterResourceScope;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use crate::cluster::children::{self, Made, Written};

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
    /// Whether nothing has to be tried again.
    pub(super) fn is_settled(&self) -> bool {
        !self.stale && self.again.is_none()
    }

    /// After how long it is tried again, when it failed so often in a row: what is refused, or changes under us, again and
    /// again is tried less and less often.
    pub(super) fn wait(&self, failures: u32, interval: Duration) -> Duration {
        match &self.again {
            None if failures == 1 => STALE,
            None => after_failure(Retry::Backoff, failures, interval, rand::random()),
            Some(failure) => after_failure(failure.class().retry, failures, interval, rand::random()),
        }
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
