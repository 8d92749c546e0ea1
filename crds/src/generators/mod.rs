//! Generators: objects that a `dataFrom[].sourceRef.generatorRef` names, whose plugin makes values for who asks.
//!
//! Schema only. Their specs are read as JSON and checked by the plugin that answers to the kind.

pub mod acr_access_token;
pub mod aws;
mod cluster;
mod ecr_authorization_token;
mod fake;
pub mod gcr_access_token;
mod password;
mod ssh_key;
mod state;
mod sts_session_token;
mod uuid;
mod vault_dynamic_secret;

pub use acr_access_token::{ACRAccessToken, ACRAccessTokenSpec};
pub use cluster::{ClusterGenerator, ClusterGeneratorSpec, GeneratorSpec};
pub use ecr_authorization_token::{ECRAuthorizationToken, ECRAuthorizationTokenSpec};
pub use fake::{Fake, FakeSpec};
pub use gcr_access_token::{GCRAccessToken, GCRAccessTokenSpec};
pub use password::{Password, PasswordSpec};
pub use ssh_key::{SSHKey, SSHKeySpec};
pub use state::{GeneratorState, GeneratorStateSpec, GeneratorStateStatus};
pub use sts_session_token::{RequestParameters, STSSessionToken, STSSessionTokenSpec};
pub use uuid::{UUID, UUIDSpec};
pub use vault_dynamic_secret::{ResultType, VaultDynamicSecret, VaultDynamicSecretSpec};
