//! What stores are handed of the cluster's in a comparison. It is read with the rights of the person who compares, and goes
//! to a server that the store names: so whoever wrote the files must not choose that server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claviger_core::error::StoreName;
use claviger_core::provider::NeedError;
use claviger_core::secret::SecretBytes;
use claviger_crds::store::SecretStoreSpec;
use claviger_plugins::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};
use kube::Client;
use tokio::sync::OnceCell;

use super::known::is_the_clusters;
use crate::render::Files;
use crate::trust;

/// To whom what the cluster has is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hands {
    /// To the cluster's stores, as its operator does. There are no files.
    AsTheOperator,
    /// To the cluster's own stores.
    ToItsOwn,
    /// To those of the files too: somebody said that he trusts them.
    ToAll,
}

/// References of one store: to the files first, then to the cluster.
pub(super) struct Handed {
    pub(super) files: Files,
    pub(super) client: Client,
    /// What the cluster has.
    pub(super) cluster: Arc<dyn CredentialSource>,
    pub(super) store: StoreName,
    pub(super) hands: Hands,
    /// Why the store is not the cluster's own, once that is known.
    pub(super) not_its_own: OnceCell<Option<String>>,
}

impl Handed {
    /// Whether something of the cluster's may be handed over.
    ///
    /// # Errors
    /// [`NeedError::Withheld`].
    async fn hand(&self, what: impl FnOnce() -> String) -> Result<(), NeedError> {
        let StoreName { kind, namespace, name } = &self.store;
        let file = self.files.find(kind, namespace.as_deref().unwrap_or_default(), name);
        // A store that does not stand in the files is the cluster's.
        let (Hands::ToItsOwn, Some(file)) = (self.hands, file) else { return Ok(()) };
        let look = || async {
            let found =
                is_the_clusters::<SecretStoreSpec>(&self.client, kind, namespace.as_deref(), name, file)
                    .await;
            found.err()
        };
        match self.not_its_own.get_or_init(look).await {
            None => Ok(()),
            Some(why) => Err(NeedError::Withheld {
                what: what(),
                why: format!(
                    "{why}: put what it refers to into the files, or apply the store first; --trust-files hands over \
                     whatever the files ask for"
                ),
            }),
        }
    }
}

#[async_trait]
impl CredentialSource for Handed {
    async fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        match self.files.object(kind, namespace, name, key).await {
            // An object of the files stands for the cluster's: a key that it has not would go.
            Err(NeedError::NotFound { key: None, .. }) => {
                self.hand(|| format!("{} {namespace}/{name}", kind.as_str())).await?;
                self.cluster.object(kind, namespace, name, key).await
            }
            found => found,
        }
    }

    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        self.hand(|| format!("ServiceAccount {namespace}/{name}")).await?;
        self.cluster.account(namespace, name).await
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
        expiration: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        let is_its = audiences.is_empty() || audiences.iter().any(|name| trust::is_an_api_servers(name));
        if is_its && self.hands != Hands::AsTheOperator {
            return Err(NeedError::AudienceRefused {
                audience: audiences.join(", "),
                why: format!(
                    "whoever has it is ServiceAccount {namespace}/{name} to the API server, and no comparison asks for such \
                     a token"
                ),
            });
        }
        self.hand(|| format!("a token of ServiceAccount {namespace}/{name}")).await?;
        self.cluster.token(namespace, name, audiences, expiration).await
    }

    /// A person's own machine is nobody's pod.
    async fn ambient(&self, kind: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        self.files.ambient(kind, name).await
    }

    fn api_server_audiences(&self) -> Vec<String> {
        self.cluster.api_server_audiences()
    }
}
