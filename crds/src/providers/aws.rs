//! `spec.provider.aws`: Secrets Manager, Parameter Store, Certificate Manager.
//!
//! Schema only; which credentials win when several are given is the plugin's to say.

use schemars::JsonSchema;

use super::Texts;
use crate::reference::{SecretKeySelector, ServiceAccountSelector};

/// Reads from AWS.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Aws {
    /// Which service of AWS.
    #[schemars(extend("enum" = ["SecretsManager", "ParameterStore", "CertificateManager"]))]
    pub service: String,
    /// Region, e.g. eu-central-1.
    pub region: String,
    /// How to log in; by default with what the operator's own pod has.
    pub auth: Option<AwsAuth>,
    /// Role to assume with those credentials.
    pub role: Option<String>,
    /// Roles to assume before it, in order.
    pub additional_roles: Option<Vec<String>>,
    /// External id for assuming the role.
    #[schemars(rename = "externalID")]
    pub external_id: Option<String>,
    /// Tags of the session.
    pub session_tags: Option<Vec<SessionTag>>,
    /// Whether the session is tagged: None, Simple (namespace and store) or Custom (customSessionTags besides).
    #[schemars(extend("enum" = ["None", "Simple", "Custom"], "default" = "None"))]
    pub session_tags_policy: Option<String>,
    /// Tags for sessionTagsPolicy Custom.
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "!('esoNamespace' in self) && !('esoStoreName' in self) && !('esoStoreKind' in self)",
        "message": "customSessionTags must not have esoNamespace, esoStoreName or esoStoreKind: they are set from the store",
    }]))]
    pub custom_session_tags: Option<Texts>,
    /// Session tags that later roles inherit.
    pub transitive_tag_keys: Option<Vec<String>>,
    /// Put before every key.
    pub prefix: Option<String>,
    /// How Secrets Manager deletes.
    pub secrets_manager: Option<SecretsManager>,
    /// Where it tells of its changes, so that they arrive within seconds (docs/refresh.md).
    pub events: Option<AwsEvents>,
}

/// Where AWS tells of its changes.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AwsEvents {
    /// A queue of SQS in the store's region, which EventBridge fills: `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
    #[schemars(rename = "queueURL")]
    pub queue_url: String,
}

/// How to log in.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AwsAuth {
    /// With the token of a ServiceAccount (IRSA).
    pub jwt: Option<AwsJwtAuth>,
    /// With an access key from Secrets.
    pub secret_ref: Option<AwsSecretRef>,
}

/// The ServiceAccount whose annotations name the role.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AwsJwtAuth {
    /// The ServiceAccount.
    pub service_account_ref: Option<ServiceAccountSelector>,
}

/// An access key. Each part has a second accepted spelling; giving both is an error.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AwsSecretRef {
    /// The access key id.
    #[schemars(rename = "accessKeyIDSecretRef")]
    pub access_key_id_secret_ref: Option<SecretKeySelector>,
    /// The secret access key.
    pub secret_access_key_secret_ref: Option<SecretKeySelector>,
    /// The session token of temporary credentials.
    pub session_token_secret_ref: Option<SecretKeySelector>,
    /// Another spelling of accessKeyIDSecretRef.
    #[schemars(rename = "accessKeyID")]
    pub access_key_id: Option<SecretKeySelector>,
    /// Another spelling of secretAccessKeySecretRef.
    pub secret_access_key: Option<SecretKeySelector>,
    /// Another spelling of sessionTokenSecretRef.
    pub session_token: Option<SecretKeySelector>,
}

/// One tag of the session.
#[derive(Debug, JsonSchema)]
pub struct SessionTag {
    /// Name.
    pub key: String,
    /// Value.
    pub value: String,
}

/// How Secrets Manager deletes.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct SecretsManager {
    /// At once, without a way back.
    pub force_delete_without_recovery: Option<bool>,
    /// Days in which it can be undone, 7 to 30.
    pub recovery_window_in_days: Option<i64>,
}
