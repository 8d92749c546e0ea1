//! What the operator is compared with: a client that writes the same Secrets and the same statuses, and does nothing else.
//!
//! It knows beforehand what to write, reads nothing, watches nothing, and has as many requests under way as the operator
//! has workers. Bodies are what the operator was seen to write.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::objects::{Population, external_secrets, name};
use crate::vault;

/// As the operator's `--concurrent`.
const WORKERS: usize = 10;

/// Writes all of them; how long that took.
///
/// # Errors
/// If one is refused.
pub(crate) async fn run(client: &Client, population: &Population, uids: &[String]) -> Result<Duration> {
    let begin = Instant::now();
    let writes = uids.iter().enumerate().map(|(number, uid)| write(client, population, number, uid));
    futures::stream::iter(writes).buffer_unordered(WORKERS).try_collect::<Vec<_>>().await?;
    Ok(begin.elapsed())
}

/// The uids of the ExternalSecrets, by number.
///
/// # Errors
/// If they cannot be listed.
pub(crate) async fn uids(client: &Client, population: &Population, count: usize) -> Result<Vec<String>> {
    let mut uids = vec![String::new(); count];
    for namespace in &population.namespaces {
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &external_secrets());
        for object in api.list_metadata(&kube::api::ListParams::default()).await? {
            let number = object
                .metadata
                .name
                .as_deref()
                .and_then(|name| name.strip_prefix("es")?.parse::<usize>().ok());
            if let Some(slot) = number.and_then(|number| uids.get_mut(number)) {
                *slot = object.metadata.uid.unwrap_or_default();
            }
        }
    }
    Ok(uids)
}

async fn write(client: &Client, population: &Population, number: usize, uid: &str) -> Result<()> {
    let (namespace, name) = (population.namespace(number), name(number));
    let key = population.key(number);
    let value = |property: usize| k8s_openapi::ByteString(vault::value(key, property, 0).into_bytes());
    let data = [("p0".to_owned(), value(0)), ("p1".to_owned(), value(1))].into();
    // Hashes of the operator's own length stand in for its own: these Secrets are nobody's to refresh.
    let hash = "0".repeat(56);
    let metadata = json!({
        "name": name, "namespace": namespace,
        "labels": {"reconcile.external-secrets.io/created-by": hash, "reconcile.external-secrets.io/managed": "true"},
        "annotations": {"reconcile.external-secrets.io/data-hash": hash},
        "ownerReferences": [{"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": name, "uid": uid,
                             "controller": true, "blockOwnerDeletion": true}],
    });
    let secret = Secret {
        metadata: serde_json::from_value(metadata)?,
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    };
    let manager = format!("externalsecrets.external-secrets.io/{name}");
    let params = PatchParams::apply(&manager).force();
    Api::<Secret>::namespaced(client.clone(), namespace)
        .patch(&name, &params, &Patch::Apply(&secret))
        .await
        .with_context(|| format!("Secret {namespace}/{name}"))?;
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &external_secrets());
    let params = PatchParams { field_manager: Some("bare".to_owned()), ..PatchParams::default() };
    api.patch_status(&name, &params, &Patch::Merge(&json!({"status": status(&name, &hash)})))
        .await
        .with_context(|| format!("status of ExternalSecret {namespace}/{name}"))?;
    Ok(())
}

fn status(name: &str, hash: &str) -> Value {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "binding": {"name": name}, "refreshTime": now, "syncedResourceVersion": format!("1-{hash}"),
        "conditions": [{"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced",
                        "lastTransitionTime": now}],
    })
}
