//! The Secret that the stores of `plugin_call` refer to. There is no cluster there.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use claviger_core::provider::NeedError;
use claviger_core::secret::SecretBytes;
use claviger_plugins::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};

/// Keys and values of one Secret, whatever its name.
pub(crate) struct Fixed(BTreeMap<String, String>);

impl Fixed {
    pub(crate) fn new(keys: &[(&str, &str)]) -> Self {
        Self(keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }
}

#[async_trait]
impl CredentialSource for Fixed {
    async fn object(&self, _: ObjectKind, _: &str, name: &str, key: &str) -> Result<ObjectAnswer, NeedError> {
        let value = self.0.get(key).ok_or_else(|| missing(key))?;
        Ok(ObjectAnswer { value: SecretBytes::copied_from(value.as_bytes()), identity: name.to_owned() })
    }

    async fn account(&self, _: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        Err(missing(name))
    }

    async fn token(
        &self,
        _: &str,
        name: &str,
        _: &[String],
        _: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        Err(missing(name))
    }

    async fn ambient(&self, _: AmbientKind, _: &str) -> Result<Option<SecretBytes>, NeedError> {
        Ok(None)
    }

    fn api_server_audiences(&self) -> Vec<String> {
        Vec::new()
    }
}

fn missing(name: &str) -> NeedError {
    NeedError::NotFound { kind: "Secret", namespace: "bench".to_owned(), name: name.to_owned(), key: None }
}
