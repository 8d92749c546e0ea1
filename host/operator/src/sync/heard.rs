//! Surroundings for tests: a store of one spec or none, what it refers to, and what the audit log would be told. Nothing
//! else is there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use claviger_core::error::Failure;
use claviger_core::secret::SecretBytes;
use claviger_crds::store::SecretStoreSpec;
use claviger_plugins::CredentialSource;

use super::world::{GeneratorView, SourceKind, StoreView, World};
use crate::audit::Access;
use crate::watch::Object;

/// They.
#[derive(Default)]
pub(super) struct Heard {
    /// Of every store that is asked for.
    store: Option<SecretStoreSpec>,
    /// What it is connected with.
    source: Option<Arc<dyn CredentialSource>>,
    lines: Mutex<Vec<String>>,
}

impl Heard {
    /// With a store.
    pub(super) fn with(store: SecretStoreSpec) -> Self {
        Self { store: Some(store), ..Self::default() }
    }

    /// With one that can be connected.
    pub(super) fn connecting(store: SecretStoreSpec, source: Arc<dyn CredentialSource>) -> Self {
        Self { source: Some(source), ..Self::with(store) }
    }

    /// What was told.
    pub(super) fn lines(self) -> Vec<String> {
        self.lines.into_inner().unwrap()
    }
}

fn nothing<T>() -> Result<T, Failure> {
    Err(Failure::PolicyInvalid { why: "nothing is here".to_owned() })
}

#[async_trait]
impl World for Heard {
    async fn store(&self, _: &Object, _: &str) -> Result<StoreView, Failure> {
        let spec = self.store.clone().map_or_else(nothing, Ok)?;
        Ok(StoreView { uid: "u".to_owned(), generation: 1, spec })
    }

    async fn generator(&self, _: &str, _: &str, _: &str) -> Result<GeneratorView, Failure> {
        nothing()
    }

    async fn source(
        &self,
        _: SourceKind,
        _: &str,
        _: &str,
    ) -> Result<Option<BTreeMap<String, SecretBytes>>, Failure> {
        nothing()
    }

    fn audits(&self) -> bool {
        true
    }

    fn audit(&self, access: &Access<'_>) {
        let Access { operation, key, result, .. } = access;
        self.lines.lock().unwrap().push(format!("{operation} {} {result}", key.unwrap_or_default()));
    }

    async fn namespace_labels(&self, _: &str) -> Result<Arc<BTreeMap<String, String>>, Failure> {
        nothing()
    }

    fn credentials(&self, _: Option<&Object>) -> Arc<dyn CredentialSource> {
        self.source.clone().expect("nobody connects")
    }
}
