//! What generators leave behind: recorded as a GeneratorState before the values are written, flagged when a newer one is
//! written or this one never will be, and taken back by the generator itself.
//!
//! A record is ESO's object, field by field: the generator as it was, what it needs for taking back, when that is due; the
//! ExternalSecret owns it, and a finalizer keeps it until it is done. Which record a Secret's values go with stands in the
//! Secret's own record of what was made, in the same apply.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_core::error::Failure;
use claviger_core::generator::API_VERSION;
use claviger_core::lease::{Record, Source};
use claviger_core::names::OWN_FIELD_MANAGER;
use claviger_core::redact::Redactor;
use claviger_core::secret::SecretBytes;
use claviger_crds::condition::Condition;
use claviger_crds::generators::{GeneratorState, GeneratorStateSpec, GeneratorStateStatus};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::Context;
use super::refresh::controller_of;
use super::world::ClusterWorld;
use crate::cluster::live::api_failure;
use crate::state::left::{ANNOTATION_CLASS, LABEL_OWNER_KEY, owner_key};
use crate::sync::generator_name;
use crate::sync::world::{GeneratorView, Owner};
use crate::watch::Object;
use crate::watch::cache::Name;

/// ESO's.
pub(crate) const FINALIZER: &str = "generatorstate.externalsecrets.io/finalizer";
/// How long a replaced one stays good, as ESO's `--generator-gc-grace-period`: whoever reads the Secret has to see the
/// new one first.
const GRACE: Duration = Duration::from_secs(120);
/// Between two looks, if nothing is due before.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// After a failure: doubled each time, up to [`MOST`].
const AGAIN: Duration = Duration::from_secs(5);
const MOST: Duration = Duration::from_secs(300);
/// Taken back at once.
const AT_ONCE: usize = 4;

fn api(context: &Context, namespace: &str) -> Api<GeneratorState> {
    Api::namespaced(context.client.clone(), namespace)
}

fn failed(doing: &'static str, namespace: &str, name: &str, error: &kube::Error) -> Failure {
    api_failure(doing, "GeneratorState", namespace, name, error)
}

/// What a generator left behind when it last made something for that ExternalSecret.
pub(super) fn latest(context: &Context, owner: &Owner<'_>, source: &Source) -> Option<Arc<GeneratorState>> {
    let key = owner_key(owner.uid, source);
    let mut all = context.state.left_for(&context.config.controller_class, owner.namespace, owner.uid);
    all.retain(|object| object.labels().get(LABEL_OWNER_KEY) == Some(&key));
    all.pop()
}

