//! Writes of the status subresource.
//!
//! A merge patch of the whole status: the operator is its only writer, and a patch without a
//! resourceVersion cannot be refused because somebody edited the spec meanwhile. An object that is gone
//! needs no status.

use claviger_core::error::Failure;
use kube::api::{Patch, PatchParams};
use kube::core::{ClusterResourceScope, DeserializeGuard, NamespaceResourceScope};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::cluster::live::api_failure;
use crate::watch::cache::Name;

/// The manager of status fields, so that `kubectl get --show-managed-fields` tells whose they are.
const MANAGER: &str = "claviger";

/// Writes the status of a namespaced object.
///
/// # Errors
/// [`Failure::ApiServer`].
pub async fn write<K>(client: &Client, name: &Name, status: &impl Serialize) -> Result<(), Failure>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned,
{
    patch::<K>(Api::namespaced(client.clone(), &name.namespace), name, status).await
}

/// Writes the status of a cluster-scoped object.
///
/// # Errors
/// [`Failure::ApiServer`].
pub async fn write_cluster<K>(client: &Client, name: &str, status: &impl Serialize) -> Result<(), Failure>
where
    K: Resource<Scope = ClusterResourceScope, DynamicType = ()> + DeserializeOwned,
{
    patch::<K>(Api::all(client.clone()), &Name::new("", name), status).await
}

/// Guarded, because the answer may be an object that does not parse, which is just what its status is
/// about to say.
async fn patch<K>(api: Api<DeserializeGuard<K>>, name: &Name, status: &impl Serialize) -> Result<(), Failure>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let body = json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "status": status});
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch_status(&name.name, &params, &Patch::Merge(&body)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => {
            Err(api_failure("writing the status of", &K::kind(&()), &name.namespace, &name.name, &error))
        }
    }
}
