//! Writes of the ExternalSecrets that a ClusterExternalSecret makes.
//!
//! Server-side apply, so that others' labels stay theirs. The spec is ours whole: what somebody added to it, which
//! applying leaves alone, is taken out by replacing it; so are labels that ESO gave. Every write is to the very object that was looked at.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::error::Failure;
use claviger_core::names::SPREAD_FIELD_MANAGER;
use claviger_core::spread::{ALREADY_EXISTS, NamespaceView, Seen, Wanted};
use claviger_crds::cluster_external_secret::ClusterExternalSecret;
use claviger_crds::external_secret::ExternalSecret;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::DeserializeGuard;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};

use crate::cluster::live::api_failure;
use crate::state::children::given;

type Map = BTreeMap<String, String>;

/// What a write came to.
pub enum Written {
    /// The object as it is now.
    Done(Box<ExternalSecret>),
    /// It is not the one that was looked at any more: look again.
    Stale,
    /// Somebody else has one of that name.
    Foreign(&'static str),
}

/// The reference that makes it go with its maker.
pub fn owner(ces: &ClusterExternalSecret) -> Option<OwnerReference> {
    ces.controller_owner_ref(&())
}

/// Makes an ExternalSecret, or brings the one that was `seen` to what it should be.
///
/// # Errors
/// [`Failure::ApiServer`].
pub async fn apply(
    client: &Client,
    namespace: &str,
    wanted: &Wanted,
    owner: &OwnerReference,
    seen: Option<&Seen>,
) -> Result<Written, Failure> {
    let api: Api<DeserializeGuard<ExternalSecret>> = Api::namespaced(client.clone(), namespace);
    let mut body = json!({
        "apiVersion": ExternalSecret::api_version(&()),
        "kind": ExternalSecret::kind(&()),
        "metadata": {
            "name": wanted.name,
            "namespace": namespace,
            "labels": wanted.labels,
            "annotations": wanted.annotations,
            "ownerReferences": [owner],
        },
        "spec": wanted.spec,
    });
    let mut params = PatchParams::apply(SPREAD_FIELD_MANAGER);
    match seen {
        Some(seen) => {
            body["metadata"]["uid"] = json!(seen.uid);
            body["metadata"]["resourceVersion"] = json!(seen.resource_version);
            params.force = true;
        }
        // The cache may be behind: an apply would add to what somebody else has there.
        None => match api.get_metadata_opt(&wanted.name).await {
            Ok(None) => {}
            Ok(Some(there)) if there.owner_references().iter().any(|one| one.uid == owner.uid) => {
                return Ok(Written::Stale);
            }
            Ok(Some(_)) => return Ok(Written::Foreign(ALREADY_EXISTS)),
            Err(error) => {
                return Err(api_failure("reading", "ExternalSecret", namespace, &wanted.name, &error));
            }
        },
    }
    // Without force, what somebody else has said of one that was made in the same moment is not written over.
    let result = api.patch(&wanted.name, &params, &Patch::Apply(&body)).await;
    let answered = match result {
        Ok(answered) => answered,
        Err(kube::Error::Api(status)) if status.code == 409 && seen.is_some() => return Ok(Written::Stale),
        Err(kube::Error::Api(status)) if status.code == 409 => return Ok(Written::Foreign(ALREADY_EXISTS)),
        Err(error) => return Err(api_failure("writing", "ExternalSecret", namespace, &wanted.name, &error)),
    };
    let (meta, same) = match &answered.0 {
        Ok(es) => (&es.metadata, es.spec == wanted.spec),
        Err(invalid) => (&invalid.metadata, false),
    };
    let mut patch = surplus(meta, wanted);
    if !same {
        patch.push(json!({"op": "replace", "path": "/spec", "value": wanted.spec}));
    }
    match answered.0 {
        Ok(es) if patch.is_empty() => Ok(Written::Done(Box::new(es))),
        Ok(es) => rest(&api, namespace, wanted, es.metadata.resource_version.as_deref(), patch).await,
        Err(invalid) => {
            rest(&api, namespace, wanted, invalid.metadata.resource_version.as_deref(), patch).await
        }
    }
}

/// What takes off labels and annotations that ESO gave and that are wanted no more: they stay its own when somebody else
/// applies.
fn surplus(meta: &ObjectMeta, wanted: &Wanted) -> Vec<Value> {
    let given = given(meta);
    let removed = |field: &str, is: &Option<Map>, given: &BTreeSet<String>, wanted: &Map| {
        let is = is.as_ref();
        let stays = |key: &&String| !wanted.contains_key(*key) && is.is_some_and(|is| is.contains_key(*key));
        let path = |key: &String| {
            let key = key.replace('~', "~0").replace('/', "~1");
            json!({"op": "remove", "path": format!("/metadata/{field}/{key}")})
        };
        given.iter().filter(stays).map(path).collect::<Vec<_>>()
    };
    let mut removals = removed("labels", &meta.labels, &given.labels, &wanted.labels);
    removals.extend(removed("annotations", &meta.annotations, &given.annotations, &wanted.annotations));
    removals
}

/// What applying does not do.
async fn rest(
    api: &Api<DeserializeGuard<ExternalSecret>>,
    namespace: &str,
    wanted: &Wanted,
    version: Option<&str>,
    patch: Vec<Value>,
) -> Result<Written, Failure> {
    // A resourceVersion that is no longer the object's is a conflict.
    let version = json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version});
    let body: Value = [version].into_iter().chain(patch).collect();
    let failure =
        |error: &kube::Error| api_failure("writing", "ExternalSecret", namespace, &wanted.name, error);
    let patch = serde_json::from_value(body).map_err(|error| failure(&kube::Error::SerdeError(error)))?;
    let params =
        PatchParams { field_manager: Some(SPREAD_FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&wanted.name, &params, &Patch::Json::<()>(patch)).await {
        Ok(DeserializeGuard(Ok(es))) => Ok(Written::Done(Box::new(es))),
        Ok(_) => Ok(Written::Stale),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Written::Stale),
        Err(error) => Err(failure(&error)),
    }
}

