//! An ExternalSecret: is it due, what should its Secret be, what must be done, what does its status say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::backoff::after_failure;
use claviger_core::error::{Failure, Retry};
use claviger_core::hash::synced_resource_version;
use claviger_core::names::{created_by, field_manager};
use claviger_core::plan::{self, Controller, Effect, Input, Plan, Planned, Sibling, target_valid};
use claviger_core::redact::Redactor;
use claviger_core::refresh::{self, Due, Rhythm};
use claviger_core::scheduler::Class;
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_core::status;
use claviger_crds::condition::Condition;
use claviger_crds::external_secret::{CreationPolicy, ExternalSecret, ExternalSecretStatus};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::patience::patience;
use super::world::ClusterWorld;
use super::{Context, Next, said};
use crate::cluster::apply::{self, Applied};
use crate::cluster::{live, status as status_writer};
use crate::state::{Parsed, store_object, store_refs};
use crate::sync::{Answer, Asker, Desired, Failed};
use crate::watch::Object;
use crate::watch::cache::Name;
use crate::watch::managed::{hasher, observed};

/// The Secret moved between looking and writing: look again soon, but let the watch catch up.
const STALE: Duration = Duration::from_millis(200);

/// How one refresh ended.
enum Ended {
    Done(Done),
    Stale,
}

/// A refresh that is done.
struct Done {
    plan: Plan,
    /// Credentials that came from the namespace that stands in.
    stand_ins: BTreeSet<String>,
}

/// Reconciles one.
pub(super) async fn reconcile(context: &Arc<Context>, name: &Name, class: Class) -> Next {
    let object = Object::ExternalSecret(name.clone());
    let Some(parsed) = context.state.external_secret(name) else {
        context.state.forget_progress(name);
        return None;
    };
    let es = match parsed.as_ref() {
        Ok(es) => es,
        Err(_) => return unreadable(context, name, &parsed).await,
    };
    // Its Secret goes with it by ownership, or stays by policy; there is nothing for us to do.
    if es.meta().deletion_timestamp.is_some() || !is_ours(context, name, es) {
        return None;
    }
    let interval = match refresh::interval(&es.spec) {
        Ok(interval) => interval,
        Err(error) => {
            let failure = Failure::ManifestInvalid {
                object: format!("ExternalSecret {name}"),
                detail: Untrusted::new(format!("spec.refreshInterval: {error}")),
            };
            return failed(context, name, es, &Failed::plain(failure), Duration::ZERO).await;
        }
    };
    let now = Timestamp::now();
    let version = synced_resource_version(es.meta().generation.unwrap_or(0), es.labels(), es.annotations());
    let rhythm = rhythm(context, name, es, interval);
    let target = Name::new(&name.namespace, es.spec.target.name.as_deref().unwrap_or(&name.name));
    let manager = field_manager(&name.name);
    let known = context.state.managed(&target).map(|secret| observed(&secret, &manager));
    // A Merge that waits for its Secret is woken when one appears, which may be without our label.
    let waits = is_waiting(es) && (class == Class::Fresh || known.is_some());
    let valid = !waits && target_valid(&es.spec, known.as_ref());
    let progress = context.state.progress(name);
    let due = refresh::due(&es.spec, es.status.as_ref(), progress.last, &version, valid, rhythm, now);
    let not_older_than = match due {
        Due::At(at) => return Some((Class::Refresh, instant(at, now))),
        Due::OnChange => return None,
        Due::Changed => progress.changed.unwrap_or_else(Instant::now),
        Due::Interval => Instant::now().checked_sub(rhythm.tolerance()).unwrap_or_else(Instant::now),
    };

    let started = Instant::now();
    let outcome = refresh(context, &object, name, es, &target, not_older_than).await;
    let reason = outcome.as_ref().err().map(|failed| failed.failure.class().reason);
    context.metrics.reconciled("ExternalSecret", started.elapsed(), reason);
    match outcome {
        Ok(Ended::Stale) => Some((Class::Retry, Instant::now() + STALE)),
        Ok(Ended::Done(done)) => succeeded(context, name, es, &done, &version, rhythm, now).await,
        Err(failed_with) => failed(context, name, es, &failed_with, interval).await,
    }
}

