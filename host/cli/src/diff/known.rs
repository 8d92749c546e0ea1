//! The operator's own objects as the cluster has them, read one by one; and whether what stands in files is one of them.

use claviger_core::error::Failure;
use claviger_core::redact::Redactor;
use claviger_operator::cluster::live;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::trust;

/// An object of the operator's in the cluster, if it is there.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(super) async fn object(
    client: &Client,
    kind: &str,
    namespace: Option<&str>,
    name: &str,
) -> Result<Option<DynamicObject>, Failure> {
    let gvk = match kind {
        "Plugin" => GroupVersionKind::gvk("claviger.io", "v1alpha1", kind),
        _ => GroupVersionKind::gvk("external-secrets.io", "v1", kind),
    };
    let resource = ApiResource::from_gvk(&gvk);
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    api.get_opt(name)
        .await
        .map_err(|error| live::api_failure("reading", kind, namespace.unwrap_or_default(), name, &error))
}

/// Whether an object of the files is the one that the cluster has.
///
/// # Errors
/// Why it is not, or that nobody can tell.
pub(super) async fn is_the_clusters<T: DeserializeOwned + PartialEq>(
    client: &Client,
    kind: &str,
    namespace: Option<&str>,
    name: &str,
    file: &Value,
) -> Result<(), String> {
    match object(client, kind, namespace, name).await {
        Ok(Some(live)) if trust::is_same::<T>(kind, &file["spec"], &live.data["spec"]) => Ok(()),
        Ok(Some(_)) => Err("it stands in the files, and is another than the cluster's".to_owned()),
        Ok(None) => Err("it stands in the files, and the cluster has none of that name".to_owned()),
        Err(failure) => {
            let said = failure.message(&Redactor::default());
            Err(format!("it stands in the files, and whether it is the cluster's cannot be told ({said})"))
        }
    }
}
