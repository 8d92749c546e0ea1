//! The Kubernetes API types of Claviger: SecretStore, ClusterSecretStore, ExternalSecret,
//! ClusterExternalSecret, PushSecret, ClusterPushSecret and generators as the External Secrets Operator has them, and Claviger's own Plugin.
//!
//! Data and schema only: no client, no validation beyond the schema, no defaults that need a cluster.
//! [`generate`] turns the types into the CustomResourceDefinitions in `crds/generated/`.

pub mod cluster_external_secret;
pub mod cluster_push_secret;
pub mod condition;
pub mod external_secret;
pub mod generate;
pub mod generators;
pub mod plugin;
pub mod providers;
pub mod push_secret;
pub mod reference;
pub mod schema;
pub mod store;
