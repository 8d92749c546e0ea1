//! A ClusterExternalSecret: its ExternalSecrets are made, repaired and taken away, and its status says where it has
//! one and where it cannot.
//!
//! What should be is decided in `claviger_core::spread` from the caches, so a look with nothing to do asks nobody.
//! It is of our class unless a ClusterSecretStore that it names is another's (ESO has no such rule: two installations
//! would both write). Where it goes, its ExternalSecrets go by ownership; nothing waits for us then.

use std::sync::Arc;
use std::time::Instant;

use claviger_core::scheduler::Class;
use claviger_core::spread;
use claviger_crds::cluster_external_secret::{ClusterExternalSecret, ClusterExternalSecretStatus};
use claviger_crds::external_secret::ExternalSecret;
use jiff::Timestamp;

use super::spread::{Statuses, WRITE_AGAIN, carry_out, refusal, tell};
use super::{Context, Next, store};
use crate::state::children::ChildWrite;
use crate::state::stores_named;
use crate::watch::Object;
use crate::watch::cache::Name;

/// Reconciles one.
pub(super) async fn reconcile(context: &Arc<Context>, name: &str) -> Next {
    let Some(parsed) = context.state.cluster_external_secret(name) else {
        context.state.forget_progress(&counted(name));
        return None;
    };
    let ces = match parsed.as_ref() {
        Ok(ces) if ces.metadata.deletion_timestamp.is_some() => return None,
        Ok(ces) if !is_ours(context, ces) => {
            context.metrics.forget(&of(name));
            return None;
        }
        Ok(ces) => ces,
        Err(invalid) => {
            context.metrics.unreadable("ClusterExternalSecret");
            let metadata = invalid.metadata.clone();
            let ces = ClusterExternalSecret { metadata, ..ClusterExternalSecret::default() };
            return refused(context, name, &ces, &invalid.error).await;
        }
    };
    let interval = match spread::check(&ces.spec) {
        Ok(interval) => interval,
        Err(why) => return refused(context, name, ces, &why).await,
    };
    let started = Instant::now();
    let wanted = spread::wanted(ces);
    let uid = ces.metadata.uid.clone().unwrap_or_default();
    let concerned = context.state.concerned(name, &uid, &wanted.name);
    let spread = spread::decide(ces, &wanted, &concerned.namespaces, &concerned.children());
    if spread.delete.is_empty() && spread.apply.is_empty() {
        tracing::debug!("a look with nothing to do");
    }
    let begin = |namespace: &str| context.state.write_child(namespace, &wanted.name);
    let end = |write: ChildWrite<'_>, es: ExternalSecret| write.done(es);
    let done = carry_out(&context.client, ces, &wanted, &concerned.namespaces, spread, begin, end).await;

    let reason = (!done.spread.failed.is_empty()).then_some(spread::FAILED);
    context.metrics.reconciled(&of(name), started.elapsed(), reason);
    let now = Timestamp::now();
    let new =
        spread::status(ces.status.as_ref(), &wanted.name, &done.spread.in_order, &done.spread.failed, now);
    if !report(context, name, ces, &new, reason).await {
        return Some((Class::Retry, Instant::now() + WRITE_AGAIN));
    }
    done.next(context, &counted(name), interval, now)
}

fn of(name: &str) -> Object {
    Object::ClusterExternalSecret(name.to_owned())
}

/// Under what its failures are counted: no ExternalSecret's name, which has a namespace.
fn counted(name: &str) -> Name {
    Name::new("", name)
}

/// Whether no ClusterSecretStore that it names is of another controller class.
fn is_ours(context: &Context, ces: &ClusterExternalSecret) -> bool {
    // In no namespace, so none of a namespace's is found.
    stores_named(&ces.spec.external_secret_spec, "").all(|object| store::is_ours(context, &object))
}

/// It says something that cannot be meant.
async fn refused(context: &Context, name: &str, ces: &ClusterExternalSecret, why: &str) -> Next {
    let old = ces.status.as_ref();
    let conditions = old.map(|old| old.conditions.as_slice()).unwrap_or_default();
    let (reason, condition) = refusal(context, &of(name), conditions, why);
    let new = ClusterExternalSecretStatus { conditions: vec![condition], ..old.cloned().unwrap_or_default() };
    let written = report(context, name, ces, &new, Some(reason)).await;
    (!written).then(|| (Class::Retry, Instant::now() + WRITE_AGAIN))
}

/// Writes status and event if they say something new; whether that worked. `refused`: the typed reason, if it is not Ready.
async fn report(
    context: &Context,
    name: &str,
    ces: &ClusterExternalSecret,
    new: &ClusterExternalSecretStatus,
    refused: Option<&'static str>,
) -> bool {
    let statuses = Statuses { old: ces.status.as_ref(), new, conditions: |status| &status.conditions };
    let written = |new: &ClusterExternalSecretStatus| context.state.cluster_status_written(name, new);
    tell(context, &of(name), ces, statuses, refused, written).await
}

#[cfg(test)]
#[path = "cluster_external_secret_tests.rs"]
mod tests;
