//! What a PushSecret is made from, read from the API server when it is needed and kept nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::push::Data;
use claviger_core::secret::SecretBytes;
use claviger_core::template::SourceKind;
use claviger_crds::store::LabelSelector;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::Selector;
use kube::{Api, Client, ResourceExt};

use crate::cluster::live::api_failure;

/// Secrets of one page: each may be a megabyte.
const PAGE: u32 = 50;

/// Most bytes of all Secrets that one PushSecret selects, of keys and values: sixteen of the largest that there are. It holds
/// them all while it pushes.
const MAX_SELECTED: usize = 16 << 20;

/// A Secret that is pushed.
pub(crate) struct Source {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_: Option<String>,
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
        data: secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, bytes(value.0))).collect(),
    }
}

/// The version of a Secret or ConfigMap, without its values.
///
/// # Errors
/// [`Failure::ApiServer`]; one that is not there has none.
pub(crate) async fn version_of(
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
pub(crate) async fn secret(client: &Client, namespace: &str, name: &str) -> Result<Option<Source>, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = api.get_opt(name).await;
    Ok(found.map_err(|error| api_failure("reading", "Secret", namespace, name, &error))?.map(source))
}

/// The versions of the Secrets with those labels, by name, without their values.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn versions_selected(
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
pub(crate) async fn selected(
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
