//! A ClusterPushSecret: its PushSecrets are made, repaired and taken away, and its status says where it has one and where
//! it cannot.
//!
//! As with ClusterExternalSecrets: decided from the caches, and where it goes, its PushSecrets go by ownership. Those that
//! delete what they pushed do so by their own finalizer.

use std::sync::Arc;
use std::time::Instant;

use claviger_core::push::spread;
use claviger_core::scheduler::Class;
use claviger_crds::cluster_push_secret::{ClusterPushSecret, ClusterPushSecretStatus};
use claviger_crds::external_secret::StoreKind;
use claviger_crds::push_secret::PushSecret;
use jiff::Timestamp;

use super::spread::{Statuses, WRITE_AGAIN, carry_out, refusal, tell};
use super::{Context, Next, store};
use crate::watch::Object;
use crate::watch::cache::Name;

/// Reconciles one.
pub(super) async fn reconcile(context: &Arc<Context>, name: &str) -> Next {
    let Some(parsed) = context.state.cluster_push_secret(name) else {
        context.state.forget_progress(&counted(name));
        return None;
    };
    let cps = match parsed.as_ref() {
        Ok(cps) if cps.metadata.deletion_timestamp.is_some() => return None,
        Ok(cps) if !is_ours(context, cps) => {
            context.metrics.forget(&of(name));
            return None;
        }
        Ok(cps) => cps,
        Err(invalid) => {
            context.metrics.unreadable("ClusterPushSecret");
            let metadata = invalid.metadata.clone();
            let cps = ClusterPushSecret { metadata, ..ClusterPushSecret::default() };
            return refused(context, name, &cps, &invalid.error).await;
        }
    };
    let interval = match spread::check(&cps.spec) {
        Ok(interval) => interval,
        Err(why) => return refused(context, name, cps, &why).await,
    };
    let started = Instant::now();
    let wanted = spread::wanted(cps);
    let uid = cps.metadata.uid.clone().unwrap_or_default();
    let concerned = context.state.push_concerned(&uid, &wanted.name);
    let todo = spread::decide(cps, &wanted, &concerned.namespaces, &concerned.children());
    let (begin, end) = (|_: &str| (), |(), _: PushSecret| ());
    let done = carry_out(&context.client, cps, &wanted, &concerned.namespaces, todo, begin, end).await;

    let reason = (!done.spread.failed.is_empty()).then_some(claviger_core::spread::FAILED);
    context.metrics.reconciled(&of(name), started.elapsed(), reason);
    let now = Timestamp::now();
    let new =
        spread::status(cps.status.as_ref(), &wanted.name, &done.spread.in_order, &done.spread.failed, now);
    if !report(context, name, cps, &new, reason).await {
        return Some((Class::Retry, Instant::now() + WRITE_AGAIN));
    }
    done.next(context, &counted(name), interval, now)
}

fn of(name: &str) -> Object {
    Object::ClusterPushSecret(name.to_owned())
}

/// Under what its failures are counted: no namespace is called so, nor any ClusterExternalSecret's count.
fn counted(name: &str) -> Name {
    Name::new("ClusterPushSecret", name)
}

/// Whether no ClusterSecretStore that it names is of another controller class.
fn is_ours(context: &Context, cps: &ClusterPushSecret) -> bool {
    let refs = cps.spec.push_secret_spec.secret_store_refs.iter();
    let cluster = refs.filter(|reference| reference.kind == StoreKind::ClusterSecretStore);
    cluster
        .filter_map(|reference| reference.name.clone())
        .all(|name| store::is_ours(context, &Object::ClusterSecretStore(name)))
}

/// It says something that cannot be meant.
async fn refused(context: &Context, name: &str, cps: &ClusterPushSecret, why: &str) -> Next {
    let old = cps.status.as_ref();
    let conditions = old.map(|old| old.conditions.as_slice()).unwrap_or_default();
    let (reason, condition) = refusal(context, &of(name), conditions, why);
    let new = ClusterPushSecretStatus { conditions: vec![condition], ..old.cloned().unwrap_or_default() };
    let written = report(context, name, cps, &new, Some(reason)).await;
    (!written).then(|| (Class::Retry, Instant::now() + WRITE_AGAIN))
}

/// Writes status and event if they say something new; whether that worked. `refused`: the typed reason, if it is not Ready.
async fn report(
    context: &Context,
    name: &str,
    cps: &ClusterPushSecret,
    new: &ClusterPushSecretStatus,
    refused: Option<&'static str>,
) -> bool {
    let statuses = Statuses { old: cps.status.as_ref(), new, conditions: |status| &status.conditions };
    let written = |new: &ClusterPushSecretStatus| context.state.cluster_push_status_written(name, new);
    tell(context, &of(name), cps, statuses, refused, written).await
}
