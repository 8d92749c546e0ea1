//! Generators: objects that a `dataFrom[].sourceRef.generatorRef` names, whose plugin makes values for who asks.
//!
//! Schema only. Their specs are read as JSON and checked by the plugin that answers to the kind.

mod cluster;
mod fake;
mod password;
mod ssh_key;
mod uuid;
mod vault_dynamic_secret;
mod webhook;

pub use cluster::{ClusterGenerator, ClusterGeneratorSpec, GeneratorSpec};
pub use fake::{Fake, FakeSpec};
pub use password::{Password, PasswordSpec};
pub use ssh_key::{SSHKey, SSHKeySpec};
pub use uuid::{UUID, UUIDSpec};
pub use vault_dynamic_secret::{ResultType, VaultDynamicSecret, VaultDynamicSecretSpec};
pub use webhook::{Webhook, WebhookSecret, WebhookSpec};
