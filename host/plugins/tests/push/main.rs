//! Pushing with the real plugins to real servers, with no more rights than the providers' pages ask for: what the
//! backend holds afterwards is read by somebody else (Vault's API with the root token, boto3), and its own log says how many
//! requests that took.
//!
//! With real components. They are built by `cargo xtask test`; without them these tests say so loudly, and
//! fail where that is asked for. What is pushed, and when, is not decided here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod parameter_store;
mod secrets_manager;
mod vault;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claviger_core::provider::{Facet, Item, Nature, NeedError, ProviderError, Pushed, Removal, Write};
use claviger_core::redact::Redactor;
use claviger_core::secret::SecretBytes;
use claviger_plugins::{
    AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, Requester, Session, TokenAnswer,
    builtin_grants,
};
use serde_json::Value;

use secrets_manager::Account;

/// Secrets of one namespace, by name and key.
struct Secrets(BTreeMap<(&'static str, &'static str), String>);

#[async_trait]
impl CredentialSource for Secrets {
    async fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        let found = self.0.iter().find(|(own, _)| **own == (name, key));
        let Some((_, value)) = found else { panic!("asked for {kind:?} {namespace}/{name} {key}") };
        Ok(ObjectAnswer { value: SecretBytes::copied_from(value.as_bytes()), identity: name.to_owned() })
    }

    async fn account(&self, _: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        panic!("asked for account {name}")
    }

    async fn token(
        &self,
        _: &str,
        name: &str,
        _: &[String],
        _: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        panic!("asked for a token of {name}")
    }

    async fn ambient(&self, _: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        panic!("asked for {name}")
    }

    fn api_server_audiences(&self) -> Vec<String> {
        Vec::new()
    }
}

/// An error, to be compared.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Denied(String),
    Conflict(String),
    Unsupported(String),
    InvalidConfig(String),
    Other(String),
}

impl From<ProviderError> for Refused {
    fn from(error: ProviderError) -> Self {
        let clean = |text| Redactor::default().clean(&text);
        match error {
            ProviderError::Denied(text) => Self::Denied(clean(text)),
            ProviderError::Conflict(text) => Self::Conflict(clean(text)),
            ProviderError::Unsupported(text) => Self::Unsupported(clean(text)),
            ProviderError::InvalidConfig { path, .. } => Self::InvalidConfig(path),
            ProviderError::Other(text) => Self::Other(clean(text)),
            other => panic!("{other}: {other:?}"),
        }
    }
}

/// A store of a built-in plugin, and what is done with it in these tests.
struct Store(Arc<Session>);

impl Store {
    /// `None` if the component is not there.
    async fn connect(
        plugin: &str,
        settings: Value,
        config: Value,
        secrets: &[((&'static str, &'static str), &str)],
    ) -> Option<Self> {
        // One component under two names.
        let bytes = support::component(if plugin == "openBao" { "vault" } else { plugin })?;
        let mut grants = builtin_grants(plugin);
        (grants.loopback, grants.settings) = (true, settings);
        let plugin = support::host().load(plugin, bytes, grants).await.unwrap();
        plugin.check_config(&config).unwrap();
        let secrets = secrets.iter().map(|(at, value)| (*at, (*value).to_owned())).collect();
        let requester = Requester { namespace: "ns".to_owned() };
        let connected = plugin.connect(support::store("uid"), requester, config, Arc::new(Secrets(secrets)));
        Some(Self(connected.await.unwrap()))
    }

    async fn push_all(&self, writes: &[Write]) -> Vec<Result<Pushed, Refused>> {
        let answers = self.0.push(writes).await.unwrap();
        answers.into_iter().map(|answer| answer.map_err(Refused::from)).collect()
    }

    async fn write(&self, write: Write) -> Result<Pushed, Refused> {
        self.push_all(&[write]).await.remove(0)
    }

    async fn push(&self, key: &str, value: &str) -> Result<Pushed, Refused> {
        self.write(write(key, value)).await
    }

    async fn delete(&self, key: &str) -> Result<(), Refused> {
        self.delete_version(key, None).await
    }

    async fn delete_version(&self, key: &str, version: Option<&str>) -> Result<(), Refused> {
        let removal = Removal { key: key.to_owned(), expected_version: version.map(ToOwned::to_owned) };
        self.0.delete(&[removal]).await.unwrap().remove(0).map_err(Refused::from)
    }

    async fn exists(&self, key: &str) -> bool {
        self.0.exists(&[key.to_owned()]).await.unwrap().remove(0).unwrap()
    }

    /// What `get` tells of the version.
    async fn version(&self, key: &str) -> String {
        let item = Item {
            key: key.to_owned(),
            version: None,
            property: None,
            facet: Facet::Value,
            nature: Nature::Stored,
        };
        let value = self.0.get(&[item]).await.unwrap().remove(0).unwrap();
        value.version.unwrap()
    }
}

fn write(key: &str, value: &str) -> Write {
    Write {
        key: key.to_owned(),
        value: Arc::new(SecretBytes::copied_from(value.as_bytes())),
        expected_version: None,
        metadata: None,
        replace: true,
    }
}

/// Refused for whose it is, in ESO's words.
#[track_caller]
fn not_managed<T: std::fmt::Debug>(result: Result<T, Refused>) {
    let Err(Refused::Denied(said)) = result else { panic!("{result:?}") };
    assert!(said.contains("secret not managed by external-secrets"), "{said}");
}

#[track_caller]
fn conflict<T: std::fmt::Debug>(result: Result<T, Refused>) {
    assert!(matches!(result, Err(Refused::Conflict(_))), "{result:?}");
}

/// One server, since each takes its time to start.
#[tokio::test]
async fn push_to_aws() {
    if support::component("aws").is_none() {
        return;
    }
    let account = Account::start();
    account.may("secrets", secrets_manager::POLICY);
    account.may("parameters", parameter_store::POLICY);
    secrets_manager::kept_up(&account).await;
    secrets_manager::not_ours(&account).await;
    secrets_manager::after_a_deletion(&account).await;
    secrets_manager::policies_and_replicas(&account).await;
    parameter_store::kept_up(&account).await;
    parameter_store::as_the_metadata_says(&account).await;
    parameter_store::not_ours(&account).await;
}

/// Each policy of these tests stands in the provider's page, word for word.
#[test]
fn policies_are_those_of_the_pages() {
    let (aws, vault) = (
        include_str!("../../../../docs/providers/aws.md"),
        include_str!("../../../../docs/providers/vault.md"),
    );
    assert!(aws.contains(secrets_manager::POLICY) && aws.contains(parameter_store::POLICY));
    assert!(vault::POLICY.lines().all(|rule| vault.contains(rule)));
}
