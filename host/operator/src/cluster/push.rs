//! What a PushSecret is made from, read from the API server when it is needed and kept nowhere; its finalizer; and what its
//! status has to say before something is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use claviger_core::error::Failure;
use claviger_core::push::{Data, FINALIZER};
use claviger_core::secret::SecretBytes;
use claviger_core::template::SourceKind;
use claviger_crds::push_secret::{PushSecret, SyncedPushSecrets};
use claviger_crds::store::LabelSelector;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::{DeserializeGuard, Selector};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::json;

use crate::cluster::live::api_failure;

/// Secrets of one page: each may be a megabyte.
const PAGE: u32 = 50;

/// Most bytes of all Secrets that one PushSecret selects, of keys and values: sixteen of the largest that there are. It holds
/// them all while it pushes.
const MAX_SELECTED: usize = 16 << 20;

/// A Secret that is pushed.
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_: Option<String>,
    /// Which version of it this is.
    pub version: String,
    /// Its values.
    pub data: Data,
}

/// Which version of an object somebody looked at.
fn version(meta: &ObjectMeta) -> String {
    format!(
        "{} {}",
        meta.uid.as_deref().unwrap_or_default(),
        meta.resource_version.as_deref().unwrap_or_default()
    )
}

fn source(secret: Secret) -> Source {
    let bytes = |value: Vec<u8>| Arc::new(SecretBytes::new(value));
    Source {
        name: secret.name_any(),
        type_: secret.type_,
        version: version(&secret.metadata),
        data: secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, bytes(value.0))).collect(),
    }
}

/// The version of a Secret or ConfigMap, without its values.
///
/// # Errors
/// [`Failure::ApiServer`]; one that is not there has none.
pub async fn version_of(
    client: &Client,
    kind: SourceKind,
    namespace: &str,
    name: &str,
) -> Result<Option<String>, Failure> {
    let found = match kind {
        SourceKind::Secret => {
            let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
            api.get_metadata_opt(name).await.map(|found| found.map(|found| version(&found.metadata)))
        }
        SourceKind::ConfigMap => {
            let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            api.get_metadata_opt(name).await.map(|found| found.map(|found| version(&found.metadata)))
        }
    };
    found.map_err(|error| api_failure("reading", kind.as_str(), namespace, name, &error))
}

/// A Secret with its values.
///
/// # Errors
/// [`Failure::ApiServer`]; one that is not there is `None`.
pub async fn secret(client: &Client, namespace: &str, name: &str) -> Result<Option<Source>, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = api.get_opt(name).await;
    Ok(found.map_err(|error| api_failure("reading", "Secret", namespace, name, &error))?.map(source))
}

/// The versions of the Secrets with those labels, by name, without their values.
///
/// # Errors
/// [`Failure::ApiServer`].
pub async fn versions_selected(
    client: &Client,
    namespace: &str,
    selector: &LabelSelector,
) -> Result<BTreeMap<String, String>, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let list = api.list_metadata(&selecting(selector)?).await;
    let list = list.map_err(|error| api_failure("listing", "Secrets of", namespace, "", &error))?;
    Ok(list.items.iter().map(|found| (found.name_any(), version(&found.metadata))).collect())
}

/// The Secrets with those labels, in the order of their names.
///
/// # Errors
/// [`Failure::ApiServer`], and that they are too much.
pub async fn selected(
    client: &Client,
    namespace: &str,
    selector: &LabelSelector,
) -> Result<Vec<Source>, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let mut params = selecting(selector)?.limit(PAGE);
    let mut found = Vec::new();
    loop {
        let list = api.list(&params).await;
        let list = list.map_err(|error| api_failure("listing", "Secrets of", namespace, "", &error))?;
        found.extend(list.items.into_iter().map(source));
        let entries = found.iter().flat_map(|source| &source.data);
        if entries.map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_SELECTED {
            let why = format!(
                "spec.selector.secret.selector selects more than {} MiB of Secrets",
                MAX_SELECTED >> 20
            );
            return Err(Failure::PolicyInvalid { why });
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn selecting(selector: &LabelSelector) -> Result<ListParams, Failure> {
    let selector = Selector::try_from(selector.clone())
        .map_err(|error| Failure::PolicyInvalid { why: format!("spec.selector.secret.selector: {error}") })?;
    Ok(ListParams::default().labels_from(&selector))
}

/// Puts the finalizer on, or takes it off, the very object that was looked at. False: it is another by now.
///
/// # Errors
/// [`Failure::ApiServer`].
pub async fn set_finalizer(client: &Client, ps: &PushSecret, on: bool) -> Result<bool, Failure> {
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
    let params = PatchParams { field_manager: Some("claviger".to_owned()), ..PatchParams::default() };
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
pub async fn announce(
    client: &Client,
    namespace: &str,
    name: &str,
    begun: &SyncedPushSecrets,
) -> Result<(), Failure> {
    let api: Api<DeserializeGuard<PushSecret>> = Api::namespaced(client.clone(), namespace);
    let body = json!({
        "apiVersion": PushSecret::api_version(&()),
        "kind": PushSecret::kind(&()),
        "status": {"pushing": begun},
    });
    let params = PatchParams { field_manager: Some("claviger".to_owned()), ..PatchParams::default() };
    let patched = api.patch_status(name, &params, &Patch::Merge(&body)).await;
    let patched = patched
        .map_err(|error| api_failure("writing the status of", "PushSecret", namespace, name, &error))?;
    let status = patched.0.ok().and_then(|ps| ps.status);
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
/// [`Failure::ApiServer`].
pub async fn unannounce(
    client: &Client,
    namespace: &str,
    name: &str,
    store: &str,
    gone: &[String],
) -> Result<(), Failure> {
    if gone.is_empty() {
        return Ok(());
    }
    let api: Api<DeserializeGuard<PushSecret>> = Api::namespaced(client.clone(), namespace);
    let gone: serde_json::Map<String, serde_json::Value> =
        gone.iter().map(|name| (name.clone(), serde_json::Value::Null)).collect();
    let body = json!({
        "apiVersion": PushSecret::api_version(&()),
        "kind": PushSecret::kind(&()),
        "status": {"pushing": {store: gone}},
    });
    let params = PatchParams { field_manager: Some("claviger".to_owned()), ..PatchParams::default() };
    let patched = api.patch_status(name, &params, &Patch::Merge(&body)).await;
    patched
        .map(drop)
        .map_err(|error| api_failure("writing the status of", "PushSecret", namespace, name, &error))
}
