//! What is asked of the API server before any watch starts, so that a missing definition is one clear
//! line instead of seven watches that fail for ever.

use claviger_crds::cluster_external_secret::ClusterExternalSecret;
use claviger_crds::cluster_push_secret::ClusterPushSecret;
use claviger_crds::external_secret::ExternalSecret;
use claviger_crds::plugin::Plugin;
use claviger_crds::push_secret::PushSecret;
use claviger_crds::store::{ClusterSecretStore, SecretStore};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client, Resource};
use serde::Deserialize;

use crate::cluster::credentials::own_account;
use crate::config::OperatorConfig;
use crate::error::OperatorError;

/// Audiences that API servers accept for themselves by default, for clusters that do not tell us theirs.
const USUAL_AUDIENCES: &[&str] =
    &["https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local", "kubernetes"];

/// The ServiceAccount that Kubernetes makes in every namespace.
const EVERYWHERE: &str = "default";

/// Checks that every definition is served.
///
/// # Errors
/// [`OperatorError::MissingDefinition`], or that the API server cannot be reached.
pub(crate) async fn check(client: &Client, config: &OperatorConfig) -> Result<(), OperatorError> {
    let served = served_kinds(client, &ExternalSecret::api_version(&())).await?;
    let mut wanted = vec![
        (ExternalSecret::kind(&()), "ExternalSecret.external-secrets.io/v1"),
        (SecretStore::kind(&()), "SecretStore.external-secrets.io/v1"),
    ];
    if config.spreads() {
        wanted.push((ClusterExternalSecret::kind(&()), "ClusterExternalSecret.external-secrets.io/v1"));
    }
    let mut wanted_alpha = Vec::new();
    if config.push_secrets {
        wanted_alpha.push((PushSecret::kind(&()), "PushSecret.external-secrets.io/v1alpha1"));
    }
    if config.spreads_pushes() {
        wanted_alpha.push((ClusterPushSecret::kind(&()), "ClusterPushSecret.external-secrets.io/v1alpha1"));
    }
    if !wanted_alpha.is_empty() {
        let served = served_kinds(client, &PushSecret::api_version(&())).await?;
        if let Some((_, kind)) =
            wanted_alpha.into_iter().find(|(kind, _)| !served.iter().any(|served| served == kind))
        {
            return Err(OperatorError::MissingDefinition { kind });
        }
    }
    if config.namespace.is_none() {
        wanted.push((ClusterSecretStore::kind(&()), "ClusterSecretStore.external-secrets.io/v1"));
        match client.list_api_group_resources(&Plugin::api_version(&())).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {
                return Err(OperatorError::MissingDefinition { kind: "Plugin.claviger.io" });
            }
            Err(error) => return Err(error.into()),
        }
    }
    match wanted.into_iter().find(|(kind, _)| !served.iter().any(|served| served == kind)) {
        Some((_, kind)) => Err(OperatorError::MissingDefinition { kind }),
        None => Ok(()),
    }
}

/// The kinds of a group's version; none, if it is not served.
async fn served_kinds(client: &Client, api_version: &str) -> Result<Vec<String>, OperatorError> {
    match client.list_api_group_resources(api_version).await {
        Ok(list) => Ok(list.resources.into_iter().map(|resource| resource.kind).collect()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// The API server's issuer, which is its audience too unless it was told another.
///
/// # Errors
/// If it does not say.
pub async fn issuer(client: &Client) -> Result<String, kube::Error> {
    #[derive(Deserialize)]
    struct Discovery {
        issuer: String,
    }
    let request = http::Request::get("/.well-known/openid-configuration").body(Vec::new());
    let request = request.map_err(kube::Error::HttpError)?;
    Ok(client.request::<Discovery>(request).await?.issuer)
}

/// The audiences that the API server accepts itself: those that it gives a token for which none is asked
/// (`--api-audiences`, which need not be its issuer), its issuer, and the usual ones.
pub(crate) async fn api_server_audiences(client: &Client, config: &OperatorConfig) -> Vec<String> {
    let mut audiences: Vec<String> = issuer(client).await.into_iter().collect();
    match default_audiences(client).await {
        Ok(own) => audiences.extend(own),
        Err(why) => tracing::warn!(
            why,
            "which audiences the API server accepts itself is a guess: tokens of stores are not kept from others"
        ),
    }
    audiences.sort();
    audiences.dedup();
    // Rights that end at a namespace are no matter of the cluster's policies.
    if config.namespace.is_none() {
        say_what_is_given(client, &audiences).await;
    }
    audiences.extend(USUAL_AUDIENCES.iter().map(|&audience| audience.to_owned()));
    audiences.sort();
    audiences.dedup();
    audiences
}

/// Warns if nothing but our own code keeps us from tokens that the API server takes itself: it is asked, with a dry run, for
/// such a one of a ServiceAccount that is in every namespace and not ours. What it gives is dropped.
async fn say_what_is_given(client: &Client, audiences: &[String]) {
    let Ok((namespace, name)) = own_account(client).await else { return };
    if name == EVERYWHERE {
        return;
    }
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let mut given = Vec::new();
    for audience in audiences {
        let spec =
            TokenRequestSpec { audiences: Some(vec![audience.clone()]), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        if api.create_token_request(EVERYWHERE, &params, &request).await.is_ok() {
            given.push(audience.as_str());
        }
    }
    if !given.is_empty() {
        let audiences = given.join(", ");
        tracing::warn!(
            audiences,
            "no policy of the API server keeps the operator from tokens that it takes itself: whoever may write SecretStores \
             can have those of any ServiceAccount of the namespace sent to a server of his, by the provider vault or a \
             Plugin with the grant apiServerAudience (docs/security.md)"
        );
    }
}

/// What a token of our own account is for if nothing is asked; the token itself is dropped.
async fn default_audiences(client: &Client) -> Result<Vec<String>, String> {
    let (namespace, name) = own_account(client).await.map_err(|error| error.to_string())?;
    let request = TokenRequest { spec: Some(TokenRequestSpec::default()), ..TokenRequest::default() };
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
    let answer = api.create_token_request(&name, &PostParams::default(), &request).await;
    let spec = answer.map_err(|error| error.to_string())?.spec;
    Ok(spec.and_then(|spec| spec.audiences).unwrap_or_default())
}
