//! Carries out the planner's effects on Secrets: server-side apply with one field manager per
//! ExternalSecret, and deletion; both tied to the very object that was looked at.

use std::collections::BTreeMap;
use std::fmt::Debug;

use claviger_core::error::Failure;
use claviger_core::names::FIELD_MANAGER_PREFIX;
use claviger_core::plan::{ApplySecret, Force};
use claviger_core::secret::SecretBytes;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::Status;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::live::api_failure;
use crate::watch::managed::{HashedData, ManagedSecret, reduce};

/// What an apply came to.
pub(crate) enum Applied {
    /// The Secret as it is now.
    Done(Box<ManagedSecret>),
    /// The Secret is not the one that was looked at any more: look again.
    Stale,
}

/// Applies a Secret.
///
/// # Errors
/// [`Failure::TargetConflict`] if another ExternalSecret owns one of the fields, else
/// [`Failure::ApiServer`].
pub(crate) async fn apply(client: &Client, namespace: &str, plan: &ApplySecret) -> Result<Applied, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let mut precondition = plan.precondition.clone();
    if let (true, Some((uid, version))) = (plan.migrate_update_entry, &plan.precondition) {
        match adopt_update_entry(&api, plan, uid, version).await {
            Ok(moved_to) => precondition = Some((uid.clone(), moved_to)),
            Err(error) if is_stale(&error) => return Ok(Applied::Stale),
            Err(error) => {
                return Err(api_failure("taking over fields of", "Secret", namespace, &plan.name, &error));
            }
        }
    }
    let body = body(namespace, plan, precondition.clone());
    let mut params = PatchParams::apply(&plan.manager);
    // What was not there has nobody's fields: if there are some, it is there by now, and has to be looked at.
    let new = precondition.is_none();
    params.force = plan.force == Force::Always && !new;
    let mut result = api.patch(&plan.name, &params, &Patch::Apply(&body)).await;
    if new && result.as_ref().is_err_and(|error| conflicting_managers(error).is_some()) {
        return Ok(Applied::Stale);
    }
    if let (Err(error), Force::UnlessExternalSecret) = (&result, plan.force) {
        match conflicting_managers(error) {
            Some(managers) if managers.iter().any(|manager| manager.contains(FIELD_MANAGER_PREFIX)) => {
                // The API server looks at who owns a field before it looks at the version: two that begin
                // to share a Secret at the same moment conflict over what neither would write once it has
                // seen the other.
                let seen = precondition.as_ref().map(|(_, version)| version.as_str());
                if moved_on(&api, &plan.name, seen).await {
                    return Ok(Applied::Stale);
                }
                return Err(Failure::TargetConflict {
                    secret: format!("Secret {namespace}/{}", plan.name),
                    managers,
                });
            }
            Some(_) => {
                params.force = true;
                result = api.patch(&plan.name, &params, &Patch::Apply(&body)).await;
            }
            None => {}
        }
    }
    match result {
        Ok(secret) => Ok(Applied::Done(Box::new(reduced(secret)))),
        Err(error) if is_stale(&error) => Ok(Applied::Stale),
        Err(error) => Err(api_failure("writing", "Secret", namespace, &plan.name, &error)),
    }
}

/// Whether the Secret is not the one that was looked at any more. If that cannot be told, the conflict stands.
async fn moved_on(api: &Api<Secret>, name: &str, seen: Option<&str>) -> bool {
    let Ok(now) = api.get_metadata_opt(name).await else { return false };
    seen != now.as_ref().and_then(|secret| secret.metadata.resource_version.as_deref())
}

/// Deletes a Secret if it is still the one that was looked at; whether it was. A Secret that is gone is deleted.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn delete(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: &str,
    resource_version: &str,
) -> Result<bool, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let deleted = delete_seen(&api, name, uid, resource_version).await;
    deleted.map_err(|error| api_failure("deleting", "Secret", namespace, name, &error))
}

/// Deletes an object if it is still the one that was looked at; whether it was. One that is gone is deleted.
pub(super) async fn delete_seen<K: Clone + DeserializeOwned + Debug>(
    api: &Api<K>,
    name: &str,
    uid: &str,
    resource_version: &str,
) -> kube::Result<bool> {
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: Some(resource_version.to_owned()),
        }),
        ..DeleteParams::default()
    };
    match api.delete(name, &params).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

fn body(namespace: &str, plan: &ApplySecret, precondition: Option<(String, String)>) -> Secret {
    let (uid, resource_version) = precondition.unzip();
    Secret {
        metadata: ObjectMeta {
            name: Some(plan.name.clone()),
            namespace: Some(namespace.to_owned()),
            uid,
            resource_version,
            labels: Some(plan.labels.clone()),
            annotations: Some(plan.annotations.clone()),
            finalizers: (!plan.finalizers.is_empty()).then(|| plan.finalizers.clone()),
            owner_references: plan.owner.as_ref().map(|owner| {
                vec![OwnerReference {
                    api_version: owner.api_version.clone(),
                    kind: owner.kind.clone(),
                    name: owner.name.clone(),
                    uid: owner.uid.clone(),
                    controller: Some(true),
                    block_owner_deletion: Some(true),
                }]
            }),
            ..ObjectMeta::default()
        },
        data: Some(wire(&plan.data)),
        immutable: plan.immutable,
        type_: plan.type_.clone(),
        ..Secret::default()
    }
}