/// Whether a ClusterExternalSecret and a namespace are now what a decision was made of.
///
/// # Errors
/// [`Failure::ApiServer`].
pub async fn is_current(
    client: &Client,
    ces: &ClusterExternalSecret,
    namespace: &str,
    known: Option<&NamespaceView>,
) -> Result<bool, Failure> {
    let name = ces.name_any();
    let makers: Api<ClusterExternalSecret> = Api::all(client.clone());
    let maker = makers
        .get_metadata_opt(&name)
        .await
        .map_err(|error| api_failure("reading", "ClusterExternalSecret", "", &name, &error))?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let live = namespaces
        .get_metadata_opt(namespace)
        .await
        .map_err(|error| api_failure("reading", "Namespace", "", namespace, &error))?;
    let same_maker = maker.is_some_and(|maker| {
        (&maker.metadata.uid, maker.metadata.generation) == (&ces.metadata.uid, ces.metadata.generation)
    });
    // In a namespace that is gone there is nothing to delete.
    let same_labels = live.is_none_or(|live| known.is_some_and(|known| *live.labels() == known.labels));
    Ok(same_maker && same_labels)
}

/// Deletes one if it is still the one that was looked at. One that is gone is deleted.
///
/// # Errors
/// [`Failure::ApiServer`].
pub async fn delete(client: &Client, namespace: &str, name: &str, seen: &Seen) -> Result<(), Failure> {
    let api: Api<DeserializeGuard<ExternalSecret>> = Api::namespaced(client.clone(), namespace);
    // By uid only: whatever its status says by now, it is the same that nobody wants.
    let preconditions = Preconditions { uid: Some(seen.uid.clone()), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    match api.delete(name, &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(error) => Err(api_failure("deleting", "ExternalSecret", namespace, name, &error)),
    }
}
