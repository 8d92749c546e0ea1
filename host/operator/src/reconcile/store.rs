//! A store of either kind: connect it, make its plugin's cheapest real call, say in its status what came
//! of it, and wake those who use it when it begins to work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::admission::check_store;
use claviger_core::backoff::after_failure;
use claviger_core::duration::parse_go;
use claviger_core::error::Failure;
use claviger_core::provider::Health;
use claviger_core::redact::Redactor;
use claviger_core::scheduler::Class;
use claviger_core::secret::Untrusted;
use claviger_core::status;
use claviger_crds::store::{ClusterSecretStore, SecretStore, SecretStoreSpec};
use claviger_plugins::Session;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Resource;

use super::patience::patience;
use super::world::ClusterWorld;
use super::{Context, Next};
use crate::cluster::status as status_writer;
use crate::state::{Store, Verdict};
use crate::sync::store_name;
use crate::sync::world::{StoreView, World};
use crate::watch::Object;

/// A store that does not work is tried again at least this often: all its users wait for it.
const SLOWEST_RETRY: Duration = Duration::from_secs(60);

/// After a status that could not be written; twice as long after each further one, up to the usual time.
const WRITE_AGAIN: Duration = Duration::from_secs(10);

/// A session with a store as itself, for nobody's namespace but its own.
///
/// # Errors
/// Why there is none, as of a validation.
pub(crate) async fn connect(context: &Arc<Context>, object: &Object) -> Result<Arc<Session>, Failure> {
    let world = ClusterWorld { context: context.clone(), reader: object.clone() };
    let view = world.store(object, object.namespace()).await?;
    context.pipeline.session(object, &view, object.namespace(), &world).await
}

/// A store as events are about it.
pub(crate) fn reference(context: &Context, object: &Object) -> Option<ObjectReference> {
    context.state.store(object).map(|store| about(object, &store))
}

/// What validation found.
struct Found {
    ready: bool,
    reason: &'static str,
    message: String,
    capabilities: Option<&'static str>,
    failure: Option<Failure>,
}

/// Reconciles one.
pub(super) async fn reconcile(context: &Arc<Context>, object: &Object) -> Next {
    let store = context.state.store(object);
    context.pipeline.forget_sessions(object);
    let store = store?;
    if store.metadata.deletion_timestamp.is_some() || !context.config.serves(store.class()) {
        context.metrics.forget(object);
        return None;
    }
    if let Some(status) = store.status.as_ref().filter(|status| !status.conditions.is_empty()) {
        context.metrics.store_seen(object, status::is_ready(&status.conditions));
    }
    let started = Instant::now();
    let mut found = validate(context, object, &store).await;
    // It is another's since it was looked at.
    if let Some(Failure::OtherController { .. }) = &found.failure {
        return None;
    }
    if let Some(Failure::PluginLoading { name }) = &found.failure {
        let in_order = store.status.as_ref().is_some_and(|status| status::is_ready(&status.conditions));
        if let Some(wait) = patience(context.registry.loading(name), in_order) {
            return Some((Class::Retry, Instant::now() + wait));
        }
    }
    // Nor is it one that the backend limits us: whoever reads from it hears that by themselves.
    let mut limited = None;
    if let Some(failure @ (Failure::Held { .. } | Failure::RateLimited { .. })) = &found.failure {
        let wait = after_failure(failure.class().retry, 1, SLOWEST_RETRY, rand::random());
        limited = Some((Class::Retry, Instant::now() + wait));
        if known_ready(context, object, &store) {
            return limited;
        }
        // Nothing is known against it: its users may try.
        found = Found {
            ready: true,
            reason: "ValidationUnknown",
            message: format!("could not determine validation status: {}", found.message),
            capabilities: None,
            failure: None,
        };
    }
    let reason = found.failure.as_ref().map(|_| found.reason);
    context.metrics.reconciled(object, started.elapsed(), reason);
    let interval = interval(context, store.spec.as_ref().ok());
    // Before the status: the watch may show that write sooner than it is answered, and it is no news then.
    let verdict = Verdict {
        generation: store.metadata.generation.unwrap_or_default(),
        ready: found.ready,
        text: (found.reason.to_owned(), found.message.clone()),
    };
    let failures = context.state.set_verdict(object, verdict);
    let written = report(context, object, &store, &found).await;
    let next = match &found.failure {
        None => limited.unwrap_or((Class::Refresh, Instant::now() + interval)),
        Some(failure) => {
            let slow = interval.min(SLOWEST_RETRY);
            let wait = after_failure(failure.class().retry, failures, slow, rand::random());
            (Class::Retry, Instant::now() + wait)
        }
    };
    let again = write_again(context.state.told(object, written));
    let again = again.map(|wait| (Class::Retry, Instant::now() + wait));
    again.into_iter().chain([next]).min_by_key(|(_, at)| *at)
}

