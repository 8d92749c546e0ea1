//! Writes of a PushSecret itself: its finalizer, and what its status has to say before something is written to a provider.

use std::sync::atomic::{AtomicBool, Ordering};

use claviger_core::error::Failure;
use claviger_core::names::OWN_FIELD_MANAGER;
use claviger_core::push::FINALIZER;
use claviger_crds::push_secret::{PushSecret, SyncedPushSecrets};
use kube::api::{Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Map, Value, json};

use super::live::api_failure;
use super::status;
use crate::watch::cache::Name;

/// Puts the finalizer on, or takes it off, the very object that was looked at. False: it is another by now.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn set_finalizer(client: &Client, ps: &PushSecret, on: bool) -> Result<bool, Failure> {
    let (namespace, name) = (ps.namespace().unwrap_or_default(), ps.name_any());
    let api: Api<DeserializeGuard<PushSecret>> = Api::namespaced(client.clone(), &namespace);
    // As it is now: the cache may be behind, and another's finalizers are not ours to lose.
    let live = api.get_metadata_opt(&name).await;
    let live = live.map_err(|error| api_failure("reading", "PushSecret", &namespace, &name, &error))?;
    let Some(live) = live.filter(|live| live.metadata.uid == ps.metadata.uid) else { return Ok(false) };
    let mut finalizers: Vec<&str> =
        live.finalizers().iter().map(String::as_str).filter(|one| *one != FINALIZER).collect();
    if on {
        finalizers.push(FINALIZER);
    }
    if finalizers.len() == live.finalizers().len() {
        return Ok(true);
    }
    let body = json!({
        "apiVersion": PushSecret::api_version(&()),
        "kind": PushSecret::kind(&()),
        "metadata": {
            "uid": live.metadata.uid,
            "resourceVersion": live.metadata.resource_version,
            "finalizers": finalizers,
        },
    });
    let params = PatchParams { field_manager: Some(OWN_FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&name, &params, &Patch::Merge(&body)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
        Err(error) => Err(api_failure("writing the finalizer of", "PushSecret", &namespace, &name, &error)),
    }
}

/// Adds to `status.pushing`.
///
/// # Errors
/// [`Failure::ApiServer`], also if the object is gone: nothing may be written then.
pub(crate) async fn announce(client: &Client, name: &Name, begun: &SyncedPushSecrets) -> Result<(), Failure> {
    let merged = merge(client, name, json!({"pushing": begun})).await?;
    let status = merged.0.ok().and_then(|ps| ps.status);
    let is_said = |store: &String, name: &String| {
        let pushing = status.as_ref().and_then(|status| status.pushing.get(store));
        pushing.is_some_and(|entries| entries.contains_key(name))
    };
    let all_said = begun.iter().all(|(store, entries)| entries.keys().all(|name| is_said(store, name)));
    if !all_said && !PRUNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "the definition of PushSecret is older than this operator and has no status.pushing: what is being pushed \
             when the operator is killed may stay at the provider; apply the definitions of this version (claviger crds; \
             claviger doctor names all such fields)"
        );
    }
    Ok(())
}

/// Whether it was said that the status loses fields: once is enough.
static PRUNED: AtomicBool = AtomicBool::new(false);

/// Takes names of a store out of `status.pushing`.
///
/// # Errors
/// [`Failure::ApiServer`], also if the object is gone.
pub(crate) async fn unannounce(
    client: &Client,
    name: &Name,
    store: &str,
    gone: &[String],
) -> Result<(), Failure> {
    if gone.is_empty() {
        return Ok(());
    }
    let gone: Map<String, Value> = gone.iter().map(|name| (name.clone(), Value::Null)).collect();
    merge(client, name, json!({"pushing": {store: gone}})).await.map(drop)
}

async fn merge(client: &Client, name: &Name, fields: Value) -> Result<DeserializeGuard<PushSecret>, Failure> {
    status::merge(&Api::namespaced(client.clone(), &name.namespace), name, fields).await
}
