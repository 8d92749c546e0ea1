//! What a store was handed when it was connected, noted by name for the audit log: Secrets and ConfigMaps that bytes were taken
//! of, ServiceAccounts that gave a token. What was refused or missing is in the result; the process's surroundings are
//! no objects.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use claviger_core::provider::NeedError;
use claviger_core::secret::SecretBytes;
use claviger_plugins::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};

use crate::cluster::credentials::source_kind;

/// An object: kind, namespace, name.
pub(super) type Taken = (&'static str, String, String);

/// A source that notes what it gave.
pub(super) struct Noted {
    source: Arc<dyn CredentialSource>,
    taken: Mutex<BTreeSet<Taken>>,
}

impl Noted {
    pub(super) fn new(source: Arc<dyn CredentialSource>) -> Arc<Self> {
        Arc::new(Self { source, taken: Mutex::default() })
    }

    /// What it gave until now.
    pub(super) fn taken(&self) -> BTreeSet<Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, kind: &'static str, namespace: &str, name: &str) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert((kind, namespace.to_owned(), name.to_owned()));
    }
}

#[async_trait]
impl CredentialSource for Noted {
    async fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        let answer = self.source.object(kind, namespace, name, key).await?;
        self.note(source_kind(kind).as_str(), namespace, name);
        Ok(answer)
    }

    /// Its annotations are no credential.
    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        self.source.account(namespace, name).await
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
        expiration: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        let answer = self.source.token(namespace, name, audiences, expiration).await?;
        self.note("ServiceAccount", namespace, name);
        Ok(answer)
    }

    async fn ambient(&self, kind: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        self.source.ambient(kind, name).await
    }

    fn stand_in_namespace(&self) -> Option<String> {
        self.source.stand_in_namespace()
    }

    fn api_server_audiences(&self) -> Vec<String> {
        self.source.api_server_audiences()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// One with a Secret `there`, and any account.
    struct Given;

    #[async_trait]
    impl CredentialSource for Given {
        async fn object(
            &self,
            _: ObjectKind,
            namespace: &str,
            name: &str,
            _: &str,
        ) -> Result<ObjectAnswer, NeedError> {
            if name == "there" {
                return Ok(ObjectAnswer { value: SecretBytes::new(Vec::new()), identity: String::new() });
            }
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            Err(NeedError::NotFound { kind: "Secret", namespace, name, key: None })
        }

        async fn account(&self, _: &str, _: &str) -> Result<AccountAnswer, NeedError> {
            Ok(AccountAnswer { annotations: Default::default(), identity: String::new() })
        }

        async fn token(
            &self,
            _: &str,
            _: &str,
            _: &[String],
            _: Option<Duration>,
        ) -> Result<TokenAnswer, NeedError> {
            let (token, annotations) = (SecretBytes::new(Vec::new()), Default::default());
            Ok(TokenAnswer { token, annotations, identity: String::new() })
        }

        async fn ambient(&self, _: AmbientKind, _: &str) -> Result<Option<SecretBytes>, NeedError> {
            Ok(None)
        }

        fn stand_in_namespace(&self) -> Option<String> {
            Some("ops".to_owned())
        }

        fn api_server_audiences(&self) -> Vec<String> {
            vec!["api".to_owned()]
        }
    }

    #[tokio::test]
    async fn what_was_given_is_noted_once_and_nothing_else() {
        let noted = Noted::new(Arc::new(Given));
        for name in ["there", "there", "absent"] {
            let _ = noted.object(ObjectKind::Secret, "a", name, "k").await;
        }
        noted.account("a", "looked-at").await.unwrap();
        noted.token("a", "app", &[], None).await.unwrap();
        let _ = noted.ambient(AmbientKind::Env, "HOME").await;
        let taken: Vec<String> =
            noted.taken().into_iter().map(|(kind, at, name)| format!("{kind} {at}/{name}")).collect();
        assert_eq!(taken, ["Secret a/there", "ServiceAccount a/app"]);
        assert_eq!(
            (noted.stand_in_namespace().as_deref(), noted.api_server_audiences().len()),
            (Some("ops"), 1)
        );
    }
}
