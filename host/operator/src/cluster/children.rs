//! Writes of the ExternalSecrets that a ClusterExternalSecret makes, and of the PushSecrets of a ClusterPushSecret.
//!
//! Server-side apply, so that others' labels stay theirs. The spec is ours whole: what somebody added to it, which
//! applying leaves alone, is taken out by replacing it; so are labels that ESO gave. Every write is to the very object that was looked at.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::error::Failure;
use claviger_core::names::{PUSH_SPREAD_FIELD_MANAGER, SPREAD_FIELD_MANAGER};
use claviger_core::spread::{NamespaceView, Seen, Wanted};
use claviger_crds::external_secret::{ExternalSecret, ExternalSecretSpec};
use claviger_crds::push_secret::{PushSecret, PushSecretSpec};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{ClusterResourceScope, DeserializeGuard, NamespaceResourceScope};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::live::api_failure;
use crate::state::children::given;

type Map = BTreeMap<String, String>;

/// A kind that is made in many namespaces.
pub(crate) trait Made:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned + Clone + std::fmt::Debug
{
    /// Its spec.
    type Spec: Serialize + PartialEq + Clone + Send + Sync;
    /// Field manager.
    const MANAGER: &'static str;
    /// Its name.
    const KIND: &'static str;
    /// What is said where somebody else has one of that name.
    const EXISTS: &'static str;

    /// The spec.
    fn spec(&self) -> &Self::Spec;
}

impl Made for ExternalSecret {
    type Spec = ExternalSecretSpec;
    const MANAGER: &'static str = SPREAD_FIELD_MANAGER;
    const KIND: &'static str = "ExternalSecret";
    const EXISTS: &'static str = "external secret already exists in namespace";

    fn spec(&self) -> &Self::Spec {
        &self.spec
    }
}

impl Made for PushSecret {
    type Spec = PushSecretSpec;
    const MANAGER: &'static str = PUSH_SPREAD_FIELD_MANAGER;
    const KIND: &'static str = "PushSecret";
    const EXISTS: &'static str = "push secret already exists in namespace";

    fn spec(&self) -> &Self::Spec {
        &self.spec
    }
}

/// What a write came to.
pub(crate) enum Written<K = ExternalSecret> {
    /// The object as it is now.
    Done(Box<K>),
    /// It is not the one that was looked at any more: look again.
    Stale,
    /// Somebody else has one of that name.
    Foreign(&'static str),
}

/// The reference that makes it go with its maker.
pub(crate) fn owner(ces: &impl Resource<DynamicType = ()>) -> Option<OwnerReference> {
    ces.controller_owner_ref(&())
}

/// Makes one, or brings the one that was `seen` to what it should be.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn apply<K: Made>(
    client: &Client,
    namespace: &str,
    wanted: &Wanted<K::Spec>,
    owner: &OwnerReference,
    seen: Option<&Seen>,
) -> Result<Written<K>, Failure> {
    let api: Api<DeserializeGuard<K>> = Api::namespaced(client.clone(), namespace);
    let mut body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {
            "name": wanted.name,
            "namespace": namespace,
            "labels": wanted.labels,
            "annotations": wanted.annotations,
            "ownerReferences": [owner],
        },
        "spec": wanted.spec,
    });
    let mut params = PatchParams::apply(K::MANAGER);
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
            Ok(Some(_)) => return Ok(Written::Foreign(K::EXISTS)),
            Err(error) => {
                return Err(api_failure("reading", K::KIND, namespace, &wanted.name, &error));
            }
        },
    }
    // Without force, what somebody else has said of one that was made in the same moment is not written over.
    let result = api.patch(&wanted.name, &params, &Patch::Apply(&body)).await;
    let answered = match result {
        Ok(answered) => answered,
        Err(kube::Error::Api(status)) if status.code == 409 && seen.is_some() => return Ok(Written::Stale),
        Err(kube::Error::Api(status)) if status.code == 409 => return Ok(Written::Foreign(K::EXISTS)),
        Err(error) => return Err(api_failure("writing", K::KIND, namespace, &wanted.name, &error)),
    };
    let (meta, same) = match &answered.0 {
        Ok(es) => (es.meta(), *es.spec() == wanted.spec),
        Err(invalid) => (&invalid.metadata, false),
    };
    let mut patch = surplus(meta, wanted);
    if !same {
        patch.push(json!({"op": "replace", "path": "/spec", "value": wanted.spec}));
    }
    match answered.0 {
        Ok(es) if patch.is_empty() => Ok(Written::Done(Box::new(es))),
        Ok(es) => rest(&api, namespace, wanted, es.meta().resource_version.as_deref(), patch).await,
        Err(invalid) => {
            rest(&api, namespace, wanted, invalid.metadata.resource_version.as_deref(), patch).await
        }
    }
}