/// When a status is written again that could not be written so often in a row. Each time the store is validated again, so
/// one that nobody may write must not make that frequent.
fn write_again(unwritten: u32) -> Option<Duration> {
    (unwritten > 0).then(|| WRITE_AGAIN * 2u32.pow(unwritten.saturating_sub(1).min(10)))
}

/// Whether it works as far as we know.
fn known_ready(context: &Context, object: &Object, store: &Store) -> bool {
    match context.state.verdict(object) {
        Some(verdict) => verdict.ready && Some(verdict.generation) == store.metadata.generation,
        None => store.status.as_ref().is_some_and(|status| status::is_ready(&status.conditions)),
    }
}

async fn validate(context: &Arc<Context>, object: &Object, store: &Store) -> Found {
    let name = store_name(object);
    let world = ClusterWorld { context: context.clone(), reader: object.clone() };
    let namespace = store.metadata.namespace.clone().unwrap_or_default();
    let outcome = async {
        let view: StoreView = world.store(object, &namespace).await?;
        check_store(&name, &view.spec)?;
        let session = context.pipeline.session(object, &view, &namespace, &world).await?;
        let health = context.pipeline.validate(&session, &name, &world).await;
        let health = match health {
            // Whom it was tried as is nobody's who has credentials of their own: nothing is known against those.
            Err(error) if !session.stand_ins().is_empty() => {
                let failure = Failure::from_call(&name, None, None, session.plugin().id(), error);
                match &failure {
                    Failure::Held { .. } | Failure::RateLimited { .. } => return Err(failure),
                    _ => Health::Unknown(Untrusted::new(failure.message(&Redactor::default()))),
                }
            }
            health => {
                health.map_err(|error| Failure::from_call(&name, None, None, session.plugin().id(), error))?
            }
        };
        Ok::<_, Failure>((session, health))
    }
    .await;
    match outcome {
        Ok((session, Health::Ready)) => ready("Valid", warned("store validated", &session), &session),
        Ok((session, Health::Unknown(detail))) => {
            let why = Redactor::default().clean(&detail);
            let message = format!("could not determine validation status: {why}");
            ready("ValidationUnknown", warned(&message, &session), &session)
        }
        // ESO's word for a store that can only be judged for the namespace of an ExternalSecret.
        Err(Failure::StoreReferent { .. }) => Found {
            ready: true,
            reason: "ValidationUnknown",
            message: "could not determine validation status: it authenticates as the namespace of each ExternalSecret"
                .to_owned(),
            capabilities: None,
            failure: None,
        },
        Err(failure) => Found {
            ready: false,
            reason: failure.class().reason,
            message: failure.message(&Redactor::default()),
            capabilities: None,
            failure: Some(failure),
        },
    }
}

fn ready(reason: &'static str, message: String, session: &Session) -> Found {
    let writes = session
        .plugin()
        .description()
        .is_some_and(|description| description.capabilities.iter().any(|capability| capability == "writer"));
    let capabilities = Some(if writes { "ReadWrite" } else { "ReadOnly" });
    Found { ready: true, reason, message, capabilities, failure: None }
}