/// Records what it leaves behind now; the record's name. The same as before is recorded already.
///
/// # Errors
/// If the API server does not take it.
pub(super) async fn record(
    context: &Context,
    owner: &Owner<'_>,
    source: &Source,
    view: &GeneratorView,
    state: Value,
) -> Result<String, Failure> {
    let resource = json!({
        "apiVersion": API_VERSION,
        "kind": view.kind,
        "metadata": {
            "name": source.name, "namespace": owner.namespace, "uid": view.uid, "generation": view.generation,
        },
        "spec": view.spec,
    });
    if let Some(known) = latest(context, owner, source)
        && known.spec.state == state
        && known.spec.resource == resource
    {
        return Ok(known.name_any());
    }
    let name = name_of(owner.name, Timestamp::now());
    let spec = GeneratorStateSpec { garbage_collection_deadline: None, resource, state };
    let mut object = GeneratorState::new(&name, spec);
    let controller = controller_of(&Name::new(owner.namespace, owner.name), owner.uid);
    let meta = object.meta_mut();
    meta.finalizers = Some(vec![FINALIZER.to_owned()]);
    meta.labels = Some(BTreeMap::from([(LABEL_OWNER_KEY.to_owned(), owner_key(owner.uid, source))]));
    let class = context.config.controller_class.clone();
    meta.annotations = Some(BTreeMap::from([(ANNOTATION_CLASS.to_owned(), class)]));
    meta.owner_references = Some(vec![OwnerReference {
        api_version: controller.api_version,
        kind: controller.kind,
        name: controller.name,
        uid: controller.uid,
        ..Default::default()
    }]);
    let params = PostParams { field_manager: Some(OWN_FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let made = api(context, owner.namespace).create(&params, &object).await;
    let made = made.map_err(|error| failed("creating", owner.namespace, &name, &error))?;
    context.state.left_written(made);
    Ok(name)
}

/// Names that go on: later ones sort behind earlier ones. ESO's begin the same.
fn name_of(external_secret: &str, now: Timestamp) -> String {
    // 253 bytes are the longest name.
    let cut: String = external_secret.chars().take(200).collect();
    let cut = cut.trim_end_matches(['-', '.']);
    format!("gen-externalsecret-{cut}-{:014x}", now.as_microsecond())
}

/// What was written is in `written`, by its record; what else of the ExternalSecret's is there was replaced, or belongs to
/// an entry that is gone, or was never written.
pub(super) async fn settle(context: &Context, owner: &Owner<'_>, written: Option<&Record>) {
    let current: BTreeSet<&str> =
        written.iter().flat_map(|record| &record.held).filter_map(|held| held.state.as_deref()).collect();
    let due = Timestamp::now().checked_add(GRACE).unwrap_or(Timestamp::MAX);
    let all = context.state.left_for(&context.config.controller_class, owner.namespace, owner.uid);
    let in_use: Vec<_> = all.iter().filter(|object| current.contains(object.name_any().as_str())).collect();
    for object in &all {
        let name = object.name_any();
        // What a changed generator left behind again is what is in use: taking it back would take that.
        let same = in_use.iter().any(|used| {
            used.spec.state == object.spec.state && used.spec.resource["kind"] == object.spec.resource["kind"]
        });
        if !same {
            flag(context, owner.namespace, &name, due).await;
        }
    }
}

/// Sets when one is taken back; whether that is done, or it is gone. What fails is flagged at the next refresh.
pub(super) async fn flag(context: &Context, namespace: &str, name: &str, due: Timestamp) -> bool {
    let patch =
        Patch::Merge(json!({"spec": {"garbageCollectionDeadline": claviger_core::status::rfc3339(due)}}));
    match api(context, namespace).patch(name, &params(), &patch).await {
        Ok(object) => context.state.left_written(object),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            context.state.left_gone(&Name::new(namespace, name));
        }
        Err(error) => {
            let all = context.state.left(&context.config.controller_class);
            let known = all.iter().find(|object| Name::of(&***object) == Name::new(namespace, name));
            let redactor = known.map(|object| hiding(object)).unwrap_or_default();
            let message = failed("flagging", namespace, name, &error).message(&redactor);
            tracing::warn!(message, name, "a generator's state is not flagged yet");
            return false;
        }
    }
    true
}

/// Who refuses an object may quote what the generator needs for taking back.
fn hiding(object: &GeneratorState) -> Redactor {
    let mut redactor = Redactor::knowing(&object.spec.resource);
    redactor.seed(&SecretBytes::new(object.spec.state.to_string().into_bytes()));
    redactor
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(OWN_FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// How soon it is looked whether this process leads.
const LEADERLESS: Duration = Duration::from_secs(1);

/// When one that failed is tried again, and how long that was after.
type Waits = BTreeMap<Name, (Instant, Duration)>;

/// Takes back what is due, until `stop`; while this process leads.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) {
    let mut waits = Waits::new();
    loop {
        let next = match context.leadership.holds() && context.registry.are_built_ins_settled() {
            // Without the lease no provider is asked any more.
            true => context.leadership.during(round(&context, &mut waits)).await.unwrap_or(LEADERLESS),
            false => LEADERLESS,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.state.left_changed() => {}
            () = tokio::time::sleep(next) => {}
        }
    }
}

/// One look at all; how long until the next.
async fn round(context: &Arc<Context>, waits: &mut Waits) -> Duration {
    let all = context.state.left(&context.config.controller_class);
    waits.retain(|name, _| all.iter().any(|object| Name::of(&**object) == *name));
    let (mut due, mut next) = (Vec::new(), HEARTBEAT);
    for object in all {
        let now = Instant::now();
        let left = match waits.get(&Name::of(&*object)) {
            Some((at, _)) => at.saturating_duration_since(now),
            None => Duration::ZERO,
        };
        let left = wait_of(&object, Timestamp::now()).map(|wait| wait.max(left));
        match left {
            Some(Duration::ZERO) => due.push(object),
            Some(left) => next = next.min(left),
            None => {}
        }
    }
    let ended = futures::stream::iter(due).map(|object| async move {
        let outcome = match object.metadata.deletion_timestamp {
            Some(_) => take_back(context, &object).await,
            None => delete(context, &object).await,
        };
        (object, outcome)
    });
    let ended: Vec<_> = ended.buffer_unordered(AT_ONCE).collect().await;
    for (object, outcome) in ended {
        let name = Name::of(&*object);
        let Err(failure) = outcome else {
            // What the watch still shows of it for a moment is not asked for again.
            match object.metadata.deletion_timestamp {
                Some(_) => drop(waits.insert(name, (Instant::now() + AGAIN, AGAIN))),
                None => drop(waits.remove(&name)),
            }
            continue;
        };
        let wait = waits.get(&name).map_or(AGAIN, |(_, wait)| (*wait * 2).min(MOST));
        waits.insert(name.clone(), (Instant::now() + wait, wait));
        next = next.min(wait);
        let message = failure.message(&Redactor::knowing(&object.spec.resource));
        tracing::warn!(state = %name, message, "what a generator left behind is not taken back yet");
        say(context, &object, &failure, &message).await;
    }
    next
}

/// How long until something is to be done with it; none: nothing is.
fn wait_of(object: &GeneratorState, now: Timestamp) -> Option<Duration> {
    if object.metadata.deletion_timestamp.is_some() {
        let ours = object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        return ours.then_some(Duration::ZERO);
    }
    let due = object.spec.garbage_collection_deadline.as_ref()?.0;
    Some(Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// It is due: its finalizer has it taken back.
async fn delete(context: &Context, object: &GeneratorState) -> Result<(), Failure> {
    let name = Name::of(object);
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: object.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    match api(context, &name.namespace).delete(&name.name, &params).await {
        Ok(either) => {
            if let Some(object) = either.left() {
                context.state.left_written(object);
            }
            Ok(())
        }
        // Gone, or another of that name.
        Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => {
            context.state.left_gone(&name);
            Ok(())
        }
        Err(error) => Err(failed("deleting", &name.namespace, &name.name, &error)),
    }
}

/// The generator as a record has it. Whoever may write one says what is in it, so it does not go by the uid that stands there:
/// no login and nothing else that is kept for a generator is found by it. Records of one namespace with the same kind and
/// spec are one, or each of many would have a login of its own.
fn as_recorded(object: &GeneratorState) -> (Source, GeneratorView) {
    let resource = &object.spec.resource;
    let text = |at: &str| resource.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let same = json!([object.namespace(), resource["kind"], resource["spec"]]).to_string();
    let view = GeneratorView {
        kind: text("/kind"),
        uid: format!("recorded {}", STANDARD.encode(Sha256::digest(same))),
        generation: resource["metadata"]["generation"].as_i64().unwrap_or_default(),
        spec: resource["spec"].clone(),
    };
    (Source::generator(&view.kind, &text("/metadata/name")), view)
}

/// Has the generator take it back, and lets the record go.
async fn take_back(context: &Arc<Context>, object: &GeneratorState) -> Result<(), Failure> {
    let name = Name::of(object);
    let (source, view) = as_recorded(object);
    let reader = object.owner_references().first().map(|owner| owner.name.clone()).unwrap_or_default();
    let reader = Object::ExternalSecret(Name::new(&name.namespace, &reader));
    let world = ClusterWorld { context: context.clone(), reader };
    // As a generator that is there: a record that somebody else has written is no way to one of another class.
    let generator = generator_name(&source.kind, &name.namespace, &source.name);
    world.ours(&generator, view.spec["controller"].as_str())?;
    context.pipeline.clean_up(&source, &view, &name.namespace, &world, &object.spec.state).await?;
    context.metrics.lease("clean", "done");
    let rest: Vec<&String> = object.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).collect();
    let patch = Patch::Merge(json!({
        "metadata": {"finalizers": rest, "resourceVersion": object.resource_version(), "uid": object.uid()},
    }));
    match api(context, &name.namespace).patch(&name.name, &params(), &patch).await {
        Ok(object) if !object.finalizers().is_empty() => {
            context.state.left_written(object);
            Ok(())
        }
        Ok(_) => {
            context.state.left_gone(&name);
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.code == 404 => {
            context.state.left_gone(&name);
            Ok(())
        }
        Err(error) => Err(failed("releasing", &name.namespace, &name.name, &error)),
    }
}

/// Says on the object why it is still there.
async fn say(context: &Context, object: &GeneratorState, failure: &Failure, message: &str) {
    let known =
        object.status.iter().flat_map(|status| &status.conditions).find(|known| known.type_ == "Ready");
    if known.is_some_and(|known| known.message.as_deref() == Some(message)) {
        return;
    }
    let condition = Condition {
        type_: "Ready".to_owned(),
        status: "False".to_owned(),
        reason: Some(failure.class().reason.to_owned()),
        message: Some(message.to_owned()),
        last_transition_time: Some(claviger_core::status::rfc3339(Timestamp::now())),
    };
    let status = GeneratorStateStatus { conditions: vec![condition] };
    let name = Name::of(object);
    let patch = Patch::Merge(json!({"status": status}));
    match api(context, &name.namespace).patch_status(&name.name, &params(), &patch).await {
        Ok(object) => context.state.left_written(object),
        Err(error) => {
            let failure = failed("writing the status of", &name.namespace, &name.name, &error);
            let message = failure.message(&hiding(object));
            tracing::warn!(message, state = %name, "the status of a generator's state is not written");
        }
    }
}

#[cfg(test)]
#[path = "left_tests.rs"]
mod tests;
