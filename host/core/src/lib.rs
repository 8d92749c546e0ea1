//! Pure decisions of Claviger: what to read, how to shape it, what the Secret should be, when to look
//! again.
//!
//! It does no I/O, knows no Kubernetes client and no wasmtime: whoever calls it brings objects, fetched
//! values, the time and a random seed, and carries out what comes back.
//!
//! A value was fetched, and its Secret is not there yet:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use claviger_core::hash::KeyedHasher;
//! use claviger_core::plan::{Controller, Effect, Input, Planned, plan};
//! use claviger_core::secret::SecretBytes;
//! use claviger_core::template::Rendered;
//! use claviger_crds::external_secret::ExternalSecretSpec;
//!
//! let spec: ExternalSecretSpec = serde_json::from_str(
//!     r#"{"target": {"name": "postgres"}, "data": [{"secretKey": "password", "remoteRef": {"key": "db"}}]}"#,
//! )?;
//! let owner = Controller {
//!     api_version: "external-secrets.io/v1".to_owned(),
//!     kind: "ExternalSecret".to_owned(),
//!     name: "database".to_owned(),
//!     uid: "5f0c".to_owned(),
//! };
//! let value = Arc::new(SecretBytes::copied_from(b"correct-horse"));
//! let wanted = Rendered { data: BTreeMap::from([("password".to_owned(), value)]), ..Rendered::default() };
//! let hasher = KeyedHasher::random();
//!
//! let planned = plan(&Input {
//!     owner: &owner,
//!     namespace: "production",
//!     spec: &spec,
//!     observed: None, // the Secret as it is
//!     present: None,
//!     siblings: &[],
//!     wanted: Some(&wanted),
//!     mark_changes: None,
//!     hasher: &hasher,
//! })?;
//!
//! let Planned::Do(plan) = planned else { panic!("nobody else has keys there") };
//! let [Effect::Apply(apply)] = plan.effects.as_slice() else { panic!("one write") };
//! assert_eq!(apply.name, "postgres");
//! assert!(apply.precondition.is_none()); // it is made, and never written over something that came meanwhile
//! assert_eq!(plan.success.condition(), ("SecretSynced", "secret synced"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod access;
pub mod admission;
pub mod authority;
pub mod backoff;
pub mod budget;
pub mod change;
pub mod duration;
pub mod error;
pub mod failures;
pub mod generator;
pub mod generic;
pub mod gjson;
pub mod hash;
pub mod inputs;
pub mod lease;
pub mod limit;
pub mod names;
pub mod options;
pub mod outcome;
pub mod plan;
pub mod provider;
pub mod push;
pub mod redact;
pub mod refresh;
pub mod rendered;
pub mod rollout;
pub mod scheduler;
pub mod secret;
pub mod shape;
pub mod spread;
pub mod status;
pub mod template;
pub mod tenancy;
pub mod windows;