/// Fetches, plans, writes.
async fn refresh(
    context: &Arc<Context>,
    object: &Object,
    name: &Name,
    es: &ExternalSecret,
    target: &Name,
    not_older_than: Instant,
) -> Result<Ended, Box<Failed>> {
    let plain = |failure| Box::new(Failed::plain(failure));
    plan::check(&es.spec).map_err(plain)?;
    gate(context, name, es).map_err(plain)?;
    let world = ClusterWorld { context: context.clone(), reader: object.clone() };
    let asker = Asker {
        namespace: &name.namespace,
        name: &name.name,
        labels: es.labels(),
        annotations: es.annotations(),
        spec: &es.spec,
    };
    let Answer { desired, redactor, stand_ins } =
        context.pipeline.desired(&asker, &world, not_older_than).await?;
    // From here on values are known, and a refusal of the API server may quote one.
    let plain =
        |failure| Box::new(Failed { failure, redactor: redactor.clone(), stand_ins: stand_ins.clone() });
    let wanted = match &desired {
        Desired::Secret(rendered) => Some(rendered),
        Desired::Nothing => None,
    };
    let manager = field_manager(&name.name);
    let owner = Controller {
        api_version: ExternalSecret::api_version(&()).into_owned(),
        kind: ExternalSecret::kind(&()).into_owned(),
        name: name.name.clone(),
        uid: es.uid().unwrap_or_default(),
    };
    let siblings = siblings(context, name, es);
    let mut found = context.state.managed(target).map(|secret| observed(&secret, &manager));
    let mut foreign: Option<BTreeMap<String, SecretBytes>> = None;
    if found.is_none() && es.spec.target.creation_policy != CreationPolicy::None {
        // Not under the managed watch: it may be there without our label.
        let live = live::secret(&context.client, &target.namespace, &target.name).await.map_err(plain)?;
        if let Some(live) = live {
            found = Some(observed(&live.reduced, &manager));
            foreign = Some(live.data);
        }
    }
    let planned = |found: Option<&plan::Observed>, foreign: Option<&BTreeMap<String, SecretBytes>>| {
        plan::plan(&Input {
            owner: &owner,
            namespace: &name.namespace,
            spec: &es.spec,
            observed: found,
            foreign,
            siblings: &siblings,
            wanted,
            hasher: hasher(),
        })
    };
    let plan = match planned(found.as_ref(), foreign.as_ref()).map_err(plain)? {
        Planned::Do(plan) => plan,
        Planned::NeedsForeignValues => {
            let live = live::secret(&context.client, &target.namespace, &target.name).await.map_err(plain)?;
            let Some(live) = live else { return Ok(Ended::Stale) };
            let found = observed(&live.reduced, &manager);
            match planned(Some(&found), Some(&live.data)).map_err(plain)? {
                Planned::Do(plan) => plan,
                Planned::NeedsForeignValues => return Ok(Ended::Stale),
            }
        }
    };
    for effect in &plan.effects {
        match effect {
            Effect::Apply(secret) => {
                match apply::apply(&context.client, &name.namespace, secret).await.map_err(plain)? {
                    Applied::Done(written) => {
                        context.metrics.wrote();
                        context.state.wrote(*written);
                    }
                    Applied::Stale => return Ok(Ended::Stale),
                }
            }
            Effect::Delete { name: secret, uid, resource_version } => {
                apply::delete(&context.client, &name.namespace, secret, uid, resource_version)
                    .await
                    .map_err(plain)?;
                context.metrics.wrote();
                context.state.deleted(&Name::new(&name.namespace, secret));
            }
        }
    }
    Ok(Ended::Done(Done { plan, stand_ins }))
}

/// A store that is known not to work is not asked: its own validation finds out when it does again, and
/// wakes those who wait.
fn gate(context: &Context, name: &Name, es: &ExternalSecret) -> Result<(), Failure> {
    for (kind, store) in store_refs(es) {
        let object = store_object(kind, &name.namespace, &store);
        let known = context.state.store(&object);
        let generation = known.and_then(|store| store.metadata.generation);
        if let Some(verdict) = context.state.verdict(&object)
            && !verdict.ready
            && Some(verdict.generation) == generation
        {
            let (reason, message) = verdict.text;
            return Err(Failure::StoreNotReady { store: crate::sync::store_name(&object), reason, message });
        }
    }
    Ok(())
}

