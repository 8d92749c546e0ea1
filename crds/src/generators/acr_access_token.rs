//! ACRAccessToken: what a client of an Azure Container Registry logs in with.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reference::{SecretKeySelector, ServiceAccountSelector};
use crate::schema;

/// Which registry's token, and who asks.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "ACRAccessToken",
    doc = "A login to an Azure Container Registry: a refresh token of all rights that the identity has, or an access token for a scope; made anew at each refresh of an ExternalSecret that names it.",
    plural = "acraccesstokens",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct ACRAccessTokenSpec {
    /// How to log in.
    #[schemars(with = "AcrAuth")]
    pub auth: Value,
    /// Tenant of Entra; needed for servicePrincipal.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    #[schemars(with = "Option<String>")]
    pub tenant_id: String,
    /// Host of the registry, e.g. example.azurecr.io.
    pub registry: String,
    /// What an access token may do, e.g. repository:my/app:pull; without it a refresh token is made.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    #[schemars(with = "Option<String>")]
    pub scope: String,
    /// Azure's cloud.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    #[schemars(
        with = "Option<String>",
        extend(
            "default" = "PublicCloud",
            "enum" = ["PublicCloud", "USGovernmentCloud", "ChinaCloud", "GermanCloud", "AzureStackCloud"]
        )
    )]
    pub environment_type: String,
}

/// How to log in.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AcrAuth {
    /// As a service principal, with its secret.
    pub service_principal: Option<AcrServicePrincipal>,
    /// As the operator's managed identity.
    pub managed_identity: Option<AcrManagedIdentity>,
    /// As the application that trusts a ServiceAccount, or the operator's own.
    pub workload_identity: Option<AcrWorkloadIdentity>,
}

/// A service principal.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AcrServicePrincipal {
    /// Where its id and secret stand.
    pub secret_ref: AcrServicePrincipalRef,
}

/// A service principal's id and secret.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AcrServicePrincipalRef {
    /// The client id.
    pub client_id: Option<SecretKeySelector>,
    /// The client secret.
    pub client_secret: Option<SecretKeySelector>,
}

/// A managed identity.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AcrManagedIdentity {
    /// Client id of a user-assigned one.
    pub identity_id: Option<String>,
}

/// An application with a federated credential.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AcrWorkloadIdentity {
    /// The ServiceAccount, whose annotations name application and tenant; without it the operator's own.
    pub service_account_ref: Option<ServiceAccountSelector>,
}
