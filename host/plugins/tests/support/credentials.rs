//! Credentials as a cluster would hold them, and a count of what was asked for.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use claviger_core::provider::NeedError;
use claviger_core::secret::SecretBytes;
use claviger_plugins::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};

/// The API server's own audience.
pub(crate) const API_SERVER: &str = "https://kubernetes.default.svc";

/// Nothing may be asked of it: these stores refer to nothing.
pub(crate) struct NoCredentials;

#[async_trait]
impl CredentialSource for NoCredentials {
    async fn object(
        &self,
        _: ObjectKind,
        namespace: &str,
        name: &str,
        _: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        panic!("asked for {namespace}/{name}")
    }

    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        panic!("asked for {namespace}/{name}")
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        _: &[String],
        _: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        panic!("asked for {namespace}/{name}")
    }

    async fn ambient(&self, _: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        panic!("asked for {name}")
    }

    fn api_server_audiences(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Answers everything, with a value that says what was asked for, and writes it down: what a plugin gets is
/// decided before.
#[derive(Default)]
pub(crate) struct Manifest {
    asked: Mutex<Vec<String>>,
    /// By ServiceAccount.
    annotations: BTreeMap<&'static str, Vec<(&'static str, String)>>,
    /// Asked for once more than that, it is gone: `Secret tenant/mine`. What is not here is always there.
    lives: Mutex<BTreeMap<&'static str, usize>>,
    stand_in: Option<&'static str>,
}

impl Manifest {
    /// ServiceAccounts with these annotations.
    pub(crate) fn with(annotations: &[(&'static str, &[(&'static str, &str)])]) -> Self {
        let owned = |list: &[(&'static str, &str)]| {
            list.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        let annotations = annotations.iter().map(|(account, list)| (*account, owned(list))).collect();
        Self { annotations, ..Self::default() }
    }

    /// The same, with a namespace that stands in where these are not.
    pub(crate) fn without(self, namespace: &'static str, gone: &[&'static str]) -> Self {
        let lives = Mutex::new(gone.iter().map(|object| (*object, 0)).collect());
        Self { lives, stand_in: Some(namespace), ..self }
    }

    /// A namespace that stands in, and objects that are there for so many times only.
    pub(crate) fn with_stand_in(namespace: &'static str, lives: &[(&'static str, usize)]) -> Self {
        let lives = Mutex::new(lives.iter().copied().collect());
        Self { lives, stand_in: Some(namespace), ..Self::default() }
    }

    /// Whether it is there, this time.
    fn there(&self, kind: &'static str, namespace: &str, name: &str) -> Result<(), NeedError> {
        let mut lives = self.lives.lock().unwrap();
        let Some(left) = lives.get_mut(format!("{kind} {namespace}/{name}").as_str()) else { return Ok(()) };
        if *left == 0 {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            return Err(NeedError::NotFound { kind, namespace, name, key: None });
        }
        *left -= 1;
        Ok(())
    }

    /// What was asked for since the last time, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn annotations_of(&self, account: &str) -> BTreeMap<String, String> {
        let annotations = self.annotations.get(account).into_iter().flatten();
        annotations.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    fn write_down(&self, what: String) -> SecretBytes {
        self.asked.lock().unwrap().push(what.clone());
        SecretBytes::copied_from(what.as_bytes())
    }
}

#[async_trait]
impl CredentialSource for Manifest {
    async fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        let value = self.write_down(format!("{kind:?} {namespace}/{name} {key}"));
        self.there("Secret", namespace, name)?;
        Ok(ObjectAnswer { value, identity: name.to_owned() })
    }

    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        self.write_down(format!("account {namespace}/{name}"));
        self.there("ServiceAccount", namespace, name)?;
        Ok(AccountAnswer { annotations: self.annotations_of(name), identity: name.to_owned() })
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
        expiration: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        let life = expiration.map_or_else(String::new, |life| format!(" for {} s", life.as_secs()));
        let token = self.write_down(format!("token {namespace}/{name} {}{life}", audiences.join(",")));
        self.there("ServiceAccount", namespace, name)?;
        Ok(TokenAnswer { token, annotations: self.annotations_of(name), identity: name.to_owned() })
    }

    async fn ambient(&self, kind: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        Ok(Some(self.write_down(format!("{kind} {name}"))))
    }

    fn stand_in_namespace(&self) -> Option<String> {
        self.stand_in.map(ToOwned::to_owned)
    }

    fn api_server_audiences(&self) -> Vec<String> {
        vec![API_SERVER.to_owned()]
    }
}
