//! The label sets. Names of objects, and words of closed sets; never a text that came from outside.

use prometheus_client::encoding::EncodeLabelSet;

/// A kind of objects.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct KindLabels {
    pub(super) kind: &'static str,
}

/// The typed reason of a failure.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ReasonLabels {
    /// Kind of the object that failed.
    pub(super) kind: &'static str,
    /// From [`claviger_core::error`]'s closed set.
    pub(super) reason: &'static str,
}

/// What happened.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct OutcomeLabels {
    pub(super) outcome: &'static str,
}

/// A word that a provider has something new.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ChangeLabels {
    /// `endpoint` or `queue`.
    pub(super) source: &'static str,
    /// What became of it.
    pub(super) outcome: &'static str,
}

/// Where such a word came from.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct SourceLabels {
    pub(super) source: &'static str,
}

/// What was done with a lease.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct LeaseLabels {
    /// `make`, `renew`, `revoke` or `clean`.
    pub(super) operation: &'static str,
    /// `done`, `gone`, `refused` or `failed`.
    pub(super) outcome: &'static str,
}

/// Calls of a plugin by how they ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct PluginLabels {
    /// Name of the Plugin.
    pub(super) plugin: String,
    /// `answered`, or `contained`: ended by a limit, a trap or a refusal.
    pub(super) outcome: &'static str,
}

/// One call of a plugin.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct PluginCallLabels {
    pub(super) plugin: String,
    pub(super) operation: &'static str,
    pub(super) outcome: &'static str,
}

/// What ended calls of a plugin.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct CauseLabels {
    pub(super) plugin: String,
    pub(super) cause: &'static str,
}

/// One call of a backend.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ProviderCallLabels {
    /// The plugin's name: the key under `spec.provider`.
    pub(super) provider: String,
    pub(super) operation: &'static str,
    pub(super) outcome: &'static str,
}

/// The same, with ESO's labels.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct EsoCallLabels {
    /// ESO's name of it, of the providers that it has one for.
    pub(super) provider: String,
    pub(super) call: &'static str,
    /// `success` or `error`.
    pub(super) status: &'static str,
}

/// ESO's name for a provider in `externalsecret_provider_api_calls_count`. Its `AWS/SecretsManager` and
/// `AWS/ParameterStore` are one plugin here.
pub(super) fn eso_provider(plugin: &str) -> &str {
    match plugin {
        "vault" => "HashiCorp/Vault",
        "azurekv" => "Azure/KeyVault",
        "gcpsm" => "GCP/SecretManager",
        "aws" => "AWS",
        other => other,
    }
}