/// Whether every store it names is of our controller class. A store that is not there is nobody else's.
fn is_ours(context: &Context, name: &Name, es: &ExternalSecret) -> bool {
    store_refs(es).into_iter().all(|(kind, store)| {
        let found = context.state.store(&store_object(kind, &name.namespace, &store));
        let class = found.and_then(|store| store.spec.as_ref().ok()?.controller.clone());
        class.is_none_or(|class| class.is_empty() || class == context.config.controller_class)
    })
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

/// The steps in which it is refreshed: together with whoever shares its store and first key.
fn rhythm(context: &Context, name: &Name, es: &ExternalSecret, interval: Duration) -> Rhythm {
    let store =
        store_refs(es).into_iter().next().map(|(kind, store)| store_object(kind, &name.namespace, &store));
    let uid = store.and_then(|store| context.state.store(&store)?.metadata.uid.clone()).unwrap_or_default();
    Rhythm::new(interval, &uid, refresh::first_key(&es.spec).unwrap_or(&name.name))
}

fn siblings(context: &Context, name: &Name, es: &ExternalSecret) -> Vec<Sibling> {
    if es.spec.target.creation_policy != CreationPolicy::Owner {
        return Vec::new();
    }
    let label = created_by(&name.namespace, &name.name);
    let manager = field_manager(&name.name);
    let marked = context.state.created_by(&name.namespace, &label);
    marked
        .into_iter()
        .map(|secret| {
            let observed = observed(&secret, &manager);
            Sibling {
                name: secret.metadata.name.clone().unwrap_or_default(),
                uid: observed.uid,
                resource_version: observed.resource_version,
                controller_uid: observed.controller.map(|controller| controller.uid),
            }
        })
        .collect()
}

async fn succeeded(
    context: &Context,
    name: &Name,
    es: &ExternalSecret,
    Done { plan, stand_ins }: &Done,
    version: &str,
    rhythm: Rhythm,
    now: Timestamp,
) -> Next {
    let (reason, message) = plan.success.condition();
    let message = said(message, stand_ins);
    let old = es.status.as_ref();
    let condition = status::ready(es_conditions(es), true, reason, &message, now);
    let new = status::refreshed(old, condition, version, plan.binding.clone(), now);
    context.state.refreshed(name, now);
    context.metrics.synced(&name.namespace, &name.name, seconds(now), true);
    context.metrics.external_secret_ready(&name.namespace, &name.name, true);
    let about = es.object_ref(&());
    for note in &plan.notes {
        context.events.normal(&about, note.reason, note.message).await;
    }
    if status::worth_writing(old, &new, context.config.status_interval) && !write(context, name, &new).await {
        return Some((Class::Retry, Instant::now() + Duration::from_secs(5)));
    }
    tracing::debug!(reason, "synced");
    rhythm.next(now).map(|at| (Class::Refresh, instant(at, now)))
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
    let detail = failed.failure.message(&failed.redactor);
    let message = match failed.failure.umbrella() {
        Some(umbrella) => format!("{umbrella}: {detail}"),
        None => detail,
    };
    let message = said(&message, &failed.stand_ins);
    // What was not tried has not failed.
    let failures = if held { 0 } else { context.state.failed(name) };
    let now = Timestamp::now();
    let old = es.status.as_ref();
    let condition = status::ready(es_conditions(es), false, class.reason, &message, now);
    let new = status::failed(old, condition);
    context.metrics.synced(&name.namespace, &name.name, seconds(now), false);
    context.metrics.external_secret_ready(&name.namespace, &name.name, false);
    if status::worth_writing(old, &new, context.config.status_interval) {
        tracing::warn!(reason = class.reason, message, "not synced");
        context.events.warning(&es.object_ref(&()), class.event, &message).await;
        write(context, name, &new).await;
    }
    if let Failure::AuthenticationFailed { .. } | Failure::ProviderUnavailable { .. } = failed.failure {
        // What hinders one hinders all of the store: its validation finds out, and finds out when it is
        // over.
        for (kind, store) in store_refs(es) {
            context.state.doubt(&store_object(kind, &name.namespace, &store));
        }
    }
    let wait = after_failure(class.retry, failures, interval, rand::random());
    Some((Class::Retry, Instant::now() + wait))
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
    tracing::warn!(reason, message, "not readable");
    let condition = status::ready(&[], false, reason, &message, Timestamp::now());
    write(context, name, &status::failed(None, condition)).await;
    None
}

async fn write(context: &Context, name: &Name, new: &ExternalSecretStatus) -> bool {
    let known = context.state.external_secret(name);
    let old = known.as_ref().and_then(|parsed| parsed.as_ref().as_ref().ok()?.status.as_ref());
    match status_writer::write::<ExternalSecret>(&context.client, name, old, new).await {
        Ok(()) => {
            context.state.status_written(name, new);
            true
        }
        Err(failure) => {
            tracing::warn!(message = failure.message(&Redactor::default()), "status not written");
            false
        }
    }
}

fn instant(at: Timestamp, now: Timestamp) -> Instant {
    let millis = at.as_millisecond().saturating_sub(now.as_millisecond());
    Instant::now() + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[expect(clippy::cast_precision_loss, reason = "unix time in milliseconds fits a double's 53 bits")]
fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}
