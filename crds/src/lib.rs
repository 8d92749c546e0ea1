//! The Kubernetes API types of Claviger: SecretStore, ClusterSecretStore, ExternalSecret,
//! ClusterExternalSecret, PushSecret, ClusterPushSecret and generators as the External Secrets Operator has them, and Claviger's own Plugin.
//!
//! Data and schema only: no client, no validation beyond the schema, no defaults that need a cluster.
//! [`generate`] turns the types into the CustomResourceDefinitions in `crds/generated/`.
//!
//! A manifest, and the definition that the API server takes it by:
//!
//! ```
//! use claviger_crds::external_secret::{CreationPolicy, ExternalSecret};
//! use claviger_crds::generate;
//!
//! let manifest = r#"
//! apiVersion: external-secrets.io/v1
//! kind: ExternalSecret
//! metadata: {name: database, namespace: production}
//! spec:
//!   secretStoreRef: {name: vault, kind: SecretStore}
//!   target: {name: postgres}
//!   data:
//!   - secretKey: password
//!     remoteRef: {key: database/postgres, property: password}
//! "#;
//! let object: ExternalSecret = serde_saphyr::from_str(manifest)?;
//! assert_eq!(object.spec.data[0].remote_ref.property.as_deref(), Some("password"));
//! // What the API server would fill in.
//! assert_eq!(object.spec.refresh_interval, "1h0m0s");
//! assert_eq!(object.spec.target.creation_policy, CreationPolicy::Owner);
//!
//! let files = generate::all();
//! assert!(files.iter().any(|(name, _)| name == "external-secrets.io_externalsecrets.yaml"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