/// What takes off labels and annotations that ESO gave and that are wanted no more: they stay its own when somebody else
/// applies.
fn surplus<S>(meta: &ObjectMeta, wanted: &Wanted<S>) -> Vec<Value> {
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
async fn rest<K: Made>(
    api: &Api<DeserializeGuard<K>>,
    namespace: &str,
    wanted: &Wanted<K::Spec>,
    version: Option<&str>,
    patch: Vec<Value>,
) -> Result<Written<K>, Failure> {
    // A resourceVersion that is no longer the object's is a conflict.
    let version = json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version});
    let body: Value = [version].into_iter().chain(patch).collect();
    let failure = |error: &kube::Error| api_failure("writing", K::KIND, namespace, &wanted.name, error);
    let patch = serde_json::from_value(body).map_err(|error| failure(&kube::Error::SerdeError(error)))?;
    let params = PatchParams { field_manager: Some(K::MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&wanted.name, &params, &Patch::Json::<()>(patch)).await {
        Ok(DeserializeGuard(Ok(es))) => Ok(Written::Done(Box::new(es))),
        Ok(_) => Ok(Written::Stale),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Written::Stale),
        Err(error) => Err(failure(&error)),
    }
}

/// Whether a maker of objects and a namespace are now what a decision was made of.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn is_current<M>(
    client: &Client,
    ces: &M,
    namespace: &str,
    known: Option<&NamespaceView>,
) -> Result<bool, Failure>
where
    M: Resource<DynamicType = (), Scope = ClusterResourceScope> + DeserializeOwned + Clone + std::fmt::Debug,
{
    let name = ces.name_any();
    let makers: Api<M> = Api::all(client.clone());
    let maker = makers
        .get_metadata_opt(&name)
        .await
        .map_err(|error| api_failure("reading", &M::kind(&()), "", &name, &error))?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let live = namespaces
        .get_metadata_opt(namespace)
        .await
        .map_err(|error| api_failure("reading", "Namespace", "", namespace, &error))?;
    let same_maker = maker.is_some_and(|maker| {
        (&maker.metadata.uid, maker.metadata.generation) == (&ces.meta().uid, ces.meta().generation)
    });
    // In a namespace that is gone there is nothing to delete.
    let same_labels = live.is_none_or(|live| known.is_some_and(|known| *live.labels() == known.labels));
    Ok(same_maker && same_labels)
}

/// Deletes one if it is still the one that was looked at. One that is gone is deleted.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn delete<K: Made>(
    client: &Client,
    namespace: &str,
    name: &str,
    seen: &Seen,
) -> Result<(), Failure> {
    let api: Api<DeserializeGuard<K>> = Api::namespaced(client.clone(), namespace);
    // By uid only: whatever its status says by now, it is the same that nobody wants.
    let preconditions = Preconditions { uid: Some(seen.uid.clone()), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    match api.delete(name, &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(error) => Err(api_failure("deleting", K::KIND, namespace, name, &error)),
    }
}
