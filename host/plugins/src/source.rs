//! What the host asks its embedder for when a plugin has needs: keys of objects, accounts, tokens. The
//! operator answers from a cluster, `claviger render` from files; a plugin never sees this trait.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use claviger_core::provider::NeedError;
use claviger_core::secret::SecretBytes;

/// Kinds of object with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

impl ObjectKind {
    /// As manifests spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

/// Ambient sources, each a grant of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmbientKind {
    /// An environment variable of the pod.
    Env,
    /// The file that an environment variable names.
    FileByEnv,
    /// Google's metadata server.
    GcpMetadata,
    /// AWS's.
    AwsMetadata,
    /// Azure's.
    AzureMetadata,
    /// A token of the operator's own ServiceAccount, for one audience.
    PodServiceAccountToken,
}

impl std::fmt::Display for AmbientKind {
    /// As `spec.grants.ambient` spells it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Env => "env",
            Self::FileByEnv => "fileByEnv",
            Self::GcpMetadata => "gcpMetadata",
            Self::AwsMetadata => "awsMetadata",
            Self::AzureMetadata => "azureMetadata",
            Self::PodServiceAccountToken => "podServiceAccountToken",
        })
    }
}

/// A key of an object.
pub struct ObjectAnswer {
    /// Its value.
    pub value: SecretBytes,
    /// Changes when the object does: uid and resourceVersion.
    pub identity: String,
}

/// A ServiceAccount.
pub struct AccountAnswer {
    /// All its annotations; the host passes on only those that were asked for.
    pub annotations: BTreeMap<String, String>,
    /// Its uid.
    pub identity: String,
}

/// A token of a ServiceAccount.
pub struct TokenAnswer {
    /// The token.
    pub token: SecretBytes,
    /// All annotations of the account, for the host alone.
    pub annotations: BTreeMap<String, String>,
    /// uid and audiences; never the token, of which each request makes another.
    pub identity: String,
}

/// The objects that a store's config may name. Names are decided before it is asked.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// One key of a Secret or ConfigMap.
    async fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<ObjectAnswer, NeedError>;

    /// A ServiceAccount.
    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError>;

    /// A token of a ServiceAccount; no audience: the API server's own.
    async fn token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
        expiration: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError>;

    /// Something of the process's surroundings, which a grant names: a variable, or an audience. `None` if
    /// it is not there. The clouds' metadata services are asked by the plugin host itself.
    async fn ambient(&self, kind: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError>;

    /// The namespace where a reference of a ClusterSecretStore that names none is looked for besides the
    /// asker's, which comes first; none unless the admin has it so.
    fn stand_in_namespace(&self) -> Option<String> {
        None
    }

    /// The audiences that the API server accepts for itself.
    fn api_server_audiences(&self) -> Vec<String>;
}
