//! Single reads from the API server for what no watch holds: a target that is not managed yet, the
//! text of a template, a generator, the foreign values of a Secret that several write to.

use std::collections::BTreeMap;

use claviger_core::error::Failure;
use claviger_core::generator::{self, CLUSTER_GENERATOR, Meant};
use claviger_core::push::check_type;
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_core::template::SourceKind;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};

use crate::sync::world::GeneratorView;
use crate::watch::managed::{HashedData, ManagedSecret, reduce};

/// A Secret in full: reduced as the watch would, and its values.
pub struct LiveSecret {
    /// As the managed watch would show it.
    pub reduced: ManagedSecret,
    /// Its values.
    pub data: BTreeMap<String, SecretBytes>,
}

/// Reads one Secret.
///
/// # Errors
/// [`Failure::ApiServer`]; a Secret that is not there is `None`.
pub async fn secret(client: &Client, namespace: &str, name: &str) -> Result<Option<LiveSecret>, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let Some(secret) =
        api.get_opt(name).await.map_err(|error| api_failure("reading", "Secret", namespace, name, &error))?
    else {
        return Ok(None);
    };
    let data: BTreeMap<String, SecretBytes> = secret
        .data
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, SecretBytes::new(value.0)))
        .collect();
    let exposed: BTreeMap<String, &[u8]> =
        data.iter().map(|(key, value)| (key.clone(), value.expose())).collect();
    let reduced = reduce(ManagedSecret {
        metadata: secret.metadata,
        type_: secret.type_,
        immutable: secret.immutable,
        data: HashedData::of(&exposed),
    });
    Ok(Some(LiveSecret { reduced, data }))
}

/// Reads what a template is taken from.
///
/// # Errors
/// [`Failure::ApiServer`]; [`Failure::TargetForbidden`] for a Secret that is never pushed: a template is the way from there
/// into one that is. An object that is not there is `None`.
pub async fn template_source(
    client: &Client,
    kind: SourceKind,
    namespace: &str,
    name: &str,
) -> Result<Option<BTreeMap<String, SecretBytes>>, Failure> {
    match kind {
        SourceKind::Secret => {
            let Some(secret) = secret(client, namespace, name).await? else { return Ok(None) };
            check_type(secret.reduced.type_.as_deref())?;
            Ok(Some(secret.data))
        }
        SourceKind::ConfigMap => {
            let map = config_map(client, namespace, name).await?;
            let secret = |text: String| SecretBytes::new(text.into_bytes());
            Ok(map.map(|map| map.into_iter().map(|(key, text)| (key, secret(text))).collect()))
        }
    }
}

async fn config_map(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<BTreeMap<String, String>>, Failure> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let map = api
        .get_opt(name)
        .await
        .map_err(|error| api_failure("reading", "ConfigMap", namespace, name, &error))?;
    Ok(map.map(|map| map.data.unwrap_or_default()))
}

/// Reads one generator; a ClusterGenerator is in no namespace.
///
/// # Errors
/// [`Failure::ApiServer`], [`Failure::ManifestInvalid`] of a ClusterGenerator that stands for nothing; one that is not
/// there, and a kind that is not defined, is `None`.
pub async fn generator(
    client: &Client,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<GeneratorView>, Failure> {
    let (group, version) = generator::API_VERSION.split_once('/').unwrap_or_default();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let (api, namespace): (Api<DynamicObject>, _) = match kind {
        CLUSTER_GENERATOR => (Api::all_with(client.clone(), &resource), None),
        _ => (Api::namespaced_with(client.clone(), namespace, &resource), Some(namespace)),
    };
    let found = api.get_opt(name).await;
    let found =
        found.map_err(|error| api_failure("reading", kind, namespace.unwrap_or_default(), name, &error))?;
    let Some(found) = found else { return Ok(None) };
    let Meant { kind, spec } = generator::meant(kind, &found.data["spec"]).map_err(|why| {
        let object = format!("{kind} {name}");
        Failure::ManifestInvalid { object, detail: Untrusted::new(why) }
    })?;
    Ok(Some(GeneratorView {
        kind,
        uid: found.metadata.uid.unwrap_or_default(),
        generation: found.metadata.generation.unwrap_or_default(),
        spec,
    }))
}

/// An API server's refusal or failure as the failure of one object.
pub fn api_failure(
    doing: &'static str,
    kind: &str,
    namespace: &str,
    name: &str,
    error: &kube::Error,
) -> Failure {
    let code = match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    };
    let object = format!("{kind} {namespace}/{name}");
    Failure::ApiServer { doing, object, code, detail: Untrusted::new(in_words(error)) }
}

/// The API server's own sentence. The error itself has the whole answer behind that, dumped as a Rust value.
pub(super) fn in_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_api_servers_sentence_alone() {
        let refused = "secrets \"db\" is forbidden: User \"x\" cannot get resource \"secrets\"";
        let status = kube::core::Status::failure(refused, "Forbidden").with_code(403);
        assert_eq!(in_words(&kube::Error::Api(status.boxed())), refused);
        let silent = kube::core::Status { code: 500, ..kube::core::Status::default() };
        assert!(in_words(&kube::Error::Api(silent.boxed())).contains("500"));
    }
}