fn warned(message: &str, session: &Session) -> String {
    let message = super::through(super::said(message, session.stand_ins()), session.proxies());
    match session.warnings() {
        [] => message,
        warnings => format!("{message}; warning: {}", warnings.join("; ")),
    }
}

/// Writes status and event if they say something new; whether the status is what it should be.
async fn report(context: &Context, object: &Object, store: &Store, found: &Found) -> bool {
    let old = store.status.as_ref();
    let conditions = old.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let condition = status::ready(conditions, found.ready, found.reason, &found.message, Timestamp::now());
    let new = status::store(old, condition, found.capabilities);
    context.metrics.ready(object, found.ready, (!found.ready).then_some(found.reason));
    if old == Some(&new) {
        return true;
    }
    let about = about(object, store);
    if found.ready {
        context.events.normal(&about, found.reason, &found.message);
    } else {
        tracing::warn!(reason = found.reason, message = found.message, "store not ready");
        context.events.warning(&about, found.reason, &found.message);
    }
    let written = match object {
        Object::SecretStore(name) => {
            status_writer::write::<SecretStore>(&context.client, name, old, &new).await
        }
        _ => {
            status_writer::write_cluster::<ClusterSecretStore>(&context.client, object.name(), old, &new)
                .await
        }
    };
    if let Err(failure) = &written {
        tracing::warn!(message = failure.message(&Redactor::default()), "status not written");
    }
    written.is_ok()
}

fn about(object: &Object, store: &Store) -> ObjectReference {
    ObjectReference {
        api_version: Some(SecretStore::api_version(&()).into_owned()),
        kind: Some(object.kind().to_owned()),
        name: store.metadata.name.clone(),
        namespace: store.metadata.namespace.clone(),
        uid: store.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// Whether a store is of our controller class. One that is not there, or does not parse, is nobody else's.
pub(super) fn is_ours(context: &Context, object: &Object) -> bool {
    context.config.serves(context.state.store(object).as_deref().and_then(Store::class))
}

/// A store that is known not to work is not asked: its own validation finds out when it does again, and wakes those who
/// wait.
///
/// # Errors
/// [`Failure::StoreNotReady`].
pub(super) fn check_works(context: &Context, object: &Object) -> Result<(), Failure> {
    let known = context.state.store(object);
    let generation = known.and_then(|store| store.metadata.generation);
    match context.state.verdict(object) {
        Some(verdict) if !verdict.ready && Some(verdict.generation) == generation => {
            let (reason, message) = verdict.text;
            Err(Failure::StoreNotReady { store: store_name(object), reason, message })
        }
        _ => Ok(()),
    }
}

/// Whole seconds or a Go duration; what is neither, or zero, is the operator's own interval.
fn interval(context: &Context, spec: Option<&SecretStoreSpec>) -> Duration {
    let given = match spec.and_then(|spec| spec.refresh_interval.as_ref()) {
        Some(IntOrString::Int(seconds)) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Some(IntOrString::String(text)) => parse_go(text).ok(),
        None => None,
    };
    given.filter(|given| !given.is_zero()).unwrap_or(context.config.store_interval)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::Metrics;
    use crate::state::State;

    #[test]
    fn a_status_that_cannot_be_written_is_tried_less_and_less() {
        let state = State::new(Arc::new(Metrics::default()));
        let store = Object::ClusterSecretStore("shared".to_owned());
        let mut tried = |written| write_again(state.told(&store, written)).map(|wait| wait.as_secs());
        assert_eq!([false, false, false].map(&mut tried), [Some(10), Some(20), Some(40)]);
        assert_eq!([true, false].map(&mut tried), [None, Some(10)], "it was written");
        assert_eq!(write_again(u32::MAX), Some(WRITE_AGAIN * 1_024));
    }
}
