//! Writes of the status subresource.
//!
//! A merge patch of the whole status: the operator is its only writer, and a patch without a
//! resourceVersion cannot be refused because somebody edited the spec meanwhile. What the status said and
//! says no more is taken out by name, for a merge leaves it otherwise. An object that is gone needs no status.
//!
//! That of an ExternalSecret is put in the place of what is there, of the very object that was looked at: what it says of
//! values decides whether they are read again, and would be believed of an object that took its name meanwhile.

use std::fmt::Debug;

use claviger_core::error::Failure;
use claviger_core::names::OWN_FIELD_MANAGER;
use kube::api::{Patch, PatchParams};
use kube::core::{ClusterResourceScope, DeserializeGuard, NamespaceResourceScope};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::live::api_failure;
use crate::watch::cache::Name;

/// Writes the status of a namespaced object; `old` is what it says now.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn write<K>(
    client: &Client,
    name: &Name,
    old: Option<&impl Serialize>,
    new: &impl Serialize,
) -> Result<(), Failure>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned,
{
    patch::<K>(Api::namespaced(client.clone(), &name.namespace), name, body(old, new)).await
}

/// Puts a status in the place of what is there, unless the object with that uid is gone.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn replace<K>(
    client: &Client,
    name: &Name,
    uid: Option<&str>,
    new: &impl Serialize,
) -> Result<(), Failure>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned + Clone + Debug,
{
    let Name { namespace, name } = name;
    let api: Api<DeserializeGuard<K>> = Api::namespaced(client.clone(), namespace);
    let failure =
        |error: &kube::Error| api_failure("writing the status of", &K::kind(&()), namespace, name, error);
    let body = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": new},
    ]);
    let patch = serde_json::from_value(body).map_err(|error| failure(&kube::Error::SerdeError(error)))?;
    let params = PatchParams { field_manager: Some(OWN_FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch_status(name, &params, &Patch::Json::<()>(patch)).await {
        Ok(_) => Ok(()),
        Err(error) if is_code(&error, 404) => Ok(()),
        // What a test that failed and a status that the schema refuses both are.
        Err(error) if is_code(&error, 422) => match api.get_metadata_opt(name).await {
            Ok(live) if live.as_ref().and_then(|live| live.metadata.uid.as_deref()) != uid => Ok(()),
            Ok(_) | Err(_) => Err(failure(&error)),
        },
        Err(error) => Err(failure(&error)),
    }
}

fn is_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

/// Writes the status of a cluster-scoped object; `old` is what it says now.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn write_cluster<K>(
    client: &Client,
    name: &str,
    old: Option<&impl Serialize>,
    new: &impl Serialize,
) -> Result<(), Failure>
where
    K: Resource<Scope = ClusterResourceScope, DynamicType = ()> + DeserializeOwned,
{
    patch::<K>(Api::all(client.clone()), &Name::new("", name), body(old, new)).await
}

/// The new status, with null for what the old one has besides.
fn body(old: Option<&impl Serialize>, new: &impl Serialize) -> Value {
    let mut new = json!(new);
    remove(&json!(old), &mut new);
    new
}

fn remove(old: &Value, new: &mut Value) {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object_mut()) else { return };
    for (field, was) in old {
        match new.get_mut(field) {
            Some(is) => remove(was, is),
            None => drop(new.insert(field.clone(), Value::Null)),
        }
    }
}

/// Guarded, because the answer may be an object that does not parse, which is just what its status is
/// about to say.
async fn patch<K>(api: Api<DeserializeGuard<K>>, name: &Name, status: Value) -> Result<(), Failure>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    match merge(&api, name, status).await {
        Ok(_) | Err(Failure::ApiServer { code: Some(404), .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Merges these fields into the status of an object; the object then.
///
/// # Errors
/// [`Failure::ApiServer`], also if it is gone.
pub(super) async fn merge<K>(
    api: &Api<DeserializeGuard<K>>,
    name: &Name,
    status: Value,
) -> Result<DeserializeGuard<K>, Failure>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let body = json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "status": status});
    let params = PatchParams { field_manager: Some(OWN_FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let Name { namespace, name } = name;
    let merged = api.patch_status(name, &params, &Patch::Merge(&body)).await;
    merged.map_err(|error| api_failure("writing the status of", &K::kind(&()), namespace, name, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_no_more_is_taken_out() {
        let old = json!({"a": 1, "granted": {"origins": ["x"], "loopback": true}, "list": [{"x": 1}]});
        let new = json!({"granted": {"memoryMiB": 64}, "list": []});
        assert_eq!(
            body(Some(&old), &new),
            json!({"a": null, "granted": {"memoryMiB": 64, "origins": null, "loopback": null}, "list": []})
        );
        assert_eq!(body(None::<&Value>, &new), new);
    }
}