/// The last moment at which values become plain bytes: the type that the API client serializes.
fn wire(data: &BTreeMap<String, std::sync::Arc<SecretBytes>>) -> BTreeMap<String, ByteString> {
    data.iter().map(|(key, value)| (key.clone(), ByteString(value.expose().to_vec()))).collect()
}

fn reduced(mut secret: Secret) -> ManagedSecret {
    let data = secret.data.take().unwrap_or_default();
    let exposed: BTreeMap<String, &[u8]> =
        data.iter().map(|(key, value)| (key.clone(), value.0.as_slice())).collect();
    let hashed = HashedData::of(&exposed);
    for (_, value) in data {
        drop(SecretBytes::new(value.0));
    }
    reduce(ManagedSecret {
        metadata: secret.metadata,
        type_: secret.type_,
        immutable: secret.immutable,
        data: hashed,
    })
}

/// What ESO wrote it wrote by update; server-side apply prunes only what was applied. So the manager's
/// `Update` entry becomes an `Apply` entry, in a patch that fails if the object moved. Returns the
/// resourceVersion that the object has then.
async fn adopt_update_entry(
    api: &Api<Secret>,
    plan: &ApplySecret,
    uid: &str,
    version: &str,
) -> Result<String, kube::Error> {
    let current = api.get_metadata(&plan.name).await?;
    if current.metadata.uid.as_deref() != Some(uid)
        || current.metadata.resource_version.as_deref() != Some(version)
    {
        return Err(kube::Error::Api(
            Status::failure("the Secret changed", "Conflict").with_code(409).boxed(),
        ));
    }
    let entries = adopted(current.metadata.managed_fields.unwrap_or_default(), &plan.manager);
    let patch = json!({"metadata": {"uid": uid, "resourceVersion": version, "managedFields": entries}});
    let moved = api.patch_metadata(&plan.name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(moved.metadata.resource_version.unwrap_or_default())
}

/// The manager's `Update` entry as an `Apply` entry, or, where it has one already, merged into that: two
/// `Apply` entries of one manager are invalid, and what stayed behind would never be pruned.
fn adopted(entries: Vec<ManagedFieldsEntry>, manager: &str) -> Vec<ManagedFieldsEntry> {
    let ours = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(manager)
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    };
    let (ours, mut kept): (Vec<_>, Vec<_>) = entries.into_iter().partition(ours);
    let mut ours = ours.into_iter();
    if let Some(mut adopted) = ours.next() {
        adopted.operation = Some("Apply".to_owned());
        for other in ours {
            match (&mut adopted.fields_v1, other.fields_v1) {
                (Some(fields), Some(more)) => merge(&mut fields.0, more.0),
                (fields @ None, more) => *fields = more,
                (Some(_), None) => {}
            }
        }
        kept.push(adopted);
    }
    kept
}

/// The union of two field sets.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (field, value) in from {
                merge(into.entry(field).or_insert_with(|| Value::Object(serde_json::Map::new())), value);
            }
        }
        (into, from) => *into = from,
    }
}

pub(super) fn is_stale(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && conflicting_managers(error).is_none())
}

/// Field managers that a refused apply names; `None` if it was refused for another reason.
pub(super) fn conflicting_managers(error: &kube::Error) -> Option<Vec<String>> {
    let kube::Error::Api(status) = error else { return None };
    let causes = &status.details.as_ref()?.causes;
    let managers: Vec<String> = causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| cause.message.chars().take(160).collect())
        .collect();
    (!managers.is_empty()).then_some(managers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn what_was_written_by_update_becomes_one_apply_entry() {
        let entry = |manager: &str, operation: &str, fields: Value| ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            operation: Some(operation.to_owned()),
            fields_v1: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        };
        let adopted_entries = adopted(
            vec![
                entry("ours", "Apply", json!({"f:data": {"f:a": {}}})),
                entry("kubectl", "Update", json!({"f:data": {"f:k": {}}})),
                entry("ours", "Update", json!({"f:data": {"f:b": {}}, "f:type": {}})),
            ],
            "ours",
        );
        let seen: Vec<_> = adopted_entries
            .iter()
            .map(|entry| {
                let fields = entry.fields_v1.as_ref().unwrap().0.clone();
                (entry.manager.clone().unwrap(), entry.operation.clone().unwrap(), fields)
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("kubectl".to_owned(), "Update".to_owned(), json!({"f:data": {"f:k": {}}})),
                (
                    "ours".to_owned(),
                    "Apply".to_owned(),
                    json!({"f:data": {"f:a": {}, "f:b": {}}, "f:type": {}})
                ),
            ]
        );
    }
}
