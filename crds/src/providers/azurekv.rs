//! `spec.provider.azurekv`: Azure Key Vault.
//!
//! Schema only. `clientId` and `clientSecret` at the top are the second accepted spelling of
//! `authSecretRef` (and of `identityId`); the plugin refuses both at once.

use schemars::JsonSchema;

use crate::reference::{SecretKeySelector, SecretRefHolder, ServiceAccountSelector};

/// Reads from Azure Key Vault.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AzureKv {
    /// Address of the vault.
    pub vault_url: String,
    /// Tenant of the credentials.
    pub tenant_id: Option<String>,
    /// How to log in.
    #[schemars(extend("enum" = ["ServicePrincipal", "ManagedIdentity", "WorkloadIdentity"], "default" = "ServicePrincipal"))]
    pub auth_type: Option<String>,
    /// Credentials of a service principal.
    pub auth_secret_ref: Option<AzureAuthSecretRef>,
    /// ServiceAccount for WorkloadIdentity.
    pub service_account_ref: Option<ServiceAccountSelector>,
    /// Client id of a user-assigned identity, for ManagedIdentity.
    pub identity_id: Option<String>,
    /// Which cloud.
    #[schemars(extend(
        "enum" = ["PublicCloud", "USGovernmentCloud", "ChinaCloud", "GermanCloud", "AzureStackCloud"],
        "default" = "PublicCloud",
    ))]
    pub environment_type: Option<String>,
    /// Endpoints, for AzureStackCloud.
    pub custom_cloud_config: Option<CustomCloudConfig>,
    /// Accepted for compatibility; there is only one client.
    #[schemars(rename = "useAzureSDK", extend("default" = false))]
    pub use_azure_sdk: Option<bool>,
    /// Client id in place of a reference to it.
    pub client_id: Option<String>,
    /// Another spelling of authSecretRef.clientSecret.
    pub client_secret: Option<SecretRefHolder>,
}

/// Credentials of a service principal.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AzureAuthSecretRef {
    /// Client id.
    pub client_id: Option<SecretKeySelector>,
    /// Client secret.
    pub client_secret: Option<SecretKeySelector>,
    /// Client certificate with its key.
    pub client_certificate: Option<SecretKeySelector>,
    /// Tenant.
    pub tenant_id: Option<SecretKeySelector>,
}

/// Endpoints of a private cloud.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct CustomCloudConfig {
    /// Where tokens come from.
    pub active_directory_endpoint: String,
    /// Audience of Key Vault.
    pub key_vault_endpoint: Option<String>,
    /// Suffix of vaults' names.
    #[schemars(rename = "keyVaultDNSSuffix")]
    pub key_vault_dns_suffix: Option<String>,
    /// The resource manager.
    pub resource_manager_endpoint: Option<String>,
}
